//! The start of an operation: the request, and what it is answered with.

use std::time::Duration;

use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, request, response};

use crate::content::Content;
use crate::duration::{duration_text, parse_duration};
use crate::failure::Failure;
use crate::fields::{lossless, only, set, set_all, with_prefix};
use crate::handler_error::{HandlerError, HandlerErrorKind, is_json, json_response};
use crate::link::{LINK, Link};
use crate::operation_error::{OperationError, STATE};
use crate::route::{Route, TOKEN_BYTES_MAX, path, queried, segment};
use crate::wire::StartedWire;
use crate::{Fields, Unwritable};

const REQUEST_ID: &str = "nexus-request-id";
const CALLBACK: &str = "nexus-callback-";
const OPERATION_TIMEOUT: &str = "operation-timeout";
pub(crate) const REQUEST_TIMEOUT: &str = "request-timeout";

/// Asks for failures as the specification has them. Servers of Temporal's have an older form for whoever does not ask.
pub(crate) const FAILURE_SUPPORT: &str = "temporal-nexus-failure-support";

/// Headers that mean something to HTTP or to the protocol, so that they are nobody's own.
const TAKEN: [&str; 15] = [
    "connection",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "accept-encoding",
    REQUEST_ID,
    OPERATION_TIMEOUT,
    REQUEST_TIMEOUT,
    LINK,
    STATE,
    "proxy-connection",
    FAILURE_SUPPORT,
];

/// Where a completion is to be brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Callback {
    /// The address.
    pub url: String,
    /// What the completion has to repeat as its headers, by names in lower case.
    pub headers: Fields,
}

/// A request to start an operation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StartRequest {
    /// The service.
    pub service: String,
    /// The operation.
    pub operation: String,
    /// The same id twice is one start. The specification does not name it; every client sends it.
    pub request_id: Option<String>,
    /// Where a completion is to be brought, if the operation goes on.
    pub callback: Option<Callback>,
    /// How long the caller waits for the operation.
    pub operation_timeout: Option<Duration>,
    /// How long the caller waits for this answer.
    pub request_timeout: Option<Duration>,
    /// What the operation is started by.
    pub links: Vec<Link>,
    /// Headers for the operation, by names in lower case.
    pub headers: Fields,
    /// The input.
    pub content: Content,
}

impl StartRequest {
    /// A start with an input and nothing else.
    pub fn new(service: impl Into<String>, operation: impl Into<String>, content: Content) -> StartRequest {
        StartRequest {
            service: service.into(),
            operation: operation.into(),
            content,
            ..StartRequest::default()
        }
    }

    /// The request, to an endpoint at this address.
    pub fn to_http(&self, endpoint: &str) -> Result<Request<Vec<u8>>, Unwritable> {
        let query = self.callback.as_ref().map(|callback| format!("?callback={}", segment(&callback.url)));
        let path = path(&self.service, &self.operation)?;
        let url = format!("{}/{path}{}", endpoint.trim_end_matches('/'), query.unwrap_or_default());
        let mut request = post(&url, self.content.bytes.clone())?;
        let headers = request.headers_mut();
        set_own(headers, &self.headers)?;
        set(headers, FAILURE_SUPPORT, "true")?;
        set_all(headers, "", &self.content.headers)?;
        if let Some(callback) = &self.callback {
            set_all(headers, CALLBACK, &callback.headers)?;
        }
        let timeouts = [(OPERATION_TIMEOUT, self.operation_timeout), (REQUEST_TIMEOUT, self.request_timeout)];
        for (name, timeout) in timeouts.into_iter().filter_map(|(name, timeout)| Some((name, timeout?))) {
            set(headers, name, &duration_text(timeout))?;
        }
        self.request_id.as_ref().map_or(Ok(()), |id| set(headers, REQUEST_ID, id))?;
        Link::add(headers, &self.links)?;
        Ok(request)
    }

    /// Reads the request of a route. The error is the answer to one that makes no sense: nothing is to be started then.
    pub fn from_http(
        route: &Route,
        parts: &request::Parts,
        body: Vec<u8>,
    ) -> Result<StartRequest, HandlerError> {
        let Route::Start { service, operation } = route else {
            return Err(HandlerError::bad_request("the request starts nothing"));
        };
        let headers = &parts.headers;
        let callback = queried(parts.uri.query(), "callback");
        let callback = callback.map(|url| Callback { url, headers: with_prefix(headers, CALLBACK) });
        Ok(StartRequest {
            service: service.clone(),
            operation: operation.clone(),
            request_id: only(headers, REQUEST_ID).filter(|id| !id.is_empty()),
            callback,
            operation_timeout: timeout(headers, OPERATION_TIMEOUT)?,
            request_timeout: timeout(headers, REQUEST_TIMEOUT)?,
            links: Link::all(headers).map_err(|error| HandlerError::bad_request(error.to_string()))?,
            headers: own(headers),
            content: Content::of(headers, body),
        })
    }
}

/// A request of this crate: everything is asked for with POST.
pub(crate) fn post(url: &str, body: Vec<u8>) -> Result<Request<Vec<u8>>, Unwritable> {
    let uri: Uri = url.parse().map_err(|_| Unwritable::Address(url.to_owned()))?;
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    Ok(request)
}

/// A time limit of a request. The error is the answer to one that is none.
pub(crate) fn timeout(headers: &HeaderMap, name: &str) -> Result<Option<Duration>, HandlerError> {
    let Some(text) = headers.get(name).map(lossless) else { return Ok(None) };
    parse_duration(&text).map(Some).ok_or_else(|| {
        HandlerError::bad_request(format!("{name} is {text:?}, and no number with ms, s or m"))
    })
}

/// Whether a header is nobody's but the caller's and the operation's.
fn is_own(name: &str) -> bool {
    !TAKEN.contains(&name) && !name.starts_with("content-") && !name.starts_with(CALLBACK)
}

/// The headers that are meant for the operation.
pub(crate) fn own(headers: &HeaderMap) -> Fields {
    let own = headers.iter().filter(|(name, _)| is_own(name.as_str()));
    own.map(|(name, value)| (name.as_str().to_owned(), lossless(value))).collect()
}

/// Sets headers that are meant for the operation. One that means something else is not smuggled in among them.
pub(crate) fn set_own(headers: &mut HeaderMap, fields: &Fields) -> Result<(), Unwritable> {
    match fields.keys().find(|name| !is_own(&name.to_ascii_lowercase())) {
        Some(taken) => Err(Unwritable::Header(taken.clone())),
        None => set_all(headers, "", fields),
    }
}

/// What a start is answered with, when the request was right.
#[derive(Debug, Clone, PartialEq)]
pub enum StartAnswer {
    /// The operation is over, and this is its result.
    Done {
        /// The result.
        content: Content,
        /// What has made it.
        links: Vec<Link>,
    },
    /// It goes on; a completion will come.
    Started {
        /// What it is called from now on.
        token: String,
        /// What carries it out.
        links: Vec<Link>,
    },
    /// It is over without a result.
    Ended(OperationError),
}

impl StartAnswer {
    /// The answer of a server. A token or a link that no header can hold is an error of the handler's own making.
    pub fn to_http(&self) -> Response<Vec<u8>> {
        let (mut response, links) = match self {
            StartAnswer::Done { content, links } => {
                let mut response = Response::new(content.bytes.clone());
                // Headers that were read or made by this crate can be written.
                let _ = set_all(response.headers_mut(), "", &content.headers);
                let state = http::HeaderValue::from_static("succeeded");
                response.headers_mut().insert(STATE, state);
                (response, links)
            }
            StartAnswer::Started { token, links } => {
                let started = StartedWire { token: token.clone(), state: "running".to_owned() };
                let body = serde_json::to_vec(&started).unwrap_or_default(); // two texts have a form
                (json_response(StatusCode::CREATED, body), links)
            }
            StartAnswer::Ended(error) => return error.to_http(),
        };
        match Link::add(response.headers_mut(), links) {
            Ok(()) => response,
            Err(why) => HandlerError::new(HandlerErrorKind::Internal, why.to_string()).to_http(),
        }
    }

    /// Reads an answer. The error is what the request was refused with, or what is wrong with the answer.
    pub fn from_http(parts: &response::Parts, body: Vec<u8>) -> Result<StartAnswer, HandlerError> {
        let wrong = |why: String| HandlerError::new(HandlerErrorKind::Internal, why);
        let links = || Link::all(&parts.headers).map_err(|error| wrong(error.to_string()));
        match parts.status.as_u16() {
            200 => Ok(StartAnswer::Done { content: Content::of(&parts.headers, body), links: links()? }),
            201 => {
                let started: StartedWire = serde_json::from_slice(&body).map_err(|error| {
                    wrong(format!("the operation was started, and its answer is wrong: {error}"))
                })?;
                if started.state != "running" || !(1..=TOKEN_BYTES_MAX).contains(&started.token.len()) {
                    return Err(wrong(format!(
                        "the operation was started in the state {:?} with a token of {} bytes",
                        started.state,
                        started.token.len()
                    )));
                }
                Ok(StartAnswer::Started { token: started.token, links: links()? })
            }
            424 => {
                let told = OperationError::told(&parts.headers);
                let failure = is_json(&parts.headers).then(|| Failure::from_json(&body)).flatten();
                let failure = failure
                    .ok_or_else(|| wrong("the operation has ended, and no failure says how".into()))?;
                OperationError::of(failure, told).map(StartAnswer::Ended).ok_or_else(|| {
                    wrong("the operation has ended, and nothing says whether it failed".into())
                })
            }
            _ => Err(HandlerError::from_http(parts, &body)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::operation_error::End;

    fn there_and_back(call: &StartRequest) -> StartRequest {
        let (parts, body) = call.to_http("https://a.example/nexus/").unwrap().into_parts();
        StartRequest::from_http(&Route::of(&parts, "/nexus").unwrap(), &parts, body).unwrap()
    }

    fn full() -> StartRequest {
        let token = r#"{"v":1,"d":"a=b"}"#;
        StartRequest {
            request_id: Some("r-1".into()),
            callback: Some(Callback {
                url: "https://b.example/nexus/callback?x=1&y=a b".into(),
                headers: [("temporal-callback-token".to_owned(), token.to_owned())].into(),
            }),
            operation_timeout: Some(Duration::from_mins(10)),
            request_timeout: Some(Duration::from_millis(9_999)),
            links: vec![
                Link { url: "https://b.example/1".into(), kind: "a.B".into() },
                Link { url: "https://b.example/2".into(), kind: "a.C".into() },
            ],
            headers: [("traceparent".to_owned(), "00-1".to_owned())].into(),
            ..StartRequest::new("pay/ments", "charge card", Content::json(&json!({ "cents": 1 })))
        }
    }

    #[test]
    fn a_start_comes_back_whole() {
        assert_eq!(there_and_back(&full()), full());
        for content in [
            Content::null(),
            Content::bytes(vec![0, 255]),
            Content::typed("application/json; format=protobuf; message-type=\"a.B\"", b"{}".to_vec()),
            Content::typed("application/x-protobuf; message-type=\"a.B\"", vec![8, 1]),
            Content {
                headers: [
                    ("content-type".to_owned(), "x/y".to_owned()),
                    ("content-language".to_owned(), "de".to_owned()),
                ]
                .into(),
                bytes: vec![1],
            },
        ] {
            let call = StartRequest::new("s", "o", content);
            assert_eq!(there_and_back(&call), call);
        }
    }

    fn read(headers: &[(&str, &str)]) -> Result<StartRequest, HandlerError> {
        let mut request = Request::builder().method("POST").uri("/s/o");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        StartRequest::from_http(&Route::of(&parts, "").unwrap(), &parts, Vec::new())
    }

    #[test]
    fn what_makes_no_sense_starts_nothing() {
        for headers in [
            [("Request-Timeout", "soon")],
            [("Operation-Timeout", "1h")],
            [("Nexus-Link", "https://a")],
            [("Nexus-Link", "<https://a>; type=\"a\", nonsense")],
        ] {
            assert_eq!(read(&headers).unwrap_err().kind, HandlerErrorKind::BadRequest, "{headers:?}");
        }
        assert!(StartRequest::new("", "o", Content::null()).to_http("https://a").is_err());
        assert!(StartRequest::new("s", "o", Content::null()).to_http("not an address").is_err());
        let mut call = StartRequest::new("s", "o", Content::null());
        call.headers.insert("x".into(), "a\nb: c".into());
        assert_eq!(
            call.to_http("https://a").unwrap_err(),
            Unwritable::Header("x".into()),
            "nobody writes headers of their own"
        );
        let (parts, ()) = StartRequest::new("s", "o", Content::null())
            .to_http("https://a")
            .unwrap()
            .map(|_| ())
            .into_parts();
        assert_eq!(
            parts.headers[FAILURE_SUPPORT], "true",
            "failures are wanted as the specification has them"
        );
        for taken in ["nexus-link", "Nexus-Request-Id", "content-type", "nexus-callback-x", "host"] {
            let mut call = StartRequest::new("s", "o", Content::null());
            call.headers.insert(taken.into(), "x".into());
            assert!(call.to_http("https://a").is_err(), "{taken}");
        }
    }

    #[test]
    fn headers_of_the_protocol_are_not_the_operations_own() {
        let call = read(&[
            ("Content-Type", "application/json"),
            ("Content-Length", "0"),
            ("Content-Encoding", "identity"),
            ("Host", "a"),
            ("Nexus-Request-Id", "r"),
            ("Nexus-Callback-Token", "t"),
            ("X-Tenant", "shop"),
            ("Temporal-Nexus-Failure-Support", "true"),
            ("Connection", "close"),
        ])
        .unwrap();
        assert_eq!(call.headers, [("x-tenant".to_owned(), "shop".to_owned())].into());
        assert_eq!(call.content.headers.keys().collect::<Vec<_>>(), ["content-type"]);
        assert_eq!(call.callback, None, "headers of a callback without an address are for nobody");
    }

    #[test]
    fn every_answer_comes_back() {
        let links = vec![Link { url: "https://a/1".into(), kind: "a.B".into() }];
        let failed = OperationError::new(End::Failed, "no money");
        for answer in [
            StartAnswer::Done { content: Content::json(&json!(1)), links: links.clone() },
            StartAnswer::Done { content: Content::null(), links: Vec::new() },
            StartAnswer::Started { token: "a token / with everything".into(), links },
            StartAnswer::Ended(failed),
            StartAnswer::Ended(OperationError::new(End::Canceled, "not wanted")),
        ] {
            let (parts, body) = answer.to_http().into_parts();
            assert_eq!(StartAnswer::from_http(&parts, body), Ok(answer));
        }
    }

    fn answered(status: u16, headers: &[(&str, &str)], body: &str) -> Result<StartAnswer, HandlerError> {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let (parts, body) = response.body(body.as_bytes().to_vec()).unwrap().into_parts();
        StartAnswer::from_http(&parts, body)
    }

    #[test]
    fn answers_that_promise_nothing_are_refused() {
        for body in [
            r#"{"token":"","state":"running"}"#,
            r#"{"token":"t","state":"succeeded"}"#,
            r#"{"token":"t"}"#,
            "<html>",
            "",
        ] {
            assert_eq!(answered(201, &[], body).unwrap_err().kind, HandlerErrorKind::Internal, "{body}");
        }
        let json = ("content-type", "application/json");
        assert!(answered(424, &[json], r#"{"message":"?"}"#).is_err(), "nothing says how it ended");
        let old =
            answered(424, &[json, ("nexus-operation-state", "canceled")], r#"{"message":"m"}"#).unwrap();
        assert!(
            matches!(old, StartAnswer::Ended(error) if error.end == End::Canceled),
            "as servers of before say it"
        );
        assert_eq!(answered(520, &[], "").unwrap_err().kind, HandlerErrorKind::UpstreamTimeout);
        // Servers leave the state out.
        assert!(matches!(answered(200, &[], ""), Ok(StartAnswer::Done { .. })));
    }
}
