//! REST: routes onto the catalogue.
//!
//! Paths and queries become the input of an operation, outputs are passed on as they are. A run that was started
//! answers 202 while it goes on and 200 once its result is in the body, both with its `Location`; a run that failed
//! is a problem (422), because then the work that was asked for was not done.

pub(crate) mod activities;
pub(crate) mod body;
pub(crate) mod cached;
mod catalogue;
pub(crate) mod compat;
pub(crate) mod custom;
pub(crate) mod docs;
pub(crate) mod events;
pub(crate) mod execute;
pub(crate) mod health;
pub(crate) mod history;
pub(crate) mod identity;
pub(crate) mod messages;
pub(crate) mod metrics;
pub(crate) mod prefer;
pub(crate) mod query;
pub(crate) mod request;
pub(crate) mod runs;
pub(crate) mod sessions;
pub(crate) mod stream;
pub(crate) mod webhooks;
pub(crate) mod wire;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use nexus_kernel::cache::Cached;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::suggest;
use serde::Serialize;

use crate::breaker::Breakers;
use crate::channel::nexus;
use crate::channel::rest::custom::Routes;
use crate::channel::rest::health::{Checks, Pages};
use crate::channel::socket::{self, Sockets};
use crate::passport::{KEY_SET_PATH, Passports};
use crate::pipeline::Pipeline;
use crate::problem::Problem;
use crate::webhook::Inbound;

/// What the routes share.
pub(crate) struct Rest {
    /// The way to the operations.
    pub(crate) breakers: Option<Breakers>,
    pub(crate) pipeline: Pipeline,
    /// The version of this server.
    pub(crate) version: String,
    /// How long a body may take to arrive.
    pub(crate) body_time_max: Duration,
    /// What `/health` asks.
    pub(crate) checks: Checks,
    /// Where `/errors/{code}` finds its pages.
    pub(crate) pages: Option<Pages>,
    /// Webhooks that others send.
    pub(crate) inbound: Inbound,
    /// Paths that operations declare for themselves.
    pub(crate) routes: Routes,
    /// The open connections of `/ws`.
    pub(crate) sockets: Sockets,
    /// What this server signs with when it calls others.
    pub(crate) passports: Option<Arc<Passports>>,
}

/// The paths served, for suggestions and for documentation.
pub const PATHS: &[&str] = &[
    "/",
    "/health",
    "/healthz",
    "/readyz",
    "/startup",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/errors/{code}",
    "/mcp",
    "/ws",
    "/webhooks/{name}",
    "/workflows",
    "/workflows/{name}/execute",
    "/workflows/{name}/workflow/info",
    "/workflows/{name}/schema",
    "/workflows/{name}/docs",
    "/workflows/{name}/health",
    "/workflows/{name}/status/{id}",
    "/nexus/endpoints/{name}/services/{service}/{operation}",
    "/nexus/callback",
    "/v1/operations",
    "/v1/operations/{name}",
    "/v1/events",
    "/v1/workflows",
    "/v1/workflows/{name}",
    "/v1/workflows/{name}/runs",
    "/v1/sessions",
    "/v1/sessions/{id}",
    "/v1/runs",
    "/v1/runs/{id}",
    "/v1/runs/{id}/events",
    "/v1/runs/{id}/{verb}",
    "/v1/activities/{token}/{verb}",
    "/v1/runs/{id}/signals/{name}",
    "/v1/runs/{id}/queries/{name}",
    "/v1/runs/{id}/updates/{name}",
];

/// The routes.
pub(crate) fn router(rest: Rest) -> Router {
    Router::new()
        .route("/", get(compat::index))
        .route("/health", get(health::show))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/startup", get(health::started))
        .route(identity::METADATA, get(identity::metadata))
        .route(&format!("{}/mcp", identity::METADATA), get(identity::metadata))
        .route(KEY_SET_PATH, get(identity::key_set))
        .route("/metrics", get(metrics::show))
        .route("/openapi.json", get(docs::openapi))
        .route("/docs", get(docs::page))
        .route("/docs/page.js", get(docs::script))
        .route("/docs/page.css", get(docs::style))
        .route("/errors/{code}", get(health::error_page))
        .route("/workflows", get(execute::list))
        .route("/workflows/{name}", get(compat::info).post(execute::execute))
        .route("/workflows/{name}/", post(execute::execute))
        .route("/workflows/{name}/execute", post(execute::execute))
        .route("/workflows/{name}/workflow/info", get(compat::info))
        .route("/workflows/{name}/schema", get(compat::schema))
        .route("/workflows/{name}/docs", get(compat::docs))
        .route("/workflows/{name}/health", get(compat::health))
        .route("/workflows/{name}/status/{id}", get(compat::status))
        .route("/webhooks/{name}", post(webhooks::receive))
        .route("/v1/operations", get(catalogue::list))
        .route("/v1/operations/{name}", post(catalogue::call))
        .route("/v1/events", get(events::list).post(events::publish))
        .route("/v1/workflows", get(runs::list_workflows))
        .route("/v1/workflows/{name}", get(runs::show_workflow))
        .route("/v1/workflows/{name}/runs", post(runs::start))
        .route("/v1/runs", get(runs::list))
        .route("/v1/runs/{id}", get(runs::show))
        .route("/v1/runs/{id}/events", get(history::events))
        .route("/v1/runs/{id}/{verb}", get(runs::look).post(runs::act))
        .route("/v1/activities/{token}/{verb}", post(activities::act))
        .route("/v1/runs/{id}/signals/{name}", post(messages::signal))
        .route("/v1/runs/{id}/queries/{name}", get(messages::query).post(messages::query))
        .route("/v1/runs/{id}/updates/{name}", post(messages::update))
        .route("/ws", get(socket::accept))
        .route("/v1/sessions", get(sessions::list).post(sessions::create))
        .route("/v1/sessions/{id}", get(sessions::show).patch(sessions::update).delete(sessions::delete))
        .route(nexus::ROUTES[0], any(nexus::serve))
        .route(nexus::ROUTES[1], any(nexus::serve))
        .route(nexus::ROUTES[2], any(nexus::serve))
        .method_not_allowed_fallback(wrong_method)
        .fallback(custom::call)
        .layer(axum::middleware::from_fn(sessions::tell_session))
        .with_state(Arc::new(rest))
}

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => {
            let mut response = Response::new(Body::from(bytes));
            *response.status_mut() = status;
            let media_type = HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, media_type);
            response
        }
        Err(error) => Problem::from(Error::internal(error.to_string())).into_response(),
    }
}

/// The header of an answer that repeats an earlier one, because the request repeats an earlier one.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Tells of an answer whether it repeats one, and how it came about.
pub(crate) fn noted(response: Response, is_replayed: bool, cached: Option<Cached>) -> Response {
    cached::told(marked(response, is_replayed), cached)
}

/// Marks an answer that was given before.
pub(crate) fn marked(mut response: Response, is_replayed: bool) -> Response {
    if is_replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// The router has put the methods that exist into `Allow`.
async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let message = format!("{method} is not allowed on {}", uri.path());
    Error::new(&code::METHOD_UNKNOWN, message).help("the Allow header lists the methods that are").into()
}

pub(crate) fn unknown_path(uri: &Uri) -> Problem {
    let error = Error::new(&code::OPERATION_UNKNOWN, format!("there is nothing at {}", uri.path()));
    match nearest_path(uri.path()) {
        Some(near) => error.help(format!("did you mean {near}?")),
        None => error.help("GET /v1/operations lists what can be called, and how"),
    }
    .into()
}

/// The served path that was meant, with the caller's own words in its placeholders.
fn nearest_path(path: &str) -> Option<String> {
    let words: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    let candidates: Vec<String> = PATHS.iter().filter_map(|template| filled(template, &words)).collect();
    suggest::nearest(path, candidates.iter().map(String::as_str)).map(str::to_owned)
}

fn filled(template: &str, words: &[&str]) -> Option<String> {
    let parts: Vec<&str> = template.split('/').collect();
    if parts.len() != words.len() {
        return None;
    }
    let fill = |(part, word): (&&str, &&str)| if part.starts_with('{') { *word } else { *part }.to_owned();
    Some(parts.iter().zip(words).map(fill).collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistyped_paths_get_a_suggestion() {
        let near = |path| nearest_path(path).unwrap_or_default();
        assert_eq!(near("/helth"), "/health");
        assert_eq!(near("/health/"), "/health");
        assert_eq!(near("/workflow/Checkout/execute"), "/workflows/Checkout/execute");
        assert_eq!(near("/v1/run/run_1/history"), "/v1/runs/run_1/history");
        assert_eq!(near("/admin/secrets"), "");
    }
}
