//! The envelope: everything under `/api/` answers `{success, data, metadata}`.
//!
//! `/api/X` is `/v1/X` and, for `/api/workflows/{name}/execute`, that route of older clients. Only the answer is
//! wrapped: the same handler makes it, so both forms say the same.

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::time::Timestamp;
use serde_json::{Map, json};

use crate::limits::ENVELOPE_ANSWER_BYTES_MAX;
use crate::problem::{self, Problem};
use crate::request_id::RequestId;

/// What the envelope tells of the request.
pub(crate) struct Metadata<'a> {
    pub(crate) request_id: &'a RequestId,
    pub(crate) version: &'a str,
    pub(crate) now: Timestamp,
    pub(crate) started: Timestamp,
}

/// The path that an enveloped request stands for; nothing for other requests.
pub(crate) fn inner(uri: &Uri) -> Option<Uri> {
    let rest = uri.path().strip_prefix("/api/")?;
    let is_execute = rest.starts_with("workflows/") && rest.trim_end_matches('/').ends_with("/execute");
    let prefix = if is_execute || rest == "health" { "" } else { "/v1" };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{prefix}/{rest}{query}").parse().ok()
}

/// Wraps an answer. Streams are no JSON and pass as they are.
pub(crate) async fn wrap(mut response: Response, about: &Metadata<'_>) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        return failed(response, &problem, about);
    }
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|it| it == "application/json");
    if !is_json || response.body().size_hint().exact().is_none() {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(data) = to_bytes(body, ENVELOPE_ANSWER_BYTES_MAX).await else {
        let error = Error::new(&code::TOO_LARGE, "the answer is too large for an envelope");
        return Problem::from(error.help("ask the same path under /v1")).into_response();
    };
    let success = parts.status.is_success();
    let metadata = Json::Object(metadata(about)).to_string();
    let head = format!("{{\"success\":{success},\"data\":");
    let body = [head.as_bytes(), &data, b",\"metadata\":", metadata.as_bytes(), b"}"].concat();
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(body))
}

fn failed(mut response: Response, problem: &Problem, about: &Metadata<'_>) -> Response {
    let mut error = problem::details(problem.error(), problem.status().as_u16(), about.request_id.as_str());
    error.shift_remove("request_id"); // it is in the metadata
    let body = json!({ "success": false, "data": null, "error": error, "metadata": metadata(about) });
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if problem.status() == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    *response.body_mut() = Body::from(body.to_string());
    response
}

fn metadata(about: &Metadata<'_>) -> Map<String, Json> {
    let mut metadata = Map::new();
    metadata.insert("timestamp".into(), about.now.to_string().into());
    metadata.insert("version".into(), about.version.into());
    metadata.insert("request_id".into(), about.request_id.as_str().into());
    metadata.insert("execution_time".into(), about.now.since(about.started).as_secs_f64().into());
    metadata
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_enveloped_path_stands_for() {
        let inner = |text: &'static str| inner(&Uri::from_static(text)).map(|uri| uri.to_string());
        assert_eq!(inner("/api/runs?limit=1").unwrap(), "/v1/runs?limit=1");
        assert_eq!(inner("/api/workflows/Pay/execute").unwrap(), "/workflows/Pay/execute");
        assert_eq!(inner("/api/workflows/Pay/runs?wait=1s").unwrap(), "/v1/workflows/Pay/runs?wait=1s");
        assert_eq!(inner("/api/health").unwrap(), "/health");
        assert_eq!(inner("/v1/runs"), None);
        assert_eq!(inner("/api"), None);
    }
}
