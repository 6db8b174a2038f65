//! Health, and the pages behind error codes.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::time::Timestamp;
use nexus_kernel::{BoxFuture, Json};
use serde_json::{Map, json};
use tokio::sync::Mutex;

use crate::breaker::Breakers;
use crate::channel::rest::request::RestRequest;
use crate::channel::rest::wire::Health;
use crate::channel::rest::{self, Rest};
use crate::limits::{CHECK_CACHE_MILLIS, CHECK_SECONDS_MAX};
use crate::problem::Problem;

/// Looks whether something works; says why not when it does not.
pub type Checking = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// Finds the page of an error code, in Markdown.
pub type Pages = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// One thing that `/health` looks at.
#[derive(Clone)]
pub struct Check {
    /// What it is, for example `store`.
    pub name: String,
    /// How to look.
    pub checking: Checking,
    /// Whether the server is of no use without it; otherwise it is served in another way while it is away.
    pub is_needed: bool,
}

/// Every check of a server, and what they said last: however many ask, each is made once in a while.
pub(crate) struct Checks {
    all: Vec<Check>,
    last: Mutex<Option<Looked>>,
    begun: Timestamp,
}

struct Looked {
    at: Timestamp,
    results: Vec<Result<(), String>>,
}

impl Checks {
    /// The checks of a server that begins to serve now.
    pub(crate) fn new(checks: Vec<Check>, now: Timestamp) -> Checks {
        Checks { all: checks, last: Mutex::new(None), begun: now }
    }

    /// What the checks say. Who comes while they are made waits for the same results.
    async fn results(&self, clock: &SharedClock) -> Vec<Result<(), String>> {
        let mut last = self.last.lock().await;
        let fresh = Duration::from_millis(CHECK_CACHE_MILLIS);
        if let Some(looked) = last.as_ref().filter(|looked| clock.now().since(looked.at) < fresh) {
            return looked.results.clone();
        }
        let results = futures::future::join_all(self.all.iter().map(|check| perform(check, clock))).await;
        *last = Some(Looked { at: clock.now(), results: results.clone() });
        results
    }

    /// Whether everything works that is needed.
    fn is_sound(&self, results: &[Result<(), String>]) -> bool {
        self.all.iter().zip(results).all(|(check, result)| result.is_ok() || !check.is_needed)
    }
}

/// `GET /health`: 200 when everything works that is needed, 503 otherwise. What it can do without, and circuit breakers that
/// hold calls back, make it degraded.
pub(crate) async fn show(State(rest): State<Arc<Rest>>, request: RestRequest) -> Result<Response, Problem> {
    request.query.finish()?;
    let results = rest.checks.results(rest.pipeline.clock()).await;
    let healthy = rest.checks.is_sound(&results);
    let is_whole = results.iter().all(Result::is_ok);
    let mut checks = Map::new();
    for (check, result) in rest.checks.all.iter().zip(results) {
        checks.insert(check.name.clone(), described(result, check.is_needed));
    }
    let complaint = rest.breakers.as_ref().and_then(Breakers::complaint);
    let status = match (healthy, &complaint) {
        (false, _) => "unhealthy",
        (true, None) if is_whole => "healthy",
        (true, _) => "degraded",
    };
    if let Some(reason) = complaint {
        // Who is in front of what fails is served all the same.
        checks.insert("breakers".to_owned(), json!({ "status": "degraded", "reason": reason }));
    }
    let body = Health { status, name: "nexus", version: &rest.version, checks };
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok(rest::json(status, &body))
}

/// `GET /healthz`: the process answers. Nothing is looked at, so that a slow disk does not get it killed.
pub(crate) async fn alive(State(rest): State<Arc<Rest>>, request: RestRequest) -> Result<Response, Problem> {
    request.query.finish()?;
    let uptime = rest.pipeline.clock().now().since(rest.checks.begun).as_secs();
    Ok(rest::json(StatusCode::OK, &json!({ "status": "alive", "uptime_seconds": uptime })))
}

/// `GET /readyz`: 200 when requests may be sent here, 503 when a check fails or the server is about to stop.
pub(crate) async fn ready(
    State(rest): State<Arc<Rest>>,
    mut request: RestRequest,
) -> Result<Response, Problem> {
    let is_stopping = request.take_shutdown().has_begun();
    request.query.finish()?;
    let results = rest.checks.results(rest.pipeline.clock()).await;
    let status = match rest.checks.is_sound(&results) {
        _ if is_stopping => "draining",
        true => "ready",
        false => "failed",
    };
    let code = if status == "ready" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok(rest::json(code, &json!({ "status": status })))
}

/// `GET /startup`: 200 once the project is served, which it is before the first connection is accepted.
pub(crate) async fn started(
    State(rest): State<Arc<Rest>>,
    request: RestRequest,
) -> Result<Response, Problem> {
    request.query.finish()?;
    let snapshot = rest.pipeline.catalogue().snapshot();
    let workflows = snapshot.iter().filter(|operation| operation.is_workflow()).count();
    let body = json!({ "status": "started", "since": rest.checks.begun.to_string(), "workflows": workflows });
    Ok(rest::json(StatusCode::OK, &body))
}

async fn perform(check: &Check, clock: &SharedClock) -> Result<(), String> {
    let deadline = clock.sleep_until(clock.now().plus(Duration::from_secs(CHECK_SECONDS_MAX)));
    tokio::select! {
        biased;
        result = (check.checking)() => result,
        () = deadline => Err(format!("no answer within {CHECK_SECONDS_MAX} s")),
    }
}

fn described(result: Result<(), String>, is_needed: bool) -> Json {
    match result {
        Ok(()) => json!({ "status": "healthy" }),
        Err(reason) if is_needed => json!({ "status": "unhealthy", "reason": reason }),
        Err(reason) => json!({ "status": "degraded", "reason": reason }),
    }
}

/// `GET /errors/{code}`: what problem details call their `type`.
pub(crate) async fn error_page(
    State(rest): State<Arc<Rest>>,
    request: RestRequest,
) -> Result<Response, Problem> {
    let id = request.path("code").to_owned();
    request.query.finish()?;
    let Some(code) = code::find(&id) else {
        let error = Error::new(&code::OPERATION_UNKNOWN, format!("there is no error code {id:?}"));
        return Err(error.help("error codes look like NX-2001").into());
    };
    let page = rest.pages.as_ref().and_then(|pages| pages(code.id));
    let page = page.unwrap_or_else(|| format!("# {}: {}\n", code.id, code.title));
    let media_type = HeaderValue::from_static("text/markdown; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, media_type)], page).into_response())
}
