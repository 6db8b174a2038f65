//! Errors of requests: the operation was not started, cancelled or completed, and it is known whether trying again may help.

use http::{HeaderMap, Response, StatusCode, response};
use serde_json::json;

use crate::failure::Failure;
use crate::fields::only;

/// The header that says whether to try again, of servers of before.
const RETRYABLE: &str = "nexus-request-retryable";

const KIND: &str = "nexus.HandlerError";

/// What kind of error it is: the table of the specification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandlerErrorKind {
    /// The request makes no sense.
    BadRequest,
    /// Nobody knows who asks.
    Unauthenticated,
    /// They may not.
    Unauthorized,
    /// There is no such thing.
    NotFound,
    /// The request took too long.
    RequestTimeout,
    /// It contradicts what was asked before.
    Conflict,
    /// There is too much to do.
    ResourceExhausted,
    /// Something broke.
    Internal,
    /// Nobody has built that.
    NotImplemented,
    /// Nobody is there now.
    Unavailable,
    /// Somebody behind the handler took too long.
    UpstreamTimeout,
    /// A kind that this crate does not know.
    Unknown(String),
}

/// Every known kind: its name, its status, and whether to try again.
const TABLE: [(HandlerErrorKind, &str, u16, bool); 11] = [
    (HandlerErrorKind::BadRequest, "BAD_REQUEST", 400, false),
    (HandlerErrorKind::Unauthenticated, "UNAUTHENTICATED", 401, false),
    (HandlerErrorKind::Unauthorized, "UNAUTHORIZED", 403, false),
    (HandlerErrorKind::NotFound, "NOT_FOUND", 404, false),
    (HandlerErrorKind::RequestTimeout, "REQUEST_TIMEOUT", 408, true),
    (HandlerErrorKind::Conflict, "CONFLICT", 409, false),
    (HandlerErrorKind::ResourceExhausted, "RESOURCE_EXHAUSTED", 429, true),
    (HandlerErrorKind::Internal, "INTERNAL", 500, true),
    (HandlerErrorKind::NotImplemented, "NOT_IMPLEMENTED", 501, false),
    (HandlerErrorKind::Unavailable, "UNAVAILABLE", 503, true),
    (HandlerErrorKind::UpstreamTimeout, "UPSTREAM_TIMEOUT", 520, true),
];

impl HandlerErrorKind {
    /// The name of the specification.
    pub fn as_str(&self) -> &str {
        match self {
            HandlerErrorKind::Unknown(name) => name,
            known => TABLE.iter().find(|row| row.0 == *known).map_or("INTERNAL", |row| row.1),
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> HandlerErrorKind {
        let known = TABLE.iter().find(|row| row.1 == name).map(|row| row.0.clone());
        known.unwrap_or_else(|| HandlerErrorKind::Unknown(name.to_owned()))
    }

    /// The status of HTTP; 500 for kinds that are not known.
    pub fn status(&self) -> u16 {
        TABLE.iter().find(|row| row.0 == *self).map_or(500, |row| row.2)
    }

    /// Whether trying again may help, unless the error says otherwise. It may for kinds that are not known.
    pub fn is_retryable(&self) -> bool {
        TABLE.iter().find(|row| row.0 == *self).is_none_or(|row| row.3)
    }

    /// The kind that a status means when nothing else says one.
    pub fn of_status(status: u16) -> HandlerErrorKind {
        let known = TABLE.iter().find(|row| row.2 == status).map(|row| row.0.clone());
        known.unwrap_or(match status {
            400..=499 => HandlerErrorKind::BadRequest,
            _ => HandlerErrorKind::Internal,
        })
    }
}

/// A request that was not carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct HandlerError {
    /// What kind of error.
    pub kind: HandlerErrorKind,
    /// What happened, for people.
    pub message: String,
    /// Where, as far as that was told.
    pub stack_trace: String,
    /// Whether to try again, where the error says it itself.
    pub retryable: Option<bool>,
    /// What caused it.
    pub cause: Option<Box<Failure>>,
}

impl HandlerError {
    /// An error of this kind.
    pub fn new(kind: HandlerErrorKind, message: impl Into<String>) -> HandlerError {
        HandlerError {
            kind,
            message: message.into(),
            stack_trace: String::new(),
            retryable: None,
            cause: None,
        }
    }

    /// A refusal of what makes no sense.
    pub fn bad_request(message: impl Into<String>) -> HandlerError {
        HandlerError::new(HandlerErrorKind::BadRequest, message)
    }

    /// Whether trying again may help.
    pub fn is_retryable(&self) -> bool {
        self.retryable.unwrap_or_else(|| self.kind.is_retryable())
    }

    /// The error as a failure.
    pub fn to_failure(&self) -> Failure {
        let mut details = json!({ "type": self.kind.as_str() });
        if let (Some(fields), Some(retryable)) = (details.as_object_mut(), self.retryable) {
            fields.insert("retryableOverride".to_owned(), retryable.into());
        }
        let failure = Failure {
            stack_trace: self.stack_trace.clone(),
            cause: self.cause.clone(),
            ..Failure::new(self.message.clone())
        };
        failure.typed(KIND, details)
    }

    /// Reads a failure that says that it is such an error; any other one is given back.
    pub fn of(failure: Failure) -> Result<HandlerError, Box<Failure>> {
        let kind = failure.details.get("type").and_then(|kind| kind.as_str()).map(HandlerErrorKind::parse);
        match kind.filter(|_| failure.kind() == Some(KIND)) {
            Some(kind) => Ok(HandlerError {
                kind,
                retryable: failure.details.get("retryableOverride").and_then(serde_json::Value::as_bool),
                message: failure.message,
                stack_trace: failure.stack_trace,
                cause: failure.cause,
            }),
            None => Err(Box::new(failure)),
        }
    }

    /// The answer that tells it.
    pub fn to_http(&self) -> Response<Vec<u8>> {
        let status = StatusCode::from_u16(self.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        json_response(status, self.to_failure().to_json())
    }

    /// Reads the answer to a request that was not carried out. What the body says counts more than the status; a failure of
    /// another kind is the cause; and what is no failure at all is told by the status alone.
    pub fn from_http(parts: &response::Parts, body: &[u8]) -> HandlerError {
        let kind = HandlerErrorKind::of_status(parts.status.as_u16());
        let said = is_json(&parts.headers).then(|| Failure::from_json(body)).flatten().map(HandlerError::of);
        let mut error = match said {
            Some(Ok(error)) => error,
            Some(Err(cause)) => {
                let message = cause.message.clone();
                HandlerError { cause: Some(cause), ..HandlerError::new(kind, message) }
            }
            None => HandlerError::new(kind, format!("the answer is {}", parts.status)),
        };
        let told = only(&parts.headers, RETRYABLE);
        error.retryable = error.retryable.or_else(|| told.and_then(|told| told.parse().ok()));
        error
    }
}

/// Whether a message says that it carries JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    only(headers, "content-type").is_some_and(|kind| {
        kind.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
    })
}

/// An answer in JSON.
pub(crate) fn json_response(status: StatusCode, body: Vec<u8>) -> Response<Vec<u8>> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(http::header::CONTENT_TYPE, json);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(response: Response<Vec<u8>>) -> HandlerError {
        let (parts, body) = response.into_parts();
        HandlerError::from_http(&parts, &body)
    }

    fn answer(status: u16, kind: &str, headers: &[(&str, &str)], body: &str) -> HandlerError {
        let mut response = Response::builder().status(status).header("content-type", kind);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        read(response.body(body.as_bytes().to_vec()).unwrap())
    }

    #[test]
    fn every_kind_comes_back_with_its_rule_and_with_another() {
        let unknown = HandlerErrorKind::Unknown("TEAPOT".to_owned());
        for kind in TABLE.iter().map(|row| row.0.clone()).chain([unknown]) {
            for retryable in [None, Some(true), Some(false)] {
                let error = HandlerError { retryable, ..HandlerError::new(kind.clone(), "no") };
                let back = read(error.to_http());
                assert_eq!(back, error);
                assert_eq!(back.is_retryable(), retryable.unwrap_or_else(|| kind.is_retryable()));
            }
        }
        assert_eq!(HandlerErrorKind::parse("TEAPOT").status(), 500);
        assert!(HandlerErrorKind::parse("TEAPOT").is_retryable());
    }

    #[test]
    fn the_body_counts_more_than_the_status() {
        let body = HandlerError::new(HandlerErrorKind::NotFound, "gone").to_failure().to_json();
        let told = answer(503, "application/json", &[], std::str::from_utf8(&body).unwrap());
        assert_eq!((told.kind, told.message.as_str()), (HandlerErrorKind::NotFound, "gone"));
    }

    #[test]
    fn a_failure_of_another_kind_is_the_cause() {
        let told = answer(403, "application/json", &[], r#"{"message":"not you","metadata":{"type":"a.B"}}"#);
        assert_eq!((&told.kind, told.is_retryable()), (&HandlerErrorKind::Unauthorized, false));
        assert_eq!(told.cause.unwrap().kind(), Some("a.B"));
    }

    #[test]
    fn what_is_no_failure_is_told_by_the_status() {
        for (status, kind, retryable) in [
            (502, HandlerErrorKind::Internal, true),
            (413, HandlerErrorKind::BadRequest, false),
            (429, HandlerErrorKind::ResourceExhausted, true),
            (520, HandlerErrorKind::UpstreamTimeout, true),
        ] {
            let told = answer(status, "text/html", &[], "<h1>Bad Gateway</h1>");
            assert_eq!((&told.kind, told.is_retryable(), told.cause), (&kind, retryable, None), "{status}");
        }
        assert_eq!(answer(500, "application/json", &[], "not JSON").kind, HandlerErrorKind::Internal);
    }

    #[test]
    fn the_header_of_before_counts_when_the_body_says_nothing() {
        let header = [("nexus-request-retryable", "false")];
        assert!(!answer(500, "text/plain", &header, "").is_retryable());
        let decided =
            HandlerError { retryable: Some(true), ..HandlerError::bad_request("x") }.to_failure().to_json();
        assert!(
            answer(400, "application/json", &header, std::str::from_utf8(&decided).unwrap()).is_retryable()
        );
        assert!(answer(500, "text/plain", &[("nexus-request-retryable", "perhaps")], "").is_retryable());
    }
}
