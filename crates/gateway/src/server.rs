//! The server: one listener, every channel, and an orderly end.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderValue;
use hyper::body::Incoming;
use hyper::rt::Timer as _;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use nexus_kernel::error::Error;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::task::Shutdown;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tower_http::compression::Compression;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

use crate::breaker::Breakers;
use crate::channel::mcp::content::McpShelf;
use crate::channel::mcp::{McpServer, http as mcp};
use crate::channel::rest::custom::Routes;
use crate::channel::rest::health::{Check, Checks, Pages};
use crate::channel::rest::identity::PublicUrl;
use crate::channel::rest::{self, Rest};
use crate::channel::socket::Sockets;
use crate::front::{Front, FrontService, Peer};
use crate::guard::Guard;
use crate::limit::Proxies;
use crate::limits::{
    ACCEPT_RETRY_MILLIS, BODY_SECONDS_MAX, COMPRESSED_BYTES_MIN, CONNECTIONS_MAX, DRAIN_SECONDS_MAX,
    HEADER_BYTES_MAX, HEADER_SECONDS_MAX, REQUESTS_MAX, SOCKETS_MAX, STREAMS_MAX,
};
use crate::listener::{Accepted, Listener, Opened};
use crate::passport::Passports;
use crate::pipeline::Pipeline;
use crate::webhook::Inbound;

/// What a gateway is made from: a listener of [`bind`], the pipeline, and what has a default.
pub struct Options {
    listeners: Vec<Listener>,
    pipeline: Pipeline,
    version: String,
    checks: Vec<Check>,
    pages: Option<Pages>,
    mcp: Option<McpShelf>,
    allowed_hosts: Vec<String>,
    allowed_origins: Vec<String>,
    url: Option<String>,
    drain: Duration,
    head_time_max: Duration,
    body_time_max: Duration,
    requests_max: usize,
    sockets_max: usize,
    inbound: Inbound,
    proxies: Proxies,
    breakers: Option<Breakers>,
    passports: Option<Arc<Passports>>,
}

impl Options {
    /// Options with every default.
    pub fn new(listener: impl Into<Listener>, pipeline: Pipeline) -> Options {
        Options {
            listeners: vec![listener.into()],
            pipeline,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            checks: Vec::new(),
            pages: None,
            mcp: None,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            url: None,
            drain: Duration::from_secs(DRAIN_SECONDS_MAX),
            head_time_max: Duration::from_secs(HEADER_SECONDS_MAX),
            body_time_max: Duration::from_secs(BODY_SECONDS_MAX),
            requests_max: REQUESTS_MAX,
            sockets_max: SOCKETS_MAX,
            inbound: Inbound::default(),
            proxies: Proxies::default(),
            breakers: None,
            passports: None,
        }
    }

    /// One more place to listen at.
    pub fn listener(mut self, listener: impl Into<Listener>) -> Options {
        self.listeners.push(listener.into());
        self
    }

    /// Webhooks that others may send.
    pub fn inbound(self, inbound: Inbound) -> Options {
        Options { inbound, ..self }
    }

    /// Circuit breakers that `/health` tells of.
    pub fn breakers(self, breakers: Breakers) -> Options {
        Options { breakers: Some(breakers), ..self }
    }

    /// What this server signs with when it calls operations elsewhere: the key to check that with is told to everybody.
    pub fn passports(self, passports: Option<Arc<Passports>>) -> Options {
        Options { passports, ..self }
    }

    /// Proxies that are believed about where requests come from.
    pub fn proxies(self, proxies: Proxies) -> Options {
        Options { proxies, ..self }
    }

    /// How many requests may be at hand at a time; further ones are refused.
    pub fn requests_max(self, requests_max: usize) -> Options {
        Options { requests_max, ..self }
    }

    /// How many connections of `/ws` may be open at a time; further ones are closed as soon as they are open.
    pub fn sockets_max(self, sockets_max: usize) -> Options {
        Options { sockets_max, ..self }
    }

    /// The version told to callers.
    pub fn version(self, version: impl Into<String>) -> Options {
        Options { version: version.into(), ..self }
    }

    /// One more thing that `/health` looks at.
    pub fn check(mut self, check: Check) -> Options {
        self.checks.push(check);
        self
    }

    /// Finds the Markdown page of an error code; without it pages hold the code's title only.
    pub fn pages<T: Into<String>>(self, find: impl Fn(&str) -> Option<T> + Send + Sync + 'static) -> Options {
        Options { pages: Some(Arc::new(move |code: &str| find(code).map(Into::into))), ..self }
    }

    /// Prompts and subsets of tools for MCP clients; none without it.
    pub fn mcp(self, shelf: McpShelf) -> Options {
        Options { mcp: Some(shelf), ..self }
    }

    /// Where clients reach the server, when they call it by another name than the one in their requests.
    pub fn url(self, url: Option<String>) -> Options {
        Options { url, ..self }
    }

    /// Host names to answer to beside those of the loopback.
    pub fn allowed_hosts(self, allowed_hosts: Vec<String>) -> Options {
        Options { allowed_hosts, ..self }
    }

    /// Origins of pages that may call, beside the server's own.
    pub fn allowed_origins(self, allowed_origins: Vec<String>) -> Options {
        Options { allowed_origins, ..self }
    }

    /// How long requests may go on after the server was told to stop.
    pub fn drain(self, drain: Duration) -> Options {
        Options { drain, ..self }
    }

    /// How long a client may take to send the head of a request, counted from when it could begin. Then the connection
    /// is closed.
    pub fn head_time_max(self, head_time_max: Duration) -> Options {
        Options { head_time_max, ..self }
    }

    /// How long a client may take to send the body of a request. Then it is refused.
    pub fn body_time_max(self, body_time_max: Duration) -> Options {
        Options { body_time_max, ..self }
    }
}

/// The gateway: accepts connections until it is told to stop. Code in this process goes through its [`Pipeline`].
pub struct Gateway {
    doors: Vec<Door>,
    clock: SharedClock,
    drain: Duration,
    head_time_max: Duration,
    sockets: Sockets,
}

/// A listener, and what requests that come in there meet.
struct Door {
    listener: Listener,
    front: Arc<Front>,
}

impl Gateway {
    /// A gateway that listens and does not answer yet.
    pub fn new(options: Options) -> Result<Gateway, Error> {
        let Options { listeners, pipeline, version, checks, pages, mcp, .. } = options;
        let told = HeaderValue::from_str(&version).map_err(|error| Error::internal(error.to_string()))?;
        let clock = Arc::clone(pipeline.clock());
        let shelf = mcp.unwrap_or_else(|| McpShelf::new(pipeline.secret()));
        let mcp = mcp::router(McpServer::new(pipeline.clone(), shelf, &version), options.body_time_max);
        let sockets = Sockets::new(options.sockets_max, options.drain);
        let router = rest::router(Rest {
            pipeline: pipeline.clone(),
            version,
            body_time_max: options.body_time_max,
            checks: Checks::new(checks, clock.now()),
            pages,
            routes: Routes::default(),
            sockets: sockets.clone(),
            breakers: options.breakers,
            inbound: options.inbound,
            passports: options.passports,
        })
        .merge(mcp);
        let admitted = Arc::new(Semaphore::new(options.requests_max));
        let door = |listener: Listener| {
            // Who may connect to a socket in the file system is decided there; no browser can be led to one.
            let (is_loopback, hosts) = match listener.address() {
                Some(address) => (address.ip().is_loopback(), options.allowed_hosts.clone()),
                None => (false, Vec::new()),
            };
            let front = Front {
                guard: Guard::new(is_loopback, hosts, options.allowed_origins.clone()),
                pipeline: pipeline.clone(),
                router: TowerToHyperService::new(router.clone()),
                admitted: Arc::clone(&admitted),
                proxies: options.proxies.clone(),
                version: told.clone(),
                url: options.url.as_deref().map(|url| PublicUrl(url.trim_end_matches('/').into())),
                is_encrypted: listener.is_encrypted(),
            };
            Door { listener, front: Arc::new(front) }
        };
        let doors = listeners.into_iter().map(door).collect();
        let head_time_max = options.head_time_max;
        Ok(Gateway { doors, clock, drain: options.drain, head_time_max, sockets })
    }

    /// The first address of the network where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.doors.iter().find_map(|door| door.listener.address())
    }

    /// Serves. After the shutdown begins nothing new is accepted, and open requests have until the drain ends.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), Error> {
        let Gateway { doors, clock, drain, head_time_max, sockets } = self;
        let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let keep = |door: Door| {
            let at = Doorway {
                clock: clock.clone(),
                permits: Arc::clone(&permits),
                shutdown: shutdown.clone(),
                drain,
                head_time_max,
            };
            at.keep(door)
        };
        futures::future::join_all(doors.into_iter().map(keep)).await;
        // They have left the HTTP connections that they came in with.
        sockets.closed().await;
        Ok(())
    }
}

/// What all doors share while they are open.
struct Doorway {
    clock: SharedClock,
    permits: Arc<Semaphore>,
    shutdown: Shutdown,
    drain: Duration,
    head_time_max: Duration,
}

impl Doorway {
    /// Lets connections in until the shutdown, then waits for those that are open.
    async fn keep(self, door: Door) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = self.shutdown.begun() => break,
                Some(_) = connections.join_next() => {}
                accepted = self.accept(&door.listener) => {
                    if let Some((accepted, permit)) = accepted {
                        let (front, clock) = (Arc::clone(&door.front), self.clock.clone());
                        let visit = Visit { permit, front, clock, head_time_max: self.head_time_max };
                        connections.spawn(visit.serve(accepted, self.shutdown.clone()));
                    }
                }
            }
        }
        drop(door);
        let deadline = self.clock.sleep_until(self.clock.now().plus(self.drain));
        tokio::select! {
            biased;
            () = async { while connections.join_next().await.is_some() {} } => {}
            () = deadline => {
                tracing::warn!(open = connections.len(), "the drain ended before these connections did");
                connections.shutdown().await;
            }
        }
    }

    /// The next connection; nothing when there was none to be had, for example for lack of file descriptors.
    async fn accept(&self, listener: &Listener) -> Option<(Accepted, OwnedSemaphorePermit)> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok()?;
        match listener.accept().await {
            Ok(accepted) => Some((accepted, permit)),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                let pause = Duration::from_millis(ACCEPT_RETRY_MILLIS);
                self.clock.sleep_until(self.clock.now().plus(pause)).await;
                None
            }
        }
    }
}

/// What one connection has of its own.
struct Visit {
    permit: OwnedSemaphorePermit,
    front: Arc<Front>,
    clock: SharedClock,
    head_time_max: Duration,
}

impl Visit {
    /// Serves the connection, HTTP/1.1 or HTTP/2 as its client speaks, until it or the server ends.
    async fn serve(self, accepted: Accepted, shutdown: Shutdown) {
        let Visit { permit, front, clock, head_time_max } = self;
        let _permit = permit;
        let _open = front.pipeline.metrics().doors().connections.hold();
        let address = accepted.peer();
        let Some(Opened { stream, certified }) = accepted.open(&clock).await else { return };
        let peer = Peer { address, certified };
        let answering = Compression::new(FrontService(front)).gzip(true).compress_when(worth_compressing());
        let answering = TowerToHyperService::new(answering);
        let (stop, begun) = (shutdown.clone(), Arc::new(Notify::new()));
        let asks = Arc::clone(&begun);
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            asks.notify_one();
            request.extensions_mut().insert(stop.clone());
            request.extensions_mut().insert(peer.clone());
            answering.call(request)
        });
        let builder = protocol(head_time_max);
        let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
        let ended = tokio::select! {
            biased;
            ended = connection.as_mut() => ended,
            () = silence(&begun, head_time_max) => {
                tracing::debug!("a connection asked nothing in time");
                return;
            }
            () = shutdown.begun() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

/// Resolves when a connection has asked nothing for so long after it was opened, and never once it has. Until its first
/// bytes say which HTTP it speaks, the limits of neither version hold.
async fn silence(begun: &Notify, most: Duration) {
    tokio::select! {
        biased;
        () = begun.notified() => std::future::pending().await,
        () = TokioTimer::new().sleep(most) => {}
    }
}

/// Answers that fit into a packet gain nothing; streams must not wait for more to compress.
fn worth_compressing() -> impl Predicate {
    SizeAbove::new(COMPRESSED_BYTES_MIN)
        .and(NotForContentType::SSE)
        .and(NotForContentType::IMAGES)
        .and(NotForContentType::const_new("application/octet-stream"))
}

/// How both versions of HTTP are spoken, with the limits of each.
fn protocol(head_time_max: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    let alive = Duration::from_secs(HEADER_SECONDS_MAX);
    // The buffer holds a whole head, so its size is the limit of heads.
    builder
        .http1()
        .timer(TokioTimer::new())
        .max_buf_size(HEADER_BYTES_MAX)
        .header_read_timeout(head_time_max);
    let header_bytes = u32::try_from(HEADER_BYTES_MAX).unwrap_or(u32::MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(header_bytes)
        .max_concurrent_streams(STREAMS_MAX)
        .keep_alive_interval(Some(alive))
        .keep_alive_timeout(alive);
    builder
}
