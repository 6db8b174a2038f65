//! The server: one listener, every channel, and an orderly end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::task::Shutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use crate::channel::mcp;
use crate::channel::rest::health::{Check, Pages};
use crate::channel::rest::{self, Rest};
use crate::guard::Guard;
use crate::limits::{
    ACCEPT_RETRY_MILLIS, CONNECTIONS_MAX, DRAIN_SECONDS_MAX, HEADER_BYTES_MAX, HEADER_SECONDS_MAX,
};
use crate::pipeline::Pipeline;
use crate::problem;

/// What a gateway is made from: a listener of [`bind`], the pipeline, and what has a default.
pub struct Options {
    listener: TcpListener,
    pipeline: Pipeline,
    version: String,
    checks: Vec<Check>,
    pages: Option<Pages>,
    allowed_hosts: Vec<String>,
    allowed_origins: Vec<String>,
    drain: Duration,
}

impl Options {
    /// Options with every default.
    pub fn new(listener: TcpListener, pipeline: Pipeline) -> Options {
        Options {
            listener,
            pipeline,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            checks: Vec::new(),
            pages: None,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            drain: Duration::from_secs(DRAIN_SECONDS_MAX),
        }
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
}

/// Binds an address. Anything but the loopback is refused unless the caller insists, because nothing is authenticated.
pub async fn bind(address: SocketAddr, insecure: bool) -> Result<TcpListener, Error> {
    if !address.ip().is_loopback() && !insecure {
        let message = format!("refusing to listen on {address}: anybody who reaches it could run workflows");
        return Err(Error::new(&code::NOT_LOOPBACK, message)
            .help("listen on 127.0.0.1, or give --insecure when something else keeps strangers out"));
    }
    TcpListener::bind(address).await.map_err(|error| bind_error(address, &error))
}

fn bind_error(address: SocketAddr, error: &std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::AddrInUse {
        let next = address.port().saturating_add(1);
        return Error::new(&code::ADDRESS_IN_USE, format!("{address} is in use"))
            .help(format!("try --port {next}, or --port 0 for a free one"));
    }
    Error::new(&code::CONFIG_INVALID, format!("cannot listen on {address}: {error}"))
        .help("choose an address of this machine and a port above 1023")
}

/// The gateway: accepts connections until it is told to stop. Code in this process goes through its [`Pipeline`].
pub struct Gateway {
    listener: TcpListener,
    address: SocketAddr,
    front: Arc<Front>,
    clock: SharedClock,
    drain: Duration,
}

impl Gateway {
    /// A gateway that listens and does not answer yet.
    pub fn new(options: Options) -> Result<Gateway, Error> {
        let Options { listener, pipeline, version, checks, pages, allowed_hosts, allowed_origins, drain } =
            options;
        let address = listener.local_addr().map_err(|error| Error::internal(error.to_string()))?;
        let clock = Arc::clone(pipeline.clock());
        let mcp = mcp::service(pipeline.clone(), &version);
        let router = rest::router(Rest { pipeline: pipeline.clone(), version, checks, pages })
            .route_service("/mcp", mcp);
        let guard = Guard::new(address.ip().is_loopback(), allowed_hosts, allowed_origins);
        let front = Arc::new(Front { guard, pipeline, router: TowerToHyperService::new(router) });
        Ok(Gateway { listener, address, front, clock, drain })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves. After the shutdown begins nothing new is accepted, and open requests have until the drain ends.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), Error> {
        let mut connections = JoinSet::new();
        let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            tokio::select! {
                biased;
                () = shutdown.begun() => break,
                Some(_) = connections.join_next() => {}
                accepted = self.accept(&permits) => {
                    if let Some((stream, permit)) = accepted {
                        connections.spawn(serve(stream, permit, Arc::clone(&self.front), shutdown.clone()));
                    }
                }
            }
        }
        drop(self.listener);
        let deadline = self.clock.sleep_until(self.clock.now().plus(self.drain));
        tokio::select! {
            biased;
            () = async { while connections.join_next().await.is_some() {} } => {}
            () = deadline => {
                tracing::warn!(open = connections.len(), "the drain ended before these connections did");
                connections.shutdown().await;
            }
        }
        Ok(())
    }

    /// The next connection; nothing when there was none to be had, for example for lack of file descriptors.
    async fn accept(&self, permits: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
        let permit = Arc::clone(permits).acquire_owned().await.ok()?;
        match self.listener.accept().await {
            Ok((stream, _)) => Some((stream, permit)),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                let pause = Duration::from_millis(ACCEPT_RETRY_MILLIS);
                self.clock.sleep_until(self.clock.now().plus(pause)).await;
                None
            }
        }
    }
}

/// Serves one connection until it or the server ends.
async fn serve(stream: TcpStream, permit: OwnedSemaphorePermit, front: Arc<Front>, shutdown: Shutdown) {
    let _permit = permit;
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "answers on this connection may be delayed");
    }
    let stop = shutdown.clone();
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        let front = Arc::clone(&front);
        request.extensions_mut().insert(stop.clone());
        async move { Ok::<_, Infallible>(front.answer(request).await) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).max_header_size(HEADER_BYTES_MAX);
    builder.header_read_timeout(Duration::from_secs(HEADER_SECONDS_MAX));
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = shutdown.begun() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// What every request passes before its channel and every answer after it.
struct Front {
    guard: Guard,
    pipeline: Pipeline,
    router: TowerToHyperService<Router>,
}

impl Front {
    async fn answer(&self, mut request: hyper::Request<Incoming>) -> Response {
        let id = self.pipeline.request_ids().of(request.headers());
        let response = match self.guard.check(request.uri(), request.headers()) {
            Ok(()) => {
                request.extensions_mut().insert(id.clone());
                let Ok(response) = self.router.call(request.map(Body::new)).await;
                response
            }
            Err(problem) => problem.into_response(),
        };
        problem::finish(response, &id)
    }
}
