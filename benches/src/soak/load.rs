//! The load: what workers do, how often, and what they take for an answer.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use nexus_kernel::Json;
use serde_json::json;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval};

use super::http::{Http, Reply, head, until};
use super::socket::Socket;
use super::tally::Tally;
use crate::measure::Stopwatch;

/// The webhook's body, and its signature with the project's secret.
const HOOK: &[u8] = br#"{"n":1}"#;
const HOOK_SIGNATURE: &str = "sha256=9aede3530136970deac7ed0ee71af7695bf1087b5df74c52d4be02f86a8006ef";

/// What agents send beside a message.
const AGENT: &str = "accept: application/json, text/event-stream\r\nmcp-protocol-version: 2025-06-18\r\n";

/// One thing that callers do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Looks at something.
    Read,
    /// Runs a workflow to its end; one in four has a function.
    Run,
    /// Starts a run, signals it and waits for its end, with its history as a stream.
    Signal,
    /// Publishes an event that a standing stream tells.
    Event,
    /// Makes, uses, changes and deletes a session.
    Session,
    /// Sends a signed webhook.
    Hook,
    /// Calls over a standing WebSocket.
    Socket,
    /// Subscribes on a WebSocket of its own, is told, and leaves.
    Subscribe,
    /// Calls a tool.
    Tool,
    /// Opens a session of an agent, calls and closes it.
    Agent,
    /// Sends what must be refused.
    Bad,
    /// Leaves in the midst of something.
    Leave,
}

/// How often a kind is done, and by how many at a time.
pub(super) struct Plan {
    kind: Kind,
    pub(super) per_second: u32,
    pub(super) workers: u32,
}

const fn plan(kind: Kind, per_second: u32, workers: u32) -> Plan {
    Plan { kind, per_second, workers }
}

/// The mix.
pub(super) const PLAN: &[Plan] = &[
    plan(Kind::Read, 80, 4),
    plan(Kind::Run, 50, 5),
    plan(Kind::Signal, 5, 5),
    plan(Kind::Event, 20, 4),
    plan(Kind::Session, 6, 2),
    plan(Kind::Hook, 5, 1),
    plan(Kind::Socket, 60, 4),
    plan(Kind::Subscribe, 4, 4),
    plan(Kind::Tool, 50, 5),
    plan(Kind::Agent, 3, 1),
    plan(Kind::Bad, 12, 2),
    plan(Kind::Leave, 5, 1),
];

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Read => "read",
            Kind::Run => "run",
            Kind::Signal => "signal+sse",
            Kind::Event => "event+sse",
            Kind::Session => "session",
            Kind::Hook => "webhook",
            Kind::Socket => "ws",
            Kind::Subscribe => "ws-sub",
            Kind::Tool => "mcp",
            Kind::Agent => "mcp-session",
            Kind::Bad => "bad",
            Kind::Leave => "leave",
        }
    }

    /// The mix in words.
    pub(super) fn mix() -> String {
        let parts = PLAN.iter().map(|plan| format!("{} {}/s", plan.kind.name(), plan.per_second));
        parts.collect::<Vec<_>>().join(", ")
    }
}

/// Does one kind for ever, at its pace. What is late is left out, so that trouble does not become a flood.
pub(super) async fn work(plan: &Plan, number: u32, address: String, tally: Arc<Tally>) {
    let pace = Duration::from_secs(1) * plan.workers / plan.per_second;
    let mut ticks = interval(pace);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut worker =
        Worker { http: Http::new(&address), address, number, turn: 0, socket: None, stream: None };
    loop {
        ticks.tick().await;
        worker.turn += 1;
        let watch = Stopwatch::start();
        let outcome = worker.once(plan.kind).await;
        let time = watch.elapsed();
        if outcome.is_err() {
            (worker.socket, worker.stream) = (None, None);
        }
        tally.count(plan.kind.name(), time, outcome.map_err(|error| format!("{error:#}")));
    }
}

/// A caller.
struct Worker {
    http: Http,
    address: String,
    number: u32,
    turn: u64,
    socket: Option<Socket>,
    stream: Option<BufReader<TcpStream>>,
}

fn expect(reply: Reply, status: u16) -> Result<Json> {
    ensure!(
        reply.status == status,
        "{}, not {status}: {}",
        reply.status,
        String::from_utf8_lossy(&reply.body)
    );
    Ok(reply.json())
}

fn text<'a>(value: &'a Json, place: &str) -> Result<&'a str> {
    let found = value.pointer(place).and_then(Json::as_str);
    found.ok_or_else(|| anyhow::anyhow!("no {place} in {value}"))
}

fn same(value: &Json, place: &str, wanted: &Json) -> Result<()> {
    ensure!(value.pointer(place) == Some(wanted), "{place} is not {wanted} in {value}");
    Ok(())
}

impl Worker {
    async fn once(&mut self, kind: Kind) -> Result<()> {
        match kind {
            Kind::Read => self.read().await,
            Kind::Run => self.run().await,
            Kind::Signal => self.signal().await,
            Kind::Event => self.event().await,
            Kind::Session => self.session().await,
            Kind::Hook => self.hook().await,
            Kind::Socket => self.call_over_socket().await,
            Kind::Subscribe => self.subscribe().await,
            Kind::Tool => self.tool().await,
            Kind::Agent => self.agent().await,
            Kind::Bad => self.bad().await,
            Kind::Leave => self.leave().await,
        }
    }

    fn input(&self) -> Json {
        json!({ "name": format!("worker {}", self.number), "n": self.turn })
    }

    async fn read(&mut self) -> Result<()> {
        let paths = [
            "/health",
            "/v1/runs?limit=20",
            "/v1/workflows",
            "/workflows",
            "/api/runs?limit=5",
            "/openapi.json",
        ];
        let turn = usize::try_from(self.turn)? % paths.len();
        let path = paths.get(turn).copied().unwrap_or("/health");
        expect(self.http.send("GET", path, "", b"").await?, 200)?;
        Ok(())
    }

    async fn run(&mut self) -> Result<()> {
        if self.turn.is_multiple_of(4) {
            let answer = self.http.post("/workflows/Work/execute", &json!({ "n": self.turn })).await?;
            return same(&expect(answer, 200)?, "/outputs", &json!(self.turn + 1));
        }
        let input = self.input();
        let answer =
            expect(self.http.post("/workflows/Take/execute", &json!({ "inputs": input })).await?, 200)?;
        same(&answer, "/outputs", &input)
    }

    async fn signal(&mut self) -> Result<()> {
        let started =
            expect(self.http.post("/v1/workflows/Hold/runs", &json!({ "n": self.turn })).await?, 202)?;
        let run = text(&started, "/run_id")?;
        let mut history = self.http.stream(&format!("/v1/runs/{run}/events")).await?;
        let signal = json!({ "by": format!("worker {}", self.number) });
        let sent = self.http.post(&format!("/v1/runs/{run}/signals/Go"), &signal).await?;
        ensure!(sent.status < 300, "the signal is answered with {}", sent.status);
        let shown = self.http.send("GET", &format!("/v1/runs/{run}?wait=20s"), "", b"").await?;
        same(&expect(shown, 200)?, "/result/n", &json!(self.turn))?;
        until(&mut history, "event: end").await.map(drop)
    }

    async fn event(&mut self) -> Result<()> {
        let mark = format!("mark-{}-{}-", self.number, self.turn);
        if self.stream.is_none() {
            self.stream = Some(self.http.stream("/v1/events").await?);
        }
        let kind = if self.turn.is_multiple_of(10) { "soak.seen" } else { "soak.tick" };
        let event = json!({ "type": kind, "data": { "n": self.turn, "mark": mark } });
        expect(self.http.post("/v1/events", &event).await?, 200)?;
        match &mut self.stream {
            Some(stream) => until(stream, &mark).await.map(drop),
            None => Ok(()),
        }
    }

    async fn session(&mut self) -> Result<()> {
        let made = self.http.post("/v1/sessions", &json!({ "state": { "n": 0 }, "ttl": "1m" })).await?;
        ensure!(matches!(made.status, 200 | 201), "no session: {}", made.status);
        let made = made.json();
        let id = text(&made, "/session_id")?;
        let (path, header) = (format!("/v1/sessions/{id}"), format!("x-nexus-session: {id}\r\n"));
        let patch = json!({ "patch": { "n": self.turn } }).to_string();
        expect(self.http.send("PATCH", &path, "", patch.as_bytes()).await?, 200)?;
        let input = self.input().to_string();
        expect(self.http.send("POST", "/workflows/Take/execute", &header, input.as_bytes()).await?, 200)?;
        same(&expect(self.http.send("GET", &path, "", b"").await?, 200)?, "/state/n", &json!(self.turn))?;
        let gone = self.http.send("DELETE", &path, "", b"").await?;
        ensure!(gone.status < 300, "it is not deleted: {}", gone.status);
        expect(self.http.send("GET", &path, "", b"").await?, 404).map(drop)
    }

    async fn hook(&mut self) -> Result<()> {
        let headers = format!(
            "x-hub-signature-256: {HOOK_SIGNATURE}\r\nx-github-delivery: {}\r\nx-github-event: push\r\n",
            self.turn
        );
        expect(self.http.send("POST", "/webhooks/hook", &headers, HOOK).await?, 200).map(drop)
    }

    async fn call_over_socket(&mut self) -> Result<()> {
        let (turn, input) = (self.turn, self.input());
        let mut socket = match self.socket.take() {
            Some(socket) => socket,
            None => Socket::open(&self.address).await?,
        };
        if turn.is_multiple_of(3) {
            let answer = socket.ask(turn, "call", &json!({ "workflow": "Take", "input": input })).await?;
            same(&answer, "/result/output", &input)?;
        } else {
            let answer = socket
                .ask(turn, "call", &json!({ "operation": "run.list", "input": { "limit": 5 } }))
                .await?;
            ensure!(answer.pointer("/result/output/runs").is_some(), "{answer}");
        }
        self.socket = Some(socket);
        Ok(())
    }

    async fn subscribe(&mut self) -> Result<()> {
        let mut socket = Socket::open(&self.address).await?;
        let kind = format!("soak.told{}", self.number);
        let answer = socket.ask(1, "subscribe", &json!({ "events": { "types": [kind] } })).await?;
        ensure!(answer.get("result").is_some(), "{answer}");
        expect(self.http.post("/v1/events", &json!({ "type": kind, "data": self.turn })).await?, 200)?;
        let turn = json!(self.turn);
        socket.until(|message| message.pointer("/data/event/data") == Some(&turn)).await?;
        Ok(()) // and leaves without a word
    }

    async fn tool(&mut self) -> Result<()> {
        let (name, arguments) = match self.turn % 5 {
            0 => ("run_list", json!({ "limit": 3 })),
            1 => ("Work", json!({ "n": self.turn })),
            _ => ("Take", self.input()),
        };
        let params = json!({ "name": name, "arguments": arguments });
        let call = json!({ "jsonrpc": "2.0", "id": self.turn, "method": "tools/call", "params": params });
        let answer = self.http.send("POST", "/mcp", AGENT, call.to_string().as_bytes()).await?;
        told(&expect(answer, 200)?)
    }

    async fn agent(&mut self) -> Result<()> {
        let client = json!({ "name": "soak", "version": "1" });
        let params = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client });
        let hello =
            json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params }).to_string();
        let opened = self.http.send("POST", "/mcp", AGENT, hello.as_bytes()).await?;
        let Some(session) = opened.session else { anyhow::bail!("no session: {}", opened.status) };
        let headers = format!("{AGENT}mcp-session-id: {session}\r\n");
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string();
        let ready = self.http.send("POST", "/mcp", &headers, ready.as_bytes()).await?;
        ensure!(ready.status == 202, "the notification is answered with {}", ready.status);
        let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" }).to_string();
        let listed = self.http.send("POST", "/mcp", &headers, list.as_bytes()).await?;
        ensure!(listed.status == 200, "tools/list is answered with {}", listed.status);
        let closed = self.http.send("DELETE", "/mcp", &headers, b"").await?;
        ensure!(closed.status < 300, "the session is not closed: {}", closed.status);
        Ok(())
    }

    async fn bad(&mut self) -> Result<()> {
        let deep = "[".repeat(10_000);
        let large = "x".repeat(3 << 20);
        let (path, body, status): (_, &[u8], u16) = match self.turn % 8 {
            0 => ("/workflows/Take/execute", br#"{"name":"a","name":"b","n":1}"#, 400),
            1 => ("/v1/workflows/Take/runs", deep.as_bytes(), 400),
            2 => ("/workflows/Take/execute", b"{\"name\":\"\xff\",\"n\":1}", 400),
            3 => ("/workflows/Take/execute", br#"{"name":"a","n":1,"url":"x"}"#, 422),
            4 => ("/mcp", br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","method":"x"}"#, 400),
            5 => ("/workflows/Tke/execute", b"{}", 404),
            6 if self.turn.is_multiple_of(32) => ("/workflows/Take/execute", large.as_bytes(), 413),
            6 => ("/webhooks/hook", b"{}", 401),
            _ => return self.bad_over_socket().await,
        };
        let reply = self.http.send("POST", path, AGENT, body).await?;
        expect(reply, status).map(drop)
    }

    async fn bad_over_socket(&mut self) -> Result<()> {
        let mut socket = Socket::open(&self.address).await?;
        socket.send(r#"{"id":1,"method":"call","params":{"a":1,"a":2}}"#).await?;
        let answer = socket.until(|message| message.get("error").is_some()).await?;
        same(&answer, "/error/code", &json!(-32_700))
    }

    /// Each way of leaving frees what was held for the caller; the server must not mind.
    async fn leave(&mut self) -> Result<()> {
        let input = self.input().to_string();
        let start = head("POST", "/workflows/Take/execute", "", Some(input.len()));
        match self.turn % 6 {
            0 => drop(self.http.begin(start.as_bytes().get(..20).unwrap_or_default()).await?),
            1 => drop(self.http.begin(start.as_bytes()).await?),
            2 => drop(self.http.begin((start + &input).as_bytes()).await?),
            3 => drop(self.http.stream("/v1/events").await?),
            4 => {
                let mut socket = Socket::open(&self.address).await?;
                let call = json!({ "workflow": "Take", "input": self.input() });
                socket.send(&json!({ "id": 1, "method": "call", "params": call }).to_string()).await?;
            }
            _ => {
                let mut socket = Socket::open(&self.address).await?;
                socket.ask(1, "subscribe", &json!({ "events": {} })).await?;
            }
        }
        Ok(())
    }
}

/// Whether a tool did what was asked.
fn told(answer: &Json) -> Result<()> {
    let is_error = answer.pointer("/result/isError").and_then(Json::as_bool).unwrap_or(false);
    ensure!(answer.get("result").is_some() && !is_error, "{answer}");
    Ok(())
}
