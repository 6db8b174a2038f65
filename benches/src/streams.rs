//! Subscribers that wait: what ten thousand of them cost the real server, and whether they, or one that never reads, delay
//! anybody else; and open sockets (RFC 6455) on which nothing happens.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::measure::{Stopwatch, millis, quantile};
use crate::out;
use crate::process::{binary, resident_kib};

const SUBSCRIBERS: u32 = 10_000;
const SOCKETS: u32 = 1_000;
const SAMPLES: usize = 400;
const BIG_EVENTS: usize = 100;
const BIG_BYTES: usize = 100_000;

/// Prints the figures.
pub(crate) fn run() -> Result<()> {
    out("idle subscribers (server-sent events) and one that never reads; a publisher beside them");
    let folder = tempfile::tempdir_in(".")?;
    std::fs::create_dir(folder.path().join("workflows"))?;
    let mut server = Server::start(folder.path())?;
    let before = resident_kib(server.child.id())?;
    let alone = server.latencies("busy")?;
    let watch = Stopwatch::start();
    let mut subscribers = Vec::new();
    for _ in 0..SUBSCRIBERS {
        subscribers.push(server.subscribe("quiet", "")?);
    }
    let opened = watch.seconds();
    let after = resident_kib(server.child.id())?;
    out(&format!(
        "{SUBSCRIBERS} subscribers: opened in {opened:.1} s, {:.1} KiB each, {:.0} MiB in all",
        f64::from(after.saturating_sub(before)) / f64::from(SUBSCRIBERS),
        f64::from(after) / 1024.0
    ));
    show("publishing alone", alone);
    show("publishing beside idle subscribers", server.latencies("busy")?);
    let slow = server.subscribe("busy", "&after=0")?;
    let big = "x".repeat(BIG_BYTES);
    for _ in 0..BIG_EVENTS {
        server.publish("busy", &format!("\"{big}\""))?;
    }
    show("... and one that does not read 10 MB", server.latencies("busy")?);
    let told = server.fan_out(&mut subscribers)?;
    out(&format!(
        "one event to {SUBSCRIBERS} subscribers: all have it after {:.0} ms; {:.0} MiB",
        millis(told),
        f64::from(resident_kib(server.child.id())?) / 1024.0
    ));
    drop(slow);
    server.child.kill()?;
    server.child.wait()?;
    sockets(folder.path())
}

/// What a WebSocket costs that has called nothing, and one that has subscribed to events.
fn sockets(folder: &std::path::Path) -> Result<()> {
    let mut server = Server::start(folder)?;
    let mut open = Vec::new(); // all of them stay, so that the second kind cannot live in what the first gave back
    for (what, message) in [
        ("idle", None),
        ("subscribed", Some(r#"{"id":1,"method":"subscribe","params":{"events":{"namespace":"quiet"}}}"#)),
    ] {
        let before = resident_kib(server.child.id())?;
        for _ in 0..SOCKETS {
            open.push(server.socket(message)?);
        }
        let grown = f64::from(resident_kib(server.child.id())?.saturating_sub(before));
        out(&format!("{SOCKETS} WebSockets, {what}: {:.1} KiB each", grown / f64::from(SOCKETS)));
        show("... publishing beside them", server.latencies("busy")?);
    }
    server.child.kill()?;
    server.child.wait()?;
    Ok(())
}

fn show(what: &str, mut samples: Vec<Duration>) {
    let (p50, p99) = (millis(quantile(&mut samples, 0.5)), millis(quantile(&mut samples, 0.99)));
    out(&format!("{what}: p50 {p50:.2} ms, p99 {p99:.2} ms"));
}

struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(folder: &std::path::Path) -> Result<Server> {
        let mut child = Command::new(binary()?)
            .args(["up", "--port", "0"])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("the output is piped")?).read_line(&mut line)?;
        let address = line.trim().strip_prefix("http://").context("the server did not start")?.to_owned();
        Ok(Server { child, address })
    }

    /// A stream of which the head has come.
    fn subscribe(&self, namespace: &str, more: &str) -> Result<TcpStream> {
        let mut stream = TcpStream::connect(&self.address)?;
        write!(
            stream,
            "GET /v1/events?namespace={namespace}{more} HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n"
        )?;
        until(&mut stream, b": events\n\n")?;
        Ok(stream)
    }

    /// A WebSocket on which the server has said its first word, and has answered the message.
    fn socket(&self, message: Option<&str>) -> Result<TcpStream> {
        let mut stream = TcpStream::connect(&self.address)?;
        write!(
            stream,
            "GET /ws HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )?;
        until(&mut stream, b"\"connected\"")?;
        if let Some(message) = message {
            stream.write_all(&frame(message))?;
            until(&mut stream, b"\"subscription\"")?;
        }
        Ok(stream)
    }

    fn publish(&self, namespace: &str, data: &str) -> Result<()> {
        let body = format!("{{\"namespace\":\"{namespace}\",\"type\":\"tick\",\"data\":{data}}}");
        let mut stream = TcpStream::connect(&self.address)?;
        write!(
            stream,
            "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        Ok(())
    }

    fn latencies(&self, namespace: &str) -> Result<Vec<Duration>> {
        let mut samples = Vec::with_capacity(SAMPLES);
        for _ in 0..SAMPLES {
            let watch = Stopwatch::start();
            self.publish(namespace, "1")?;
            samples.push(watch.elapsed());
        }
        Ok(samples)
    }

    /// Time from publishing until every subscriber has the event.
    fn fan_out(&self, subscribers: &mut [TcpStream]) -> Result<Duration> {
        let watch = Stopwatch::start();
        self.publish("quiet", "1")?;
        for stream in subscribers {
            until(stream, b"\"tick\"")?;
        }
        Ok(watch.elapsed())
    }
}

/// A text frame of a client (RFC 6455, 5.2), masked with zeros.
fn frame(message: &str) -> Vec<u8> {
    let length = u8::try_from(message.len()).unwrap_or(125);
    [&[0x81, 0x80 | length, 0, 0, 0, 0], message.as_bytes()].concat()
}

/// Reads until a text has come.
fn until(stream: &mut TcpStream, wanted: &[u8]) -> Result<()> {
    let mut seen = Vec::new();
    let mut bytes = [0; 4_096];
    while !seen.windows(wanted.len()).any(|part| part == wanted) {
        let count = stream.read(&mut bytes)?;
        ensure!(count > 0, "the stream has ended");
        seen.extend_from_slice(bytes.get(..count).unwrap_or_default());
    }
    Ok(())
}
