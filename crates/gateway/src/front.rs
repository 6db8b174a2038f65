//! The front: what every request passes before its channel, and every answer after it.
//!
//! Guard, channel detection, admission, the channel itself, then envelope and entity tag, and at the very end the headers
//! that every answer has. Compression is around all of it.

mod entry;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Method, Request, Uri, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use nexus_kernel::BoxFuture;
use nexus_kernel::allowance::Toll;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::time::Timestamp;
use tokio::sync::Semaphore;

use crate::channel::browser::{self, Reader, Visit, Visitor};
use crate::channel::rest::identity::PublicUrl;
use crate::channel::{mcp, nexus};
use crate::cors;
use crate::envelope::{self, Metadata};
use crate::etag;
use crate::guard::Guard;
use crate::harden::harden;
use crate::limit::{self, Proxies};
use crate::pipeline::Pipeline;
use crate::problem::{self, Problem};
use crate::request_id::RequestId;
use crate::stage::audit;
use entry::Entered;

/// The other end of the connection that a request came over: an address, or nothing for the socket in the file system,
/// which only the owner of the server can open.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) address: Option<IpAddr>,
    /// The names in the certificate that the connection was made with.
    pub(crate) certified: Arc<[String]>,
}

/// Shared by all connections of a listener.
pub(crate) struct Front {
    pub(crate) guard: Guard,
    pub(crate) pipeline: Pipeline,
    pub(crate) router: TowerToHyperService<Router>,
    pub(crate) admitted: Arc<Semaphore>,
    pub(crate) proxies: Proxies,
    pub(crate) version: HeaderValue,
    /// Where clients reach the server; the name that they call it by when absent.
    pub(crate) url: Option<PublicUrl>,
    pub(crate) is_encrypted: bool,
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
        let speaks_nexus = nexus::is_meant(request.uri().path());
        let if_none_match = request.headers().get(header::IF_NONE_MATCH).cloned();
        let metadata = self.metadata(&mut request);
        let reader = self.place(&request).filter(|_| !enveloped).and_then(|_| Reader::of(&request));
        let mut response = self.route(request, &id).await;
        if enveloped {
            response = envelope::wrap(response, &self.about(&id, started)).await;
        } else if is_get {
            response = etag::apply(response, if_none_match.as_ref()).await;
        }
        self.pipeline.metrics().doors().answered(response.status().as_u16());
        harden(response.headers_mut(), self.is_encrypted);
        if speaks_nexus {
            // Headers of this kind are a part of what such answers carry, and no page reads them.
            response.headers_mut().remove(header::CONTENT_SECURITY_POLICY);
        }
        let refusal = problem::of(&response).filter(|_| speaks_nexus).map(nexus::refusal);
        let page = reader.and_then(|reader| reader.page(&response));
        let mut response = problem::finish(response, &id, &self.version, metadata.as_deref());
        if let Some(refusal) = refusal {
            refusal.instead_of(&mut response);
        }
        match page {
            Some(page) => page.instead_of(response),
            None => response,
        }
    }

    /// Where whoever has no credential finds out how to get one, when there are identity providers to go to.
    fn metadata(&self, request: &mut Request<Incoming>) -> Option<String> {
        self.pipeline.auth().filter(|auth| auth.tokens().is_offered())?;
        let named = || {
            let host = request.uri().authority().map(Authority::as_str);
            let host = host.or_else(|| request.headers().get(header::HOST)?.to_str().ok())?;
            let scheme = if self.is_encrypted { "https" } else { "http" };
            Some(PublicUrl(format!("{scheme}://{host}").into()))
        };
        let url = self.url.clone().or_else(named)?;
        let path = request.uri().path();
        let is_for_mcp = path == "/mcp" || mcp::is_meant(path, request.headers());
        let metadata = url.metadata_of(if is_for_mcp { "/mcp" } else { "/" });
        request.extensions_mut().insert(url);
        Some(metadata)
    }

    fn about<'a>(&'a self, request_id: &'a RequestId, started: Timestamp) -> Metadata<'a> {
        let version = self.version.to_str().unwrap_or_default();
        Metadata { request_id, version, now: self.pipeline.clock().now(), started }
    }

    /// Lets a request in, unless it must not come in, and the page that it comes from read the answer.
    async fn route(&self, request: Request<Incoming>, id: &RequestId) -> Response {
        if let Err(problem) = self.guard.check(request.uri(), request.headers()) {
            return problem.into_response();
        }
        let page = cors::origin(request.headers());
        let mut response = match cors::preflight(&request) {
            Some(answer) => answer,
            None => self.admit(request, id).await,
        };
        if let Some(page) = page {
            cors::mark(&mut response, page);
        }
        response
    }

    /// Takes a request to its channel, when there is room and its sender is known.
    async fn admit(&self, mut request: Request<Incoming>, id: &RequestId) -> Response {
        // A stream gives its place back as soon as it has begun: it costs a page of events, not work.
        let Ok(_permit) = self.admitted.try_acquire() else { return overloaded() };
        if mcp::is_meant(request.uri().path(), request.headers()) {
            *request.uri_mut() = Uri::from_static("/mcp");
        }
        let (sender, toll) = (self.sender(&request), Toll::default());
        request.extensions_mut().insert(id.clone());
        request.extensions_mut().insert(toll.clone());
        let mut response = match self.enter(&request, sender, &toll).await {
            Ok(entered) => self.take(request, entered, (id, sender)).await,
            Err(error) => self.turn_away(error, (id, sender)),
        };
        limit::tell(response.headers_mut(), toll.paid().unwrap_or_default(), self.pipeline.clock().now());
        response
    }
}

impl Front {
    /// Hands a request over to its channel.
    async fn take(
        &self,
        mut request: Request<Incoming>,
        entered: Entered,
        (id, sender): (&RequestId, Option<IpAddr>),
    ) -> Response {
        if let Some((logins, site)) = self.place(&request) {
            let visitor = Visitor { caller: &entered.caller, sender, request_id: id };
            let desk = (logins, self.pipeline.audit());
            if let Some(answer) = browser::answer(desk, &site, &request, &visitor).await {
                return answer.unwrap_or_else(|error| self.turn_away(error, (id, sender)));
            }
        }
        let is_webhook = first_of(request.uri().path()) == "webhooks";
        request.extensions_mut().insert(entered.caller);
        if entered.is_visit {
            request.extensions_mut().insert(Visit);
        }
        let Ok(response) = self.router.call(request.map(Body::new)).await;
        if is_webhook { self.judge(response, sender).await } else { response }
    }

    /// Answers whoever must not come in, and has that written down.
    fn turn_away(&self, error: Error, (id, sender): (&RequestId, Option<IpAddr>)) -> Response {
        if let Some(log) = self.pipeline.audit() {
            audit::turned_away(log, sender, id.as_str(), &error);
        }
        Problem::from(error).into_response()
    }

    /// What somebody is told who has shown a wrong credential: what is wrong, or that there were too many.
    async fn failed(&self, error: Error, sender: Option<IpAddr>) -> Error {
        let (Some(limiter), Some(sender)) = (self.pipeline.limiter(), sender) else { return error };
        limiter.failed(sender).await.err().unwrap_or(error)
    }

    /// Counts the wrong signature of a webhook like a wrong credential.
    async fn judge(&self, response: Response, sender: Option<IpAddr>) -> Response {
        let problem = response.extensions().get::<Problem>();
        match problem.map(Problem::error).filter(|error| error.code() == &code::SIGNATURE_INVALID) {
            Some(error) => Problem::from(self.failed(error.clone(), sender).await).into_response(),
            None => response,
        }
    }
}

/// The first part of a path.
fn first_of(path: &str) -> &str {
    path.trim_start_matches('/').split('/').next().unwrap_or_default()
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
