//! A collector of traces on the loopback, which is a service that activities call as well.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;

use serde_json::{Value as Json, json};

/// What came in.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Json,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// The collector, and what has come in so far.
pub(crate) struct Collector {
    pub(crate) url: String,
    requests: mpsc::Receiver<Request>,
    spans: Vec<Json>,
    pub(crate) calls: Vec<Request>,
    /// Everything as it came.
    pub(crate) seen: String,
}

impl Collector {
    pub(crate) fn start() -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, requests) = mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let request = read(stream.as_ref().unwrap());
                let _ = sender.send(request); // the test may be over
                answer(stream.unwrap());
            }
        });
        Collector { url, requests, spans: Vec::new(), calls: Vec::new(), seen: String::new() }
    }

    /// The span of this name, as soon as it has come.
    pub(crate) fn span(&mut self, name: &str) -> Json {
        self.nth(name, 0)
    }

    /// The span of this name that came after so many others.
    pub(crate) fn nth(&mut self, name: &str, count: usize) -> Json {
        loop {
            if let Some(found) = self.spans.iter().filter(|span| span["name"] == name).nth(count) {
                return found.clone();
            }
            self.take();
        }
    }

    /// Takes what has come in so far.
    pub(crate) fn drain(&mut self) {
        while let Ok(request) = self.requests.try_recv() {
            self.note(request);
        }
    }

    fn take(&mut self) {
        let request = self.requests.recv().unwrap();
        self.note(request);
    }

    fn note(&mut self, request: Request) {
        self.seen.extend([format!("{request:?}")]);
        if request.path != "/v1/traces" {
            self.calls.push(request);
            return;
        }
        assert_eq!(request.header("content-type"), "application/json");
        for resource in request.body["resourceSpans"].as_array().unwrap() {
            let names = resource["resource"]["attributes"].as_array().unwrap();
            assert!(names.iter().any(|it| it["key"] == "service.name"), "{names:?}");
            for scope in resource["scopeSpans"].as_array().unwrap() {
                self.spans.extend(scope["spans"].as_array().unwrap().iter().map(checked));
            }
        }
    }
}

/// A span that is as the protocol says.
fn checked(span: &Json) -> Json {
    let digits = |name: &str, count: usize| {
        let id = span[name].as_str().unwrap_or_default();
        id.len() == count && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    assert!(digits("traceId", 32) && digits("spanId", 16), "{span}");
    assert!(span.get("parentSpanId").is_none() || digits("parentSpanId", 16), "{span}");
    let time = |name: &str| span[name].as_str().unwrap().parse::<u64>().unwrap();
    assert!(time("startTimeUnixNano") <= time("endTimeUnixNano"), "{span}");
    span.clone()
}

fn read(stream: &TcpStream) -> Request {
    let mut reader = BufReader::new(stream);
    let (mut path, mut headers, mut length) = (String::new(), Vec::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end().split_once(": ") {
            Some((name, value)) => {
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.parse().unwrap();
                }
                headers.push((name.to_ascii_lowercase(), value.to_owned()));
            }
            None if line.trim_end().is_empty() => break,
            None => line.split(' ').nth(1).unwrap_or_default().clone_into(&mut path),
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Request { path, headers, body: serde_json::from_slice(&body).unwrap_or(Json::Null) }
}

fn answer(mut stream: TcpStream) {
    let text = json!(7).to_string();
    let head =
        format!("HTTP/1.1 200 x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n", text.len());
    let _ = stream.write_all(format!("{head}connection: close\r\n\r\n{text}").as_bytes());
}
