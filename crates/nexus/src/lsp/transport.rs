//! Messages on a stream: a header with the length, then JSON.

use std::io::{self, BufRead, Read, Write};
use std::sync::mpsc::Sender;

use lsp_server::Message;
use serde_json::{Value as Json, json};

use super::main_loop::Event;

/// Largest message, in bytes: a document of ten megabytes with every character escaped fits.
const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Longest line of a header, in bytes.
const HEADER_BYTES_MAX: u64 = 8 * 1024;

/// What a stream gave.
enum Frame {
    /// A whole body.
    Body(Vec<u8>),
    /// Something that is no message; the stream goes on behind it.
    Junk(String),
    /// The stream has ended.
    End,
}

/// Passes every message on until the stream ends, the editor says `exit`, or nobody listens any more.
pub(super) fn read_all(mut input: impl BufRead, events: &Sender<Event>) {
    // What follows a broken header is part of the same trouble until a message can be read again.
    let mut is_lost = false;
    loop {
        let event = match read(&mut input) {
            Ok(Frame::Body(body)) => {
                is_lost = false;
                parse(&body)
            }
            Ok(Frame::Junk(_)) if is_lost => continue,
            Ok(Frame::Junk(what)) => {
                is_lost = true;
                Event::Malformed(what)
            }
            Ok(Frame::End) | Err(_) => Event::Closed,
        };
        let is_last = matches!(&event, Event::Closed)
            || matches!(&event, Event::Message(Message::Notification(it)) if it.method == "exit");
        if events.send(event).is_err() || is_last {
            return;
        }
    }
}

fn parse(body: &[u8]) -> Event {
    match serde_json::from_slice::<Message>(body) {
        Ok(message) => Event::Message(message),
        // Valid JSON that is no message can still name the request that waits for an answer.
        Err(error) => match serde_json::from_slice::<Json>(body) {
            Ok(_) => Event::Malformed("this is no message of JSON-RPC".to_owned()),
            Err(_) => Event::Malformed(format!("the message is no JSON: {error}")),
        },
    }
}

/// Reads one message, however long; a length that cannot be is junk.
fn read(input: &mut impl BufRead) -> io::Result<Frame> {
    let mut length = None;
    loop {
        let mut line = Vec::new();
        if input.by_ref().take(HEADER_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
            return Ok(Frame::End);
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else {
            return Ok(Frame::Junk("a line of the header has no colon".to_owned()));
        };
        if name.trim().eq_ignore_ascii_case("Content-Length") {
            length = value.trim().parse::<usize>().ok();
        }
    }
    match length {
        None => Ok(Frame::Junk("the header has no Content-Length".to_owned())),
        Some(length) if length > MESSAGE_BYTES_MAX => {
            io::copy(&mut input.by_ref().take(length as u64), &mut io::sink())?;
            Ok(Frame::Junk(format!("a message has at most {MESSAGE_BYTES_MAX} bytes")))
        }
        Some(length) => {
            let mut body = vec![0; length];
            input.read_exact(&mut body)?;
            Ok(Frame::Body(body))
        }
    }
}

/// Writes a message.
pub(super) fn write(output: &mut impl Write, message: &Message) -> io::Result<()> {
    let mut body = serde_json::to_value(message)?;
    if let Some(fields) = body.as_object_mut() {
        fields.insert("jsonrpc".to_owned(), Json::from("2.0"));
    }
    write_json(output, &body)
}

/// Writes the answer to something that is no message: nobody knows its id.
pub(super) fn write_parse_error(output: &mut impl Write, what: &str) -> io::Result<()> {
    let code = lsp_server::ErrorCode::ParseError as i32;
    let body = json!({ "jsonrpc": "2.0", "id": null, "error": { "code": code, "message": what } });
    write_json(output, &body)
}

fn write_json(output: &mut impl Write, body: &Json) -> io::Result<()> {
    let body = serde_json::to_vec(body)?;
    write!(output, "Content-Length: {}\r\n\r\n", body.len())?;
    output.write_all(&body)?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(input: &[u8]) -> Vec<String> {
        let (sender, inbox) = std::sync::mpsc::channel();
        read_all(input, &sender);
        drop(sender);
        let shown = |event| match event {
            Event::Message(Message::Request(it)) => format!("request {}", it.method),
            Event::Message(Message::Notification(it)) => format!("notification {}", it.method),
            Event::Message(Message::Response(it)) => format!("response {}", it.id),
            Event::Malformed(what) => format!("malformed: {what}"),
            Event::Closed => "closed".to_owned(),
            Event::Answered(_) | Event::Diagnosed(_) => unreachable!(),
        };
        inbox.iter().map(shown).collect()
    }

    fn framed(body: &str) -> String {
        format!("Content-Length: {}\r\n\r\n{body}", body.len())
    }

    #[test]
    fn reads_messages_until_the_end() {
        let text = framed(r#"{"jsonrpc":"2.0","id":1,"method":"a"}"#)
            + &framed(r#"{"jsonrpc":"2.0","method":"b","params":{}}"#)
            + "content-length: 39\r\nContent-Type: x\r\n\r\n"
            + r#"{"jsonrpc":"2.0","id":"x","result":[1]}"#;
        assert_eq!(events(text.as_bytes()), ["request a", "notification b", "response \"x\"", "closed"]);
    }

    #[test]
    fn goes_on_after_what_is_no_message() {
        let text = framed("{\"id\":") + &framed("[1]") + "garbage\r\nmore\r\n" + &framed(r#"{"method":"b"}"#);
        let found = events(text.as_bytes());
        assert!(found[0].starts_with("malformed: the message is no JSON"), "{found:?}");
        assert_eq!(
            found[1..],
            [
                "malformed: this is no message of JSON-RPC",
                "malformed: a line of the header has no colon",
                "notification b",
                "closed"
            ]
        );
    }

    #[test]
    fn impossible_lengths_cost_no_memory() {
        let found = events(b"Content-Length: 99999999999999\r\n\r\nx");
        assert!(found[0].starts_with("malformed: a message has at most"), "{found:?}");
        assert_eq!(events(b"Content-Length: -1\r\n\r\n")[0], "malformed: the header has no Content-Length");
        assert_eq!(events(b"Content-Length: 10\r\n\r\nx"), ["closed"]);
        assert_eq!(events(b""), ["closed"]);
    }

    #[test]
    fn nothing_is_read_behind_the_goodbye() {
        let text = framed(r#"{"method":"exit"}"#) + &framed(r#"{"method":"b"}"#);
        assert_eq!(events(text.as_bytes()), ["notification exit"]);
    }
}
