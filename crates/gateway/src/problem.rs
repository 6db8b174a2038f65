//! Problems: the only place where an [`Error`] becomes an HTTP answer, as RFC 9457 problem details.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::RunId;
use serde_json::{Map, json};

use crate::request_id::{self, RequestId};

/// The media type of problem details.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// An error on its way to an HTTP caller.
#[derive(Debug, Clone)]
pub struct Problem {
    error: Error,
    status: StatusCode,
}

impl Problem {
    /// A problem whose status says more than that of its code, for example 415 for "cannot be understood".
    pub fn with_status(status: StatusCode, error: Error) -> Problem {
        Problem { error, status }
    }

    /// What went wrong.
    pub(crate) fn error(&self) -> &Error {
        &self.error
    }

    /// The status it is told with.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The same problem with a status that says more.
    pub(crate) fn at_status(self, status: StatusCode) -> Problem {
        Problem { status, ..self }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        let status = StatusCode::from_u16(error.code().http).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Problem { error, status }
    }
}

/// The answer has no bytes until [`finish`] knows the request's id; headers set on the way stay.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The header with the version of this server.
pub const VERSION_HEADER: HeaderName = HeaderName::from_static("x-nexus-version");

/// What is wrong, in an answer that has no bytes yet.
pub(crate) fn of(response: &Response) -> Option<&Error> {
    response.extensions().get::<Problem>().map(|problem| &problem.error)
}

/// Gives an answer its correlation id and the server's version, and a problem its bytes. `metadata` is where whoever has
/// no credential finds out how to get one.
pub(crate) fn finish(
    mut response: Response,
    id: &RequestId,
    version: &HeaderValue,
    metadata: Option<&str>,
) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        write(&mut response, &problem, id);
        if let Some(challenge) = challenge(&problem.error, metadata) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
    }
    let headers = response.headers_mut();
    headers.insert(request_id::HEADER, id.header_value());
    headers.insert(VERSION_HEADER, version.clone());
    response
}

fn write(response: &mut Response, problem: &Problem, id: &RequestId) {
    let body = Json::Object(details(&problem.error, problem.status.as_u16(), id.as_str())).to_string();
    let headers = response.headers_mut();
    // The router has measured the empty body.
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    let usual = || (problem.status == StatusCode::SERVICE_UNAVAILABLE).then_some(1);
    if let Some(seconds) = problem.error.retry_seconds().or_else(usual) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    *response.body_mut() = Body::from(body);
}

/// How a client is asked for a credential (RFC 6750, 3), and where it may get one (RFC 9728, 5.1).
fn challenge(error: &Error, metadata: Option<&str>) -> Option<HeaderValue> {
    let mut text = String::from("Bearer realm=\"nexus\"");
    if error.code() == &code::CREDENTIAL_INVALID {
        text.push_str(", error=\"invalid_token\"");
    } else if error.code() != &code::UNAUTHENTICATED {
        return None;
    }
    if let Some(metadata) = metadata {
        text = format!("{text}, resource_metadata=\"{metadata}\"");
    }
    HeaderValue::try_from(text).ok()
}

/// The members of an error's problem details. Members without a value are left out.
pub fn details(error: &Error, status: u16, request_id: &str) -> Map<String, Json> {
    let code = error.code();
    let mut members = Map::new();
    members.insert("type".into(), format!("/errors/{}", code.id).into());
    members.insert("title".into(), code.title.into());
    members.insert("status".into(), status.into());
    members.insert("code".into(), code.id.into());
    members.insert("detail".into(), error.message().into());
    if let Some(help) = error.help_text() {
        members.insert("help".into(), help.into());
    }
    if !error.faults().is_empty() {
        let faults = error.faults().iter();
        let faults = faults.map(|fault| json!({ "at": fault.at, "message": fault.message }));
        members.insert("faults".into(), faults.collect());
    }
    if let Some(run) = error.run_id() {
        members.insert("run".into(), run.as_str().into());
    }
    if let Some(failure) = error.failure_ref() {
        // A failure holds plain data, which always has a JSON form.
        members.insert("failure".into(), serde_json::to_value(failure).unwrap_or_default());
    }
    if let Some(seconds) = error.retry_seconds() {
        members.insert("retry_after".into(), seconds.into());
    }
    members.insert("request_id".into(), request_id.into());
    members
}

/// Reads problem details back, for clients. `None` when it is something else.
pub fn read(details: &Json) -> Option<Error> {
    let text = |name: &str| details.get(name).and_then(Json::as_str);
    let mut error = Error::new(code::find(text("code")?)?, text("detail")?);
    if let Some(help) = text("help") {
        error = error.help(help);
    }
    for fault in details.get("faults").and_then(Json::as_array).into_iter().flatten() {
        let text = |name: &str| fault.get(name).and_then(Json::as_str).unwrap_or_default();
        error = error.fault(text("at"), text("message"));
    }
    if let Some(run) = text("run").and_then(|run| RunId::parse(run).ok()) {
        error = error.run(run);
    }
    if let Some(failure) = details.get("failure").and_then(|f| serde_json::from_value(f.clone()).ok()) {
        error = error.failure(failure);
    }
    if let Some(seconds) = details.get("retry_after").and_then(Json::as_u64) {
        error = error.retry_after(Duration::from_secs(seconds));
    }
    Some(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_kernel::failure::{Failure, FailureKind};

    fn full() -> Error {
        let cause = Failure::application("CardDeclined", "insufficient funds").final_();
        let failure = Failure::new(FailureKind::Activity, "ActivityFailure", "ChargeCard failed");
        Error::new(&code::RUN_FAILED, "Checkout failed: CardDeclined: insufficient funds")
            .help("`nexus run history run_0688ab1tdpv3h9m5x7cq2wnk4e` shows what happened")
            .fault("/amount", "is required")
            .failure(failure.caused_by(cause))
            .retry_after(Duration::from_secs(7))
            .run(RunId::parse("run_0688ab1tdpv3h9m5x7cq2wnk4e").unwrap())
    }

    #[test]
    fn the_members_are_stable() {
        insta::assert_json_snapshot!(details(&full(), 422, "req_1"), @r#"
        {
          "type": "/errors/NX-3001",
          "title": "the run failed",
          "status": 422,
          "code": "NX-3001",
          "detail": "Checkout failed: CardDeclined: insufficient funds",
          "help": "`nexus run history run_0688ab1tdpv3h9m5x7cq2wnk4e` shows what happened",
          "faults": [
            {
              "at": "/amount",
              "message": "is required"
            }
          ],
          "run": "run_0688ab1tdpv3h9m5x7cq2wnk4e",
          "failure": {
            "kind": "activity",
            "type": "ActivityFailure",
            "message": "ChargeCard failed",
            "cause": {
              "kind": "application",
              "type": "CardDeclined",
              "message": "insufficient funds",
              "non_retryable": true
            }
          },
          "retry_after": 7,
          "request_id": "req_1"
        }
        "#);
    }

    #[test]
    fn clients_read_back_what_was_written() {
        let written = Json::Object(details(&full(), 422, "req_1"));
        assert_eq!(read(&written), Some(full()));
        assert_eq!(read(&json!({ "message": "something else" })), None);
    }
}
