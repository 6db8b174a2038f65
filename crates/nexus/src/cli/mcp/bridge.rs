//! A bridge from standard input and output to a server's `/mcp`: messages pass as they are, both ways.
//!
//! The server speaks the protocol; the bridge knows only what HTTP needs beside a message: the session of older
//! revisions, and the headers in which newer ones repeat what a message says. A session that the server has lost, by a
//! restart for example, is opened again with the client's own `initialize`.

mod headers;
mod stream;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nexus_gateway::{Line, Lines, Unreadable, problem, read_message};
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::port::clock::{Clock, SystemClock};
use nexus_kernel::task;
use reqwest::{RequestBuilder, Response, StatusCode, Url};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use crate::client::Remote;
use stream::Events;

/// Pause before the server is asked again for messages out of the blue.
const PAUSE: Duration = Duration::from_secs(1);

/// Messages on their way to the client before the server has to wait.
const QUEUE: usize = 64;

/// The code of JSON-RPC for "it did not work, and it is not your fault".
const INTERNAL_ERROR: i64 = -32603;

/// Passes messages until the client closes the input.
pub(super) async fn bridge(server: &Remote, subset: Option<&str>) -> Result<(), Error> {
    let (http, endpoint) = endpoint(server, subset);
    let (out, lines) = mpsc::channel(QUEUE);
    let bridge = Arc::new(Bridge { http, endpoint, out, known: Mutex::default(), clock: SystemClock });
    let writing = task::spawn(write(lines));
    read(&bridge).await;
    bridge.close().await;
    // The writer ends when the last message that is under way has been written or given up.
    drop(bridge);
    writing.await.map_err(|error| Error::internal(error.to_string()))
}

/// What requests are made with, and where they go.
fn endpoint(server: &Remote, subset: Option<&str>) -> (reqwest::Client, Url) {
    let path: Vec<&str> = std::iter::once("mcp").chain(subset).collect();
    server.endpoint(&path)
}

/// The tools that a server shows to agents.
pub(super) async fn tools(server: &Remote, subset: Option<&str>) -> Result<Vec<Json>, Error> {
    let (http, endpoint) = endpoint(server, subset);
    let unreachable = |why: &str| {
        Error::new(&code::SERVER_UNREACHABLE, format!("no tools from {endpoint}: {why}"))
            .help("use the same version of Nexus on both sides")
    };
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let request =
        http.post(endpoint.clone()).header("accept", "application/json, text/event-stream").json(&list);
    let response = request.send().await.map_err(|error| unreachable(&error.to_string()))?;
    let mut answer: Json = response.json().await.map_err(|error| unreachable(&error.to_string()))?;
    match answer.pointer_mut("/result/tools").map(Json::take) {
        Some(Json::Array(tools)) => Ok(tools),
        _ => Err(problem::read(&answer).unwrap_or_else(|| unreachable("it answers something else"))),
    }
}

/// Reads messages until the input ends. Each goes on its way by itself, but for `initialize`, whose answer the next
/// ones need.
async fn read(bridge: &Arc<Bridge>) {
    let mut lines = Lines::new(tokio::io::stdin());
    let mut under_way = JoinSet::new();
    loop {
        let line = tokio::select! {
            line = lines.next() => line,
            Some(_) = under_way.join_next() => continue,
        };
        let read = match line {
            Ok(Some(line)) => read_line(line),
            Ok(None) => break,
            Err(error) => {
                tracing::warn!(%error, "the input cannot be read");
                break;
            }
        };
        let (line, message) = match read {
            Ok(read) => read,
            Err(unreadable) => {
                bridge.tell(unreadable.answer).await;
                continue;
            }
        };
        if method_of(&message) == "initialize" {
            bridge.know(|known| known.initialize = Some(line.clone()));
            bridge.exchange(&line, &message).await;
            let listening = Arc::clone(bridge);
            under_way.spawn(async move { listening.listen().await });
        } else {
            let (sending, id) = (Arc::clone(bridge), id_of(&message, "/id"));
            bridge.forget_cancelled(&message);
            let task = under_way.spawn(async move { sending.exchange(&line, &message).await });
            bridge.know(|known| known.under_way.insert(id, task));
        }
    }
    under_way.shutdown().await;
}

/// A message and its text. What the server would not read is refused here in its words, so that nothing need be sent.
fn read_line(line: Line) -> Result<(String, Json), Unreadable> {
    match line {
        // What was read is UTF-8.
        Line::Whole(bytes) => Ok((String::from_utf8_lossy(&bytes).into_owned(), read_message(&bytes)?)),
        Line::TooLong => Err(Unreadable::too_large()),
    }
}

/// Writes messages, one a line.
async fn write(mut lines: mpsc::Receiver<Json>) {
    let mut out = tokio::io::stdout();
    while let Some(message) = lines.recv().await {
        let line = format!("{message}\n");
        if out.write_all(line.as_bytes()).await.is_err() || out.flush().await.is_err() {
            return; // the client has gone away
        }
    }
}

/// What is known of the conversation.
#[derive(Default)]
struct Known {
    initialize: Option<String>,
    session: Option<String>,
    version: Option<String>,
    under_way: HashMap<String, AbortHandle>,
}

struct Bridge {
    http: reqwest::Client,
    endpoint: Url,
    out: mpsc::Sender<Json>,
    known: Mutex<Known>,
    clock: SystemClock,
}

/// The error of JSON-RPC for a request that was turned away before anybody looked at its message: its problem is the data.
fn refusal(text: &str) -> Option<Json> {
    let problem: Json = serde_json::from_str(text).ok()?;
    let (code, detail) = (problem.get("code")?.as_str()?, problem.get("detail")?.as_str()?);
    Some(json!({ "code": INTERNAL_ERROR, "message": format!("{detail} [{code}]"), "data": problem }))
}

/// The method of a message; nothing for an answer.
fn method_of(message: &Json) -> &str {
    message.get("method").and_then(Json::as_str).unwrap_or_default()
}

/// The id at this place of a message, as text.
fn id_of(message: &Json, place: &str) -> String {
    message.pointer(place).map(Json::to_string).unwrap_or_default()
}

impl Bridge {
    fn know<T>(&self, change: impl FnOnce(&mut Known) -> T) -> T {
        change(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Over HTTP a newer client cancels a request by hanging up.
    fn forget_cancelled(&self, message: &Json) {
        if method_of(message) != "notifications/cancelled" || self.know(|known| known.session.is_some()) {
            return;
        }
        let id = id_of(message, "/params/requestId");
        if let Some(task) = self.know(|known| known.under_way.remove(&id)) {
            task.abort();
        }
    }

    /// Sends a message and passes on whatever comes back. A request is answered in any case.
    async fn exchange(&self, line: &str, message: &Json) {
        let answered = match self.send(line, message).await {
            Ok(response) => self.pass(response, message).await,
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = answered {
            tracing::warn!(why, "a message did not come through");
            let error = format!("no answer from {}: {why}", self.endpoint);
            self.refuse(message, json!({ "code": INTERNAL_ERROR, "message": error })).await;
        }
        let id = id_of(message, "/id");
        self.know(|known| known.under_way.remove(&id));
    }

    /// Answers a request in the server's place.
    async fn refuse(&self, message: &Json, error: Json) {
        if !method_of(message).is_empty() && message.get("id").is_some() {
            self.tell(json!({ "jsonrpc": "2.0", "id": message.get("id"), "error": error })).await;
        }
    }

    async fn send(&self, line: &str, message: &Json) -> reqwest::Result<Response> {
        let response = self.post(line, message).send().await?;
        let lost = response.status() == StatusCode::NOT_FOUND && self.know(|known| known.session.is_some());
        if lost && method_of(message) != "initialize" && self.open_again().await {
            return self.post(line, message).send().await;
        }
        Ok(response)
    }

    fn post(&self, line: &str, message: &Json) -> RequestBuilder {
        let (session, version) = self.know(|known| (known.session.clone(), known.version.clone()));
        let request = self.http.post(self.endpoint.clone()).header("content-type", "application/json");
        let request = request.header("accept", "application/json, text/event-stream").body(line.to_owned());
        let opens = method_of(message) == "initialize";
        headers::of(message).or_conversation(if opens { None } else { session }, version).add(request)
    }

    /// Passes an answer on.
    async fn pass(&self, response: Response, message: &Json) -> Result<(), String> {
        if method_of(message) == "initialize" {
            let session = response.headers().get("mcp-session-id").and_then(|id| id.to_str().ok());
            self.know(|known| known.session = session.map(ToOwned::to_owned));
        }
        let status = response.status();
        if status == StatusCode::ACCEPTED {
            return Ok(());
        }
        let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or("");
        if kind.starts_with("text/event-stream") {
            let mut events = Events::new(response);
            while let Some(data) = events.next().await.map_err(|error| error.to_string())? {
                self.tell_text(&data).await?;
            }
            return Ok(());
        }
        let text = response.text().await.map_err(|error| error.to_string())?;
        if let Some(error) = refusal(&text) {
            self.refuse(message, error).await;
            return Ok(());
        }
        self.tell_text(&text).await.map_err(|_| format!("it answers {status}: {}", text.trim()))
    }

    async fn tell_text(&self, text: &str) -> Result<(), String> {
        if text.trim().is_empty() {
            return Ok(()); // an event that only keeps the stream alive
        }
        let message: Json = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if message.get("jsonrpc").is_none() {
            return Err("it is not a message".to_owned());
        }
        if let Some(version) = message.pointer("/result/protocolVersion").and_then(Json::as_str) {
            self.know(|known| known.version = Some(version.to_owned()));
        }
        self.tell(message).await;
        Ok(())
    }

    async fn tell(&self, message: Json) {
        // Without a writer the client has gone away, and the input ends too.
        let _ = self.out.send(message).await;
    }

    /// Opens a session in the place of one that the server does not know any more.
    async fn open_again(&self) -> bool {
        let Some(line) = self.know(|known| known.initialize.clone()) else { return false };
        let message: Json = serde_json::from_str(&line).unwrap_or_default();
        let Ok(response) = self.post(&line, &message).send().await else { return false };
        let session = response.headers().get("mcp-session-id").and_then(|id| id.to_str().ok());
        let session = session.map(ToOwned::to_owned);
        // The stream ends with the server's answer, which the client has had once already.
        let opened = response.status().is_success() && response.text().await.is_ok();
        self.know(|known| known.session = session);
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        opened && self.post(&ready.to_string(), &ready).send().await.is_ok()
    }

    /// Hears what the server says out of the blue, for as long as there is a session.
    async fn listen(&self) {
        loop {
            let (session, version) = self.know(|known| (known.session.clone(), known.version.clone()));
            let Some(session) = session else { return };
            let request = self.http.get(self.endpoint.clone()).header("accept", "text/event-stream");
            let request = headers::Headers::default().or_conversation(Some(session), version).add(request);
            if let Ok(response) = request.send().await
                && response.status().is_success()
            {
                let mut events = Events::new(response);
                while let Ok(Some(data)) = events.next().await {
                    if let Err(why) = self.tell_text(&data).await {
                        tracing::debug!(why, "an event is passed over");
                    }
                }
            }
            self.clock.sleep_until(self.clock.now().plus(PAUSE)).await;
        }
    }

    /// Says goodbye, so that the server need not keep the session.
    async fn close(&self) {
        if let Some(session) = self.know(|known| known.session.clone()) {
            let request = self.http.delete(self.endpoint.clone()).header("mcp-session-id", session);
            if let Err(error) = request.send().await {
                tracing::debug!(%error, "the session was not closed");
            }
        }
    }
}
