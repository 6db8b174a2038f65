//! The front: what every request passes before its channel, and every answer after it.
//!
//! Guard, channel detection, admission, the channel itself, then envelope and entity tag, and at the very end the headers
//! that every answer has. Compression is around all of it.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, Uri, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use nexus_kernel::BoxFuture;
use nexus_kernel::call::{Caller, Proof};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::time::Timestamp;
use tokio::sync::Semaphore;

use crate::channel::mcp;
use crate::envelope::{self, Metadata};
use crate::etag;
use crate::guard::Guard;
use crate::identity::{Credentials, Shown};
use crate::pipeline::Pipeline;
use crate::problem::{self, Problem};
use crate::request_id::RequestId;
use crate::stage::audit;
use crate::stage::authorise::unauthenticated;

/// The other end of the connection that a request came over: an address, or nothing for the socket in the file system,
/// which only the owner of the server can open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) Option<IpAddr>);

/// Shared by all connections of a listener.
pub(crate) struct Front {
    pub(crate) guard: Guard,
    pub(crate) pipeline: Pipeline,
    pub(crate) router: TowerToHyperService<Router>,
    pub(crate) admitted: Arc<Semaphore>,
    pub(crate) version: HeaderValue,
}

impl Front {
    /// Answers one request.
    pub(crate) async fn answer(&self, mut request: Request<Incoming>) -> Response {
        let id = self.pipeline.request_ids().of(request.headers());
        let started = self.pipeline.clock().now();
        let for_mcp = mcp::is_meant(request.uri().path(), request.headers());
        let enveloped = match envelope::inner(request.uri()).filter(|_| !for_mcp) {
            Some(uri) => {
                *request.uri_mut() = uri;
                true
            }
            None => false,
        };
        let is_get = request.method() == Method::GET;
        let if_none_match = request.headers().get(header::IF_NONE_MATCH).cloned();
        let mut response = self.route(request, &id).await;
        if enveloped {
            response = envelope::wrap(response, &self.about(&id, started)).await;
        } else if is_get {
            response = etag::apply(response, if_none_match.as_ref()).await;
        }
        problem::finish(response, &id, &self.version)
    }

    fn about<'a>(&'a self, request_id: &'a RequestId, started: Timestamp) -> Metadata<'a> {
        let version = self.version.to_str().unwrap_or_default();
        Metadata { request_id, version, now: self.pipeline.clock().now(), started }
    }

    /// Takes a request to its channel, unless it must not come in.
    async fn route(&self, mut request: Request<Incoming>, id: &RequestId) -> Response {
        if let Err(problem) = self.guard.check(request.uri(), request.headers()) {
            return problem.into_response();
        }
        // A stream gives its place back as soon as it has begun: it costs a page of events, not work.
        let Ok(_permit) = self.admitted.try_acquire() else { return overloaded() };
        if mcp::is_meant(request.uri().path(), request.headers()) {
            *request.uri_mut() = Uri::from_static("/mcp");
        }
        match self.identify(&request).await {
            Ok(caller) => request.extensions_mut().insert(caller),
            Err(error) => {
                if let Some(log) = self.pipeline.audit() {
                    let peer = request.extensions().get::<Peer>().and_then(|peer| peer.0);
                    audit::turned_away(log, peer, id.as_str(), &error);
                }
                return Problem::from(error).into_response();
            }
        };
        request.extensions_mut().insert(id.clone());
        let Ok(response) = self.router.call(request.map(Body::new)).await;
        response
    }
}

impl Front {
    /// Who sent a request. Whoever shows nothing gets no further than what is open to everybody.
    async fn identify(&self, request: &Request<Incoming>) -> Result<Caller, Error> {
        let peer = request.extensions().get::<Peer>().copied();
        let Some(auth) = self.pipeline.auth() else {
            return Ok(Caller::local().at(peer.and_then(|peer| peer.0)));
        };
        // A request of which nobody knows where it comes from is nobody's, least of all the owner's.
        let (is_owner, address) = (matches!(peer, Some(Peer(None))), peer.and_then(|peer| peer.0));
        let shown = Shown::of(request.headers())?;
        let caller = auth.identify(&Credentials { shown, is_owner, address }).await?;
        if caller.proof == Proof::Nothing && !is_open(request.uri().path()) {
            return Err(unauthenticated());
        }
        Ok(caller)
    }
}

/// Whether a path says nothing about anybody's work, or checks a proof of its own. All others are closed.
fn is_open(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    matches!(first, "" | "health" | "healthz" | "readyz" | "startup" | "docs" | "errors" | "webhooks")
}

fn overloaded() -> Response {
    let error =
        Error::new(&code::OVERLOADED, "the server has as many requests at hand as it takes at a time");
    Problem::from(error.help("try again after the seconds in Retry-After")).into_response()
}

/// The front as the layers around it call it.
#[derive(Clone)]
pub(crate) struct FrontService(pub(crate) Arc<Front>);

impl tower_service::Service<Request<Incoming>> for FrontService {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let front = Arc::clone(&self.0);
        Box::pin(async move { Ok(front.answer(request).await) })
    }
}
