//! Health, and the pages behind error codes.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::{BoxFuture, Json};
use serde_json::{Map, json};

use crate::channel::rest::request::RestRequest;
use crate::channel::rest::wire::Health;
use crate::channel::rest::{self, Rest};
use crate::limits::CHECK_SECONDS_MAX;
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
}

/// `GET /health`: 200 when every check passes, 503 otherwise.
pub(crate) async fn show(State(rest): State<Arc<Rest>>, request: RestRequest) -> Result<Response, Problem> {
    request.query.finish()?;
    let clock = rest.pipeline.clock();
    let results = futures::future::join_all(rest.checks.iter().map(|check| perform(check, clock))).await;
    let healthy = results.iter().all(Result::is_ok);
    let mut checks = Map::new();
    for (check, result) in rest.checks.iter().zip(results) {
        checks.insert(check.name.clone(), described(result));
    }
    let status = if healthy { "healthy" } else { "unhealthy" };
    let body = Health { status, name: "nexus", version: &rest.version, checks };
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok(rest::json(status, &body))
}

async fn perform(check: &Check, clock: &SharedClock) -> Result<(), String> {
    let deadline = clock.sleep_until(clock.now().plus(Duration::from_secs(CHECK_SECONDS_MAX)));
    tokio::select! {
        biased;
        result = (check.checking)() => result,
        () = deadline => Err(format!("no answer within {CHECK_SECONDS_MAX} s")),
    }
}

fn described(result: Result<(), String>) -> Json {
    match result {
        Ok(()) => json!({ "status": "healthy" }),
        Err(reason) => json!({ "status": "unhealthy", "reason": reason }),
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
