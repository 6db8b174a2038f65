//! Clients that begin and do not go on: each is let go when its time is up, and nobody else notices.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{CONFIG, WORKFLOW, no_panic, runs};
use crate::support::{Project, Server, http};

const LIMITS: &str = "[server]\nhead_timeout = \"400ms\"\nbody_timeout = \"400ms\"\n";

/// A connection that has sent this much.
fn begun(server: &Server, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
    // Whoever is not let go fails the test here.
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

/// All that is said until the connection ends.
fn ended(mut stream: TcpStream, what: &str) -> String {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{what}: it is not let go: {error}"),
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(path: &str, more: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\n{more}"
    )
}

#[test]
fn slow_clients_are_let_go_and_others_are_served() {
    let project =
        Project::with(&[("workflows/a.twf", WORKFLOW), ("nexus.toml", &(CONFIG.to_owned() + LIMITS))]);
    let server = project.serve();
    // A stream may say nothing for as long as it likes.
    let stream =
        begun(&server, b"GET /v1/events HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n");
    let heads = [
        ("nothing", String::new()),
        ("one letter of either protocol", "P".to_owned()),
        ("the preface of HTTP/2 alone", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
        ("a request line", "GET /health HTTP/1.1\r\n".to_owned()),
        ("half a head", post("/workflows/Take/execute", "x-half: ")),
        (
            "a handshake that does not end",
            "GET /ws HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\n".to_owned(),
        ),
    ];
    let heads = heads.map(|(what, bytes)| (what, begun(&server, bytes.as_bytes())));
    let paths =
        ["/workflows/Take/execute", "/v1/workflows/Take/runs", "/take", "/mcp", "/v1/operations/run.list"];
    let bodies = paths.iter().flat_map(|path| {
        let sized = post(path, "content-length: 12\r\n\r\n{\"name\":");
        let chunked = post(path, "transfer-encoding: chunked\r\n\r\n8\r\n{\"name\":\r\n");
        [sized, chunked].map(|bytes| (*path, begun(&server, bytes.as_bytes())))
    });
    for (path, stream) in bodies.collect::<Vec<_>>() {
        let answer = ended(stream, path);
        assert!(answer.starts_with("HTTP/1.1 408 "), "{path}: {answer}");
        assert!(answer.contains("NX-2004"), "{path}: {answer}");
    }
    for (what, stream) in heads {
        let answer = ended(stream, what);
        // HTTP/2 says goodbye in frames; HTTP/1.1 may say 408.
        assert!(!answer.contains("HTTP/1.1 2"), "{what}: {answer}");
    }
    let idle = begun(&server, b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert!(ended(idle, "a connection that asks nothing more").starts_with("HTTP/1.1 200 "));
    assert_eq!(runs(&project), 0);
    still_told(&server, stream);
    no_panic(project.path());
}

/// Publishes an event, which a stream that was opened long before tells.
fn still_told(server: &Server, stream: TcpStream) {
    let publish = async {
        let event = json!({ "type": "late", "data": 1 });
        let response = http().post(format!("{}/v1/events", server.url)).json(&event).send().await.unwrap();
        assert!(response.status().is_success());
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(publish);
    let data = BufReader::new(stream).lines().map_while(Result::ok);
    let event =
        data.filter_map(|line| line.strip_prefix("data:").map(str::to_owned)).find(|it| it.contains("late"));
    let event: Json = serde_json::from_str(&event.expect("the stream is open")).unwrap();
    assert_eq!(event["data"], 1, "{event}");
}
