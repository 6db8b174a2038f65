//! An event stream, read event by event.

use reqwest::Response;

/// The events of an answer.
pub(super) struct Events {
    response: Response,
    text: Buffer,
}

/// Bytes that have come in and make no whole event yet.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
}

impl Events {
    /// Reads the events of this answer.
    pub(super) fn new(response: Response) -> Events {
        Events { response, text: Buffer::default() }
    }

    /// The data of the next event; nothing at the end.
    pub(super) async fn next(&mut self) -> reqwest::Result<Option<String>> {
        loop {
            if let Some(data) = self.text.event() {
                return Ok(Some(data));
            }
            match self.response.chunk().await? {
                Some(chunk) => self.text.bytes.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
    }
}

impl Buffer {
    /// The next whole event.
    fn event(&mut self) -> Option<String> {
        while let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
            let rest = self.bytes.split_off(end + 1);
            let mut line = std::mem::replace(&mut self.bytes, rest);
            while matches!(line.last(), Some(b'\n' | b'\r')) {
                line.pop();
            }
            if line.is_empty() && self.has_data {
                self.has_data = false;
                let data = std::mem::take(&mut self.data);
                return Some(String::from_utf8_lossy(&data).into_owned());
            }
            if let Some(data) = line.strip_prefix(b"data:") {
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(data.strip_prefix(b" ").unwrap_or(data));
                self.has_data = true;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_whole_however_they_come() {
        let text = b": hello\nid: 1\ndata: {\"a\":\ndata:1}\r\n\r\ndata:\n\nevent: x\n\ndata: 2\n\ndata: 3";
        for size in 1..text.len() {
            let (mut buffer, mut found) = (Buffer::default(), Vec::new());
            for chunk in text.chunks(size) {
                buffer.bytes.extend_from_slice(chunk);
                while let Some(data) = buffer.event() {
                    found.push(data);
                }
            }
            assert_eq!(found, ["{\"a\":\n1}", "", "2"], "{size}");
        }
    }
}
