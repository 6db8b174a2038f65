//! Requests against hostile servers and name servers, all on the loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;

use nexus_kernel::port::clock::SystemClock;
use serde_json::json;

use super::*;
use crate::outbound::resolve::MemoryResolver;

/// A server on the first loopback address, and the requests it got. Every connection is one request.
struct Hostile {
    port: u16,
    seen: mpsc::Receiver<String>,
}

impl Hostile {
    /// Answers with whatever the function writes.
    fn start(answer: impl Fn(&str, &mut TcpStream) -> std::io::Result<()> + Send + 'static) -> Hostile {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, seen) = mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let head = head(&stream);
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                let _ = sender.send(head);
                let _ = answer(&path, &mut stream); // who is refused goes away early
            }
        });
        Hostile { port, seen }
    }

    fn url(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.port)
    }

    fn requests(&self) -> Vec<String> {
        self.seen.try_iter().collect()
    }
}

fn head(stream: &TcpStream) -> String {
    let mut head = String::new();
    for line in BufReader::new(stream).lines() {
        match line {
            Ok(line) if !line.is_empty() => head = head + &line + "\n",
            _ => break,
        }
    }
    head
}

fn reply(stream: &mut TcpStream, head: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    write!(stream, "HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

/// Names with addresses outside and inside; the first loopback address is allowed, all others are not.
fn names() -> Arc<MemoryResolver> {
    let names = MemoryResolver::default()
        .with("good.test", &[&["127.0.0.1"]])
        .with("other.test", &[&["127.0.0.1"]])
        .with("inside.test", &[&["127.0.0.2"]])
        .with("cloud.test", &[&["169.254.169.254"]])
        .with("mapped.test", &[&["::ffff:127.0.0.1"]])
        .with("mixed.test", &[&["127.0.0.1", "10.0.0.1"]])
        .with("nowhere.test", &[&[]])
        .with("flip.test", &[&["127.0.0.1"], &["127.0.0.2"]]);
    Arc::new(names)
}

fn fetcher(names: &Arc<MemoryResolver>) -> Fetcher {
    let allowed = Addresses::new(vec!["127.0.0.1".parse().unwrap()]);
    Fetcher::new(allowed, Arc::clone(names) as Arc<dyn Resolver>, None)
}

async fn ask(fetcher: &Fetcher, asked: Json) -> Result<Json, OpError> {
    let grants = Capabilities::parse(["http:fetch:*.test:*", "http:fetch:127.0.0.1:*"]).unwrap();
    let clock: SharedClock = Arc::new(SystemClock);
    fetcher.fetch(asked, &grants, (&clock, None)).await
}

async fn get(url: String) -> Result<Json, OpError> {
    ask(&fetcher(&names()), json!({ "url": url })).await
}

async fn refused(url: String) -> (String, String) {
    let error = get(url).await.unwrap_err();
    (error.name, error.code.unwrap())
}

fn pair(name: &str, code: &str) -> (String, String) {
    (name.to_owned(), code.to_owned())
}

#[tokio::test]
async fn an_answer_is_passed_on() {
    let server = Hostile::start(|_, stream| {
        let head = "201 Made\r\ncontent-type: application/json\r\nset-cookie: s=1\r\nx-id: 7";
        reply(stream, head, r#"{"a":[1]}"#)
    });
    let asked = json!({
        "url": server.url("good.test", "/orders?x=1"), "method": "POST", "body": { "b": 2 },
        "headers": { "Authorization": "Bearer token" },
    });
    let answer = ask(&fetcher(&names()), asked).await.unwrap();
    assert_eq!(
        (&answer["status"], &answer["ok"], &answer["redirected"]),
        (&json!(201), &json!(true), &json!(false))
    );
    assert_eq!((&answer["data"], &answer["headers"]["x-id"]), (&json!({ "a": [1] }), &json!("7")));
    assert!(answer["headers"].get("set-cookie").is_none());
    let head = server.requests().remove(0);
    assert!(
        head.starts_with("POST /orders?x=1 HTTP/1.1") && head.contains("authorization: Bearer token"),
        "{head}"
    );
}

#[tokio::test]
async fn names_that_lead_inside_are_refused_before_anybody_is_called() {
    let server = Hostile::start(|_, stream| reply(stream, "200 OK", "secret"));
    for host in ["inside.test", "cloud.test", "mapped.test", "mixed.test"] {
        assert_eq!(refused(server.url(host, "/")).await, pair("PermissionError", "NX-5016"), "{host}");
    }
    assert_eq!(refused(server.url("nowhere.test", "/")).await, pair("NetworkError", "NX-5019"));
    assert_eq!(refused(server.url("unknown.test", "/")).await, pair("NetworkError", "NX-5019"));
    assert_eq!(server.requests().len(), 0);
    get(server.url("good.test", "/")).await.unwrap();
    assert_eq!(server.requests().len(), 1, "the same server, by a name that leads to what is allowed");
}

#[tokio::test]
async fn a_name_is_asked_for_once_a_connection_and_judged_each_time() {
    let server = Hostile::start(|_, stream| reply(stream, "200 OK", "fine"));
    let names = names();
    let fetcher = fetcher(&names);
    let asked = json!({ "url": server.url("flip.test", "/") });
    assert_eq!(ask(&fetcher, asked.clone()).await.unwrap()["data"], json!("fine"));
    assert_eq!(names.asked("flip.test"), 1, "what was judged is what was called");
    let error = ask(&fetcher, asked).await.unwrap_err();
    assert_eq!(error.code.as_deref(), Some("NX-5016"), "{}", error.message);
    assert_eq!((names.asked("flip.test"), server.requests().len()), (2, 1));
    assert!(
        !error.message.contains("127.0.0.2"),
        "addresses inside are nobody's business: {}",
        error.message
    );
}

#[tokio::test]
async fn redirections_are_judged_like_requests() {
    let server = Hostile::start(|path, stream| {
        let to = path.trim_start_matches('/').replace('!', "/");
        reply(stream, &format!("302 Found\r\nlocation: {to}"), "")
    });
    let port = server.port;
    for (to, code) in [
        (format!("http:!!127.0.0.2:{port}!"), "NX-5005"),
        (format!("http:!!inside.test:{port}!"), "NX-5016"),
        (format!("http:!!2130706434:{port}!"), "NX-5005"),
        ("http:!!169.254.169.254!latest!meta-data!".to_owned(), "NX-5005"),
        ("http:!!cloud.test!latest!meta-data!".to_owned(), "NX-5016"),
        ("http:!!elsewhere.example!".to_owned(), "NX-5005"),
        ("file:!!!etc!passwd".to_owned(), "NX-5016"),
        (format!("http:!!user:pass@good.test:{port}!"), "NX-5016"),
    ] {
        assert_eq!(
            refused(server.url("good.test", &format!("/{to}"))).await,
            pair("PermissionError", code),
            "{to}"
        );
        assert_eq!(server.requests().len(), 1, "{to}");
    }
}

#[tokio::test]
async fn redirections_end_and_leave_secrets_behind() {
    let server = Hostile::start(|path, stream| match path {
        "/away" => {
            let port = stream.local_addr()?.port();
            reply(stream, &format!("307 x\r\nlocation: http://other.test:{port}/end"), "")
        }
        "/end" => reply(stream, "200 OK", "arrived"),
        _ => reply(stream, "302 x\r\nlocation: /again", ""),
    });
    let headers = json!({ "Authorization": "secret", "X-Api-Key": "secret", "Accept": "text/plain" });
    let asked = json!({ "url": server.url("good.test", "/away"), "headers": headers });
    let answer = ask(&fetcher(&names()), asked).await.unwrap();
    assert_eq!((&answer["data"], &answer["redirected"]), (&json!("arrived"), &json!(true)));
    assert_eq!(answer["url"], json!(server.url("other.test", "/end")));
    let seen = server.requests();
    assert!(seen[0].contains("secret") && !seen[1].contains("secret"), "{seen:?}");
    assert!(seen[1].contains("accept: text/plain"), "{seen:?}");
    assert_eq!(refused(server.url("good.test", "/loop")).await, pair("RangeError", "NX-5017"));
    assert_eq!(server.requests().len(), 6, "one request and five redirections");
}

#[tokio::test]
async fn huge_answers_are_cut_off() {
    let server = Hostile::start(|path, stream| match path {
        "/announced" => write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n"),
        "/endless" => {
            write!(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
            loop {
                write!(stream, "10000\r\n{}\r\n", "x".repeat(65_536))?;
            }
        }
        "/header" => {
            let long = "x".repeat(50_000);
            reply(stream, &format!("200 OK\r\nx-long: {long}"), "")
        }
        _ => {
            write!(stream, "HTTP/1.1 200 OK\r\n")?;
            for number in 0_u64.. {
                write!(stream, "x-{number}: flood\r\n")?;
            }
            Ok(())
        }
    });
    for path in ["/announced", "/endless", "/header"] {
        assert_eq!(refused(server.url("good.test", path)).await, pair("RangeError", "NX-5017"), "{path}");
    }
    assert_eq!(refused(server.url("good.test", "/flood")).await, pair("NetworkError", "NX-5019"));
}

#[tokio::test]
async fn slow_answers_end_in_time_and_the_connection_with_them() {
    // Nobody may block here: the connection is closed by a task of this very thread.
    let (gone, mut closed) = tokio::sync::mpsc::unbounded_channel();
    let server = Hostile::start(move |path, stream| {
        if path == "/body" {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx")?;
        }
        // Ends when the other side closes the connection.
        let _ = gone.send(stream.read(&mut [0; 1])?);
        Ok(())
    });
    for path in ["/head", "/body"] {
        let asked = json!({ "url": server.url("good.test", path), "timeoutMs": 100 });
        let error = ask(&fetcher(&names()), asked).await.unwrap_err();
        assert_eq!((error.name.as_str(), error.code.as_deref()), ("TimeoutError", Some("NX-5017")), "{path}");
        assert_eq!(closed.recv().await, Some(0), "{path}");
    }
}

#[tokio::test]
async fn answers_that_are_none_are_told() {
    let server = Hostile::start(|path, stream| match path {
        "/split" => reply(stream, "200 OK\r\nx: a\r\n b: c", "x"),
        "/short" => write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx"),
        _ => write!(stream, "SSH-2.0-OpenSSH\r\n"),
    });
    for path in ["/split", "/short", "/ssh"] {
        assert_eq!(refused(server.url("good.test", path)).await, pair("NetworkError", "NX-5019"), "{path}");
    }
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(refused(format!("http://good.test:{closed}/")).await, pair("NetworkError", "NX-5019"));
}
