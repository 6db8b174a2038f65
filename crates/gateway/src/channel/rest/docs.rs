//! `/openapi.json`, and the page for people at `/docs`. The page brings along everything it needs.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::channel::rest::request::RestRequest;
use crate::channel::rest::{self, Rest};
use crate::openapi;
use crate::problem::Problem;

/// Nothing from elsewhere, and nothing written into the page: what a workflow's documentation says is text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `GET /openapi.json`.
pub(crate) async fn openapi(
    State(rest): State<Arc<Rest>>,
    request: RestRequest,
) -> Result<Response, Problem> {
    request.query.finish()?;
    let document = openapi::document(&rest.pipeline.seen_by(&request.caller), &rest.version);
    Ok(rest::json(StatusCode::OK, &document))
}

/// `GET /docs`.
pub(crate) async fn page() -> Response {
    let mut response = file("text/html; charset=utf-8", include_str!("docs/page.html"));
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// `GET /docs/page.js`.
pub(crate) async fn script() -> Response {
    file("text/javascript; charset=utf-8", include_str!("docs/page.js"))
}

/// `GET /docs/page.css`.
pub(crate) async fn style() -> Response {
    file("text/css; charset=utf-8", include_str!("docs/page.css"))
}

fn file(media_type: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, text).into_response()
}
