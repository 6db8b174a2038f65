//! `/ws`: calls, subscriptions and cancellations over one connection, each as JSON in a text frame.
//!
//! Every call takes the way of all calls, with a request id of its own, and calls of one connection run beside each
//! other. What a connection may have waiting is bounded everywhere: a client that reads slowly gets its subscriptions
//! slowly, one that does not read at all is cut off, and nobody else notices either.

mod call;
mod connection;
mod line;
mod message;
mod subscribe;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use nexus_kernel::call::Caller;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::SessionId;
use nexus_kernel::task::Shutdown;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::channel::rest::{Rest, sessions};
use crate::channel::socket::connection::Connection;
use crate::channel::socket::message::bad;
use crate::limits::{SOCKET_BUFFER_BYTES, SOCKET_MESSAGE_BYTES_MAX};
use crate::problem::Problem;

/// The protocol, for clients that name it in the handshake and for the first message.
pub(crate) const PROTOCOL: &str = "nexus.v1";

/// Why a connection is closed. Codes from 4000 are ours; the others are those of RFC 6455.
pub(crate) mod close {
    /// The server is stopping.
    pub(crate) const GOING_AWAY: u16 = 1001;
    /// The client broke the protocol.
    pub(crate) const PROTOCOL: u16 = 1002;
    /// A text frame is not UTF-8.
    pub(crate) const NOT_TEXT: u16 = 1007;
    /// A message is larger than messages may be.
    pub(crate) const TOO_BIG: u16 = 1009;
    /// The client does not read, or does not answer to pings.
    pub(crate) const TOO_SLOW: u16 = 4008;
    /// There are as many connections as there may be.
    pub(crate) const TOO_MANY: u16 = 4013;
}

/// The open connections of a gateway. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Sockets {
    places: Arc<Semaphore>,
    most: usize,
    drain: Duration,
}

impl Sockets {
    /// No connections yet, and never more than so many. After the server was told to stop, calls may go on for so long.
    pub(crate) fn new(most: usize, drain: Duration) -> Sockets {
        Sockets { places: Arc::new(Semaphore::new(most)), most, drain }
    }

    /// How long calls may go on after the server was told to stop.
    fn drain(&self) -> Duration {
        self.drain
    }

    /// Resolves when every connection has ended, which each does when its drain does.
    pub(crate) async fn closed(&self) {
        let all = u32::try_from(self.most).unwrap_or(u32::MAX);
        drop(self.places.acquire_many(all).await); // nobody closes the semaphore
    }
}

/// Who opens a connection, and the session of calls that name none.
type Who = (Caller, Option<SessionId>);

/// `GET /ws`: the handshake.
pub(crate) async fn accept(
    State(rest): State<Arc<Rest>>,
    parts: Parts,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|rejection| not_a_handshake(&rejection))?;
    let protocol = protocol(&parts)?;
    let caller = parts.extensions.get::<Caller>().cloned().unwrap_or_else(Caller::anonymous);
    let who = (caller, session(&parts)?);
    let shutdown = parts.extensions.get::<Shutdown>().cloned().unwrap_or_default();
    let place = Arc::clone(&rest.sockets.places).try_acquire_owned().ok();
    let mut upgrade = upgrade
        .max_message_size(SOCKET_MESSAGE_BYTES_MAX)
        .max_frame_size(SOCKET_MESSAGE_BYTES_MAX)
        .read_buffer_size(SOCKET_BUFFER_BYTES)
        .write_buffer_size(SOCKET_BUFFER_BYTES);
    if let Some(protocol) = protocol {
        upgrade.set_selected_protocol(protocol);
    }
    Ok(upgrade.on_upgrade(move |socket| serve(socket, place, rest, (who, shutdown))))
}

async fn serve(
    mut socket: WebSocket,
    place: Option<OwnedSemaphorePermit>,
    rest: Arc<Rest>,
    (who, shutdown): (Who, Shutdown),
) {
    let Some(_place) = place else {
        let reason = "there are too many connections; try again later".into();
        let frame = CloseFrame { code: close::TOO_MANY, reason };
        let _ = socket.send(Message::Close(Some(frame))).await; // it may have gone already
        return;
    };
    let _open = rest.pipeline.metrics().doors().sockets.hold();
    Connection::new(rest, who, shutdown).run(socket).await;
}

/// A client need not name a protocol; one that names protocols must know ours.
fn protocol(parts: &Parts) -> Result<Option<HeaderValue>, Problem> {
    let named = parts.headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let mut named = named.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let mut is_silent = true;
    let is_known = named.by_ref().inspect(|_| is_silent = false).any(|name| name.trim() == PROTOCOL);
    match (is_known, is_silent) {
        (true, _) => Ok(Some(HeaderValue::from_static(PROTOCOL))),
        (false, true) => Ok(None),
        (false, false) => {
            let error = bad("none of the subprotocols is spoken here");
            Err(error.help(format!("ask for {PROTOCOL:?}, or for no subprotocol")).into())
        }
    }
}

/// The session that calls of the connection belong to unless they say otherwise.
fn session(parts: &Parts) -> Result<Option<SessionId>, Error> {
    let Some(named) = parts.headers.get(&sessions::HEADER) else { return Ok(None) };
    SessionId::parse(named.to_str().unwrap_or_default()).map(Some)
}

fn not_a_handshake(rejection: &WebSocketUpgradeRejection) -> Problem {
    let status = match rejection {
        WebSocketUpgradeRejection::MethodNotGet(_) => StatusCode::METHOD_NOT_ALLOWED,
        _ => StatusCode::UPGRADE_REQUIRED,
    };
    let error = Error::new(
        &code::BAD_REQUEST,
        "this is the address of WebSockets, and the request opens none",
    )
    .help(format!(
        "connect with a WebSocket client over HTTP/1.1, for example `new WebSocket(url, {PROTOCOL:?})`"
    ));
    Problem::with_status(status, error)
}
