//! Sessions under `/v1`, and the header that names the session of a call.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use nexus_kernel::Json;
use nexus_kernel::call::Wait;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::SessionId;
use serde_json::Map;

use crate::channel::rest::request::RestRequest;
use crate::channel::rest::runs::look_with;
use crate::channel::rest::{Rest, json};
use crate::pipeline::Target;
use crate::problem::Problem;

type Routed = Result<Response, Problem>;

/// The header that names the session of a call, and of its answer.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-nexus-session");

/// The media type of merge patches.
const MERGE_PATCH: &str = "application/merge-patch+json";

/// Says in the answer which session the call belonged to, unless there is no such session.
pub(crate) async fn tell_session(request: Request, next: Next) -> Response {
    let named = request.headers().get(&HEADER).cloned();
    let mut response = next.run(request).await;
    let is_unknown =
        response.extensions().get::<Problem>().is_some_and(|it| it.error().code() == &code::SESSION_UNKNOWN);
    if let (Some(named), false) = (named, is_unknown || response.headers().contains_key(&HEADER)) {
        response.headers_mut().insert(HEADER, named);
    }
    response
}

/// `GET /v1/sessions`.
pub(crate) async fn list(State(rest): State<Arc<Rest>>, request: RestRequest) -> Routed {
    look_with(&rest, "session.list", Map::new(), request).await
}

/// `POST /v1/sessions`: makes a session; the body may say where, for how long, and with what in it.
pub(crate) async fn create(State(rest): State<Arc<Rest>>, mut request: RestRequest) -> Routed {
    let context = request.take_context(Wait::Done)?;
    let input = request.json()?;
    request.query.finish()?;
    let made = rest.pipeline.call(Target::Verb("session.create"), input, context).await?.output;
    let mut response = json(StatusCode::CREATED, &made);
    let id = made.get("session_id").and_then(Json::as_str).unwrap_or_default();
    set(response.headers_mut(), header::LOCATION, &format!("/v1/sessions/{id}"));
    set(response.headers_mut(), HEADER, id);
    set_version(response.headers_mut(), &made);
    Ok(response)
}

/// `GET /v1/sessions/{id}`.
pub(crate) async fn show(State(rest): State<Arc<Rest>>, request: RestRequest) -> Routed {
    send(&rest, "session.show", Map::new(), request).await
}

/// `PATCH /v1/sessions/{id}`: the body is a merge patch when it says so, and the input of `session.update` otherwise.
/// `If-Match` gives the version that is to be changed.
pub(crate) async fn update(State(rest): State<Arc<Rest>>, request: RestRequest) -> Routed {
    let body = request.json()?;
    let given = request.header("content-type")?.unwrap_or_default();
    let is_patch =
        given.split(';').next().is_some_and(|given| given.trim().eq_ignore_ascii_case(MERGE_PATCH));
    let mut input = match body {
        patch if is_patch => Map::from_iter([("patch".to_owned(), patch)]),
        Json::Object(input) => input,
        _ => return Err(Error::new(&code::BAD_REQUEST, "the body is not a JSON object").into()),
    };
    let expected = request.header("if-match")?.as_deref().map(version).transpose()?;
    if let Some(expected) = expected {
        input.insert("version".into(), expected.into());
    }
    let sent = send(&rest, "session.update", input, request).await;
    sent.map_err(|problem| match problem {
        problem if expected.is_some() && problem.error().code() == &code::SESSION_CHANGED => {
            problem.at_status(StatusCode::PRECONDITION_FAILED)
        }
        problem => problem,
    })
}

/// `DELETE /v1/sessions/{id}`.
pub(crate) async fn delete(State(rest): State<Arc<Rest>>, request: RestRequest) -> Routed {
    send(&rest, "session.delete", Map::new(), request).await
}

/// Calls a verb about the session that the path names.
async fn send(rest: &Rest, verb: &str, mut input: Map<String, Json>, mut request: RestRequest) -> Routed {
    input.insert("session_id".into(), request.path("id").into());
    let context = request.take_context(Wait::Done)?;
    request.query.finish()?;
    let answer = rest.pipeline.call(Target::Verb(verb), Json::Object(input), context).await?;
    let mut response = json(StatusCode::OK, &answer.output).into_response();
    set_version(response.headers_mut(), &answer.output);
    Ok(response)
}

/// Reads the header of a request that names its session.
pub(crate) fn session_of(request: &RestRequest) -> Result<Option<SessionId>, Error> {
    request.header(HEADER.as_str())?.as_deref().map(SessionId::parse).transpose()
}

/// An entity tag is the version in quotes.
fn version(tag: &str) -> Result<u64, Error> {
    let digits = tag.trim().strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or(tag);
    digits.parse().map_err(|_| {
        Error::new(&code::BAD_REQUEST, format!("If-Match: {tag} is no version of a session"))
            .help("send the ETag that the session was read with, such as \"3\"")
    })
}

fn set_version(headers: &mut HeaderMap, session: &Json) {
    if let Some(version) = session.get("version").and_then(Json::as_u64) {
        set(headers, header::ETAG, &format!("\"{version}\""));
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
