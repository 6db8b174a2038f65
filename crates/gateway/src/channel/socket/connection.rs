//! One connection: a reader that takes requests, a writer that waits for the client, and a pulse.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::suggest;
use nexus_kernel::task::{self, Shutdown};
use nexus_kernel::time::Timestamp;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite;

use crate::channel::rest::Rest;
use crate::channel::socket::line::{Kind, Line};
use crate::channel::socket::message::{self, Request, Unreadable, bad, number};
use crate::channel::socket::{PROTOCOL, Who, close};
use crate::limits::{
    SOCKET_CALLS_MAX, SOCKET_CLOSE_SECONDS_MAX, SOCKET_MESSAGE_BYTES_MAX, SOCKET_PING_SECONDS,
    SOCKET_QUEUE_MAX, SOCKET_SLOW_SECONDS_MAX, SOCKET_SUBSCRIPTIONS_MAX,
};

const METHODS: [&str; 5] = ["call", "cancel", "subscribe", "unsubscribe", "ping"];

/// A connection before it is served.
pub(super) struct Connection {
    rest: Arc<Rest>,
    who: Who,
    shutdown: Shutdown,
}

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The client has left, or the network has.
    Gone,
    /// This code tells the client.
    Told(u16, &'static str),
}

/// What the reader works with.
struct Reader {
    line: Line,
    frames: SplitStream<WebSocket>,
    pings: mpsc::Sender<Message>,
    clock: SharedClock,
    heard: Timestamp,
}

impl Connection {
    pub(super) fn new(rest: Arc<Rest>, who: Who, shutdown: Shutdown) -> Connection {
        Connection { rest, who, shutdown }
    }

    /// Serves until the client leaves, is too slow, or the server ends.
    pub(super) async fn run(self, socket: WebSocket) {
        let Connection { rest, who, shutdown } = self;
        let (sink, frames) = socket.split();
        let clock = Arc::clone(rest.pipeline.clock());
        let (out, texts) = mpsc::channel(SOCKET_QUEUE_MAX);
        let (pings, pongs) = mpsc::channel(1);
        let (last, ending) = oneshot::channel();
        let writer = Writer { sink, texts, pings: pongs, clock: Arc::clone(&clock) };
        let mut writing = task::spawn(writer.run(ending));
        let line = Line::new(rest.pipeline.clone(), who, shutdown.clone(), out);
        line.say(connected(&rest.version)).await;
        let heard = clock.now();
        let mut reader = Reader { line, frames, pings, clock, heard };
        let end = tokio::select! {
            biased;
            () = shutdown.begun() => {
                reader.drain(rest.sockets.drain()).await;
                End::Told(close::GOING_AWAY, "the server is stopping")
            }
            _ = &mut writing => End::Gone,
            end = reader.run() => end,
        };
        reader.line.open.abandon(Kind::Subscription);
        reader.line.open.abandon(Kind::Call);
        if let End::Told(code, reason) = end {
            let _ = last.send(CloseFrame { code, reason: reason.into() }); // unless the writer has ended
            let _ = writing.await;
            reader.leave().await;
        }
    }
}

impl Reader {
    async fn run(&mut self) -> End {
        loop {
            let pulse =
                self.clock.sleep_until(self.clock.now().plus(Duration::from_secs(SOCKET_PING_SECONDS)));
            let frame = tokio::select! {
                biased;
                frame = self.frames.next() => frame,
                () = pulse => {
                    let silent = self.clock.now().since(self.heard);
                    if silent >= Duration::from_secs(SOCKET_PING_SECONDS + SOCKET_SLOW_SECONDS_MAX) {
                        return End::Told(close::TOO_SLOW, "nothing was heard of the client");
                    }
                    let _ = self.pings.try_send(Message::Ping(Vec::new().into())); // one is on the way otherwise
                    continue;
                }
            };
            self.heard = self.clock.now();
            let is_there = match frame {
                None => return End::Gone,
                Some(Err(error)) => return broken(error),
                Some(Ok(Message::Text(text))) => self.take(text.as_str()).await,
                Some(Ok(Message::Binary(_))) => self.refuse_binary().await,
                // After a close there is nothing any more; what is asked for next sends the answer to it.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_))) => true,
            };
            if !is_there {
                return End::Gone;
            }
        }
    }

    /// Takes a message; false when nobody reads answers any more.
    async fn take(&self, text: &str) -> bool {
        let Request { id, method, params } = match Request::read(text) {
            Ok(request) => request,
            Err(Unreadable { id, code, error }) => return self.refuse(id.as_ref(), code, &error).await,
        };
        let answer = match method.as_str() {
            "ping" => Ok(json!({ "time": self.clock.now().to_string() })),
            "cancel" => self.line.cancel(params),
            "unsubscribe" => self.line.unsubscribe(params),
            "call" => match self.line.call(&id, params) {
                Ok(()) => return true,
                Err(error) => Err(error),
            },
            "subscribe" => match self.line.subscribe(&id, params) {
                Ok(()) => return true,
                Err(error) => Err(error),
            },
            unknown => {
                return self.refuse(Some(&id), number::METHOD_UNKNOWN, &unknown_method(unknown)).await;
            }
        };
        match answer {
            Err(error) if error.code() == &code::BAD_REQUEST => {
                self.refuse(Some(&id), number::INVALID_PARAMS, &error).await
            }
            answer => self.line.answer(&id, answer).await,
        }
    }

    async fn refuse(&self, id: Option<&message::Id>, code: i64, error: &Error) -> bool {
        let request_id = self.line.pipeline.request_ids().generate();
        self.line.say(message::failed(id, code, error, request_id.as_str())).await
    }

    async fn refuse_binary(&self) -> bool {
        let error = bad("a message is a text frame, and this was a binary one").help("send JSON as text");
        self.refuse(None, number::INVALID_REQUEST, &error).await
    }

    /// Waits for the client to leave as well: what it sends now would make the system forget the last word.
    async fn leave(&mut self) {
        let most = Duration::from_secs(SOCKET_CLOSE_SECONDS_MAX);
        let deadline = self.clock.sleep_until(self.clock.now().plus(most));
        tokio::select! {
            biased;
            () = async { while let Some(Ok(_)) = self.frames.next().await {} } => {}
            () = deadline => {}
        }
    }

    /// Lets calls end that are under way. Nothing new is taken.
    async fn drain(&self, most: Duration) {
        self.line.open.abandon(Kind::Subscription);
        let deadline = self.clock.sleep_until(self.clock.now().plus(most));
        tokio::select! {
            biased;
            () = self.line.open.emptied(Kind::Call) => {}
            () = deadline => {}
        }
    }
}

/// Sends what is to be sent, one message after the other.
struct Writer {
    sink: SplitSink<WebSocket, Message>,
    texts: mpsc::Receiver<String>,
    pings: mpsc::Receiver<Message>,
    clock: SharedClock,
}

impl Writer {
    /// Writes until the client is gone or too slow, or the last word is to be said.
    async fn run(mut self, mut ending: oneshot::Receiver<CloseFrame>) {
        loop {
            let message = tokio::select! {
                biased;
                Some(ping) = self.pings.recv() => ping,
                Some(text) = self.texts.recv() => Message::Text(text.into()),
                frame = &mut ending => {
                    if let Ok(frame) = frame {
                        self.send(Message::Close(Some(frame))).await;
                    }
                    return;
                }
            };
            if !self.send(message).await {
                return;
            }
        }
    }

    /// Whether the client took a message in time.
    async fn send(&mut self, message: Message) -> bool {
        let patience = Duration::from_secs(SOCKET_SLOW_SECONDS_MAX);
        let deadline = self.clock.sleep_until(self.clock.now().plus(patience));
        tokio::select! {
            biased;
            sent = self.sink.send(message) => sent.is_ok(),
            () = deadline => false,
        }
    }
}

/// The first message.
fn connected(version: &str) -> String {
    let limits = json!({
        "message_bytes": SOCKET_MESSAGE_BYTES_MAX,
        "calls": SOCKET_CALLS_MAX,
        "subscriptions": SOCKET_SUBSCRIPTIONS_MAX,
        "ping_seconds": SOCKET_PING_SECONDS,
        "slow_seconds": SOCKET_SLOW_SECONDS_MAX,
    });
    message::push("connected", &json!({ "protocol": PROTOCOL, "version": version, "limits": limits }))
}

fn unknown_method(method: &str) -> Error {
    let shown: String = method.chars().take(40).collect();
    let error = Error::new(&code::OPERATION_UNKNOWN, format!("there is no method {shown:?}"));
    match suggest::nearest(method, METHODS) {
        Some(near) => error.help(format!("did you mean {near:?}?")),
        None => error.help(format!("the methods are {}", METHODS.join(", "))),
    }
}

/// What a client is told that sent what is no message.
fn broken(error: axum::Error) -> End {
    let error = error.into_inner();
    match error.downcast_ref::<tungstenite::Error>() {
        Some(tungstenite::Error::Capacity(_)) => End::Told(close::TOO_BIG, "the message is too large"),
        Some(tungstenite::Error::Utf8(_)) => End::Told(close::NOT_TEXT, "a text frame is not UTF-8"),
        Some(tungstenite::Error::Protocol(
            tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
        )) => End::Gone,
        Some(tungstenite::Error::Protocol(_)) => End::Told(close::PROTOCOL, "that is not the protocol"),
        _ => End::Gone,
    }
}
