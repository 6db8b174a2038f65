//! The completion of an operation: whoever has promised a result brings it to the caller's address.

use std::time::SystemTime;

use http::{HeaderMap, Request, Response, request, response};
use jiff::Timestamp;

use crate::content::Content;
use crate::failure::Failure;
use crate::fields::{only, set, set_all};
use crate::handler_error::{HandlerError, is_json};
use crate::link::Link;
use crate::operation_error::{OperationError, STATE};
use crate::route::TOKEN;
use crate::start::{own, post, set_own};
use crate::{Fields, Unwritable};

const STARTED: &str = "nexus-operation-start-time";
const CLOSED: &str = "nexus-operation-close-time";

/// How an operation ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// With a result.
    Done(Content),
    /// Without one.
    Ended(OperationError),
}

/// What is brought to a callback. It may come before the answer to the start that it belongs to: the token, the start time
/// and the links are there so that it can be matched even then.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// The token that the start was, or will be, answered with.
    pub token: Option<String>,
    /// When the operation was started, in whole seconds.
    pub started: Option<SystemTime>,
    /// When it ended.
    pub closed: Option<SystemTime>,
    /// What has carried it out.
    pub links: Vec<Link>,
    /// What the callback asked to be repeated, and whatever else was said, by names in lower case.
    pub headers: Fields,
    /// How it ended.
    pub outcome: Outcome,
}

impl Completion {
    /// A completion with an outcome and nothing else.
    pub fn new(outcome: Outcome) -> Completion {
        let (token, started, closed) = (None, None, None);
        Completion { token, started, closed, links: Vec::new(), headers: Fields::new(), outcome }
    }

    /// The request, to the address of a callback.
    pub fn to_http(&self, callback: &str) -> Result<Request<Vec<u8>>, Unwritable> {
        let (state, content) = match &self.outcome {
            Outcome::Done(content) => ("succeeded", content.clone()),
            Outcome::Ended(error) => {
                (error.end.as_str(), Content::typed("application/json", error.to_failure().to_json()))
            }
        };
        let mut request = post(callback, content.bytes)?;
        let headers = request.headers_mut();
        set_own(headers, &self.headers)?;
        set_all(headers, "", &content.headers)?;
        set(headers, STATE, state)?;
        self.token.as_ref().map_or(Ok(()), |token| set(headers, TOKEN, token))?;
        self.started.map_or(Ok(()), |at| set(headers, STARTED, &httpdate::fmt_http_date(at)))?;
        let closed = self.closed.and_then(|at| Timestamp::try_from(at).ok());
        closed.map_or(Ok(()), |at| set(headers, CLOSED, &format!("{at:.3}")))?;
        Link::add(headers, &self.links)?;
        Ok(request)
    }

    /// Reads a completion. The error is the answer to one that makes no sense.
    pub fn from_http(parts: &request::Parts, body: Vec<u8>) -> Result<Completion, HandlerError> {
        let headers = &parts.headers;
        let outcome = match only(headers, STATE).as_deref() {
            Some("succeeded") => Outcome::Done(Content::of(headers, body)),
            _ => Outcome::Ended(ended(headers, &body)?),
        };
        let date = |text: &str| httpdate::parse_http_date(text).ok();
        let moment = |text: &str| text.parse::<Timestamp>().ok().map(SystemTime::from);
        let mut own = own(headers);
        own.retain(|name, _| ![TOKEN, STARTED, CLOSED].contains(&name.as_str()));
        Ok(Completion {
            token: only(headers, TOKEN).filter(|token| !token.is_empty()),
            started: time(headers, STARTED, date)?,
            closed: time(headers, CLOSED, moment)?,
            links: Link::all(headers).map_err(|error| HandlerError::bad_request(error.to_string()))?,
            headers: own,
            outcome,
        })
    }

    /// The answer to a completion that was taken.
    pub fn taken() -> Response<Vec<u8>> {
        Response::new(Vec::new())
    }

    /// Whether it was taken. The error is what it was refused with; it says whether to bring it again.
    pub fn answer(parts: &response::Parts, body: &[u8]) -> Result<(), HandlerError> {
        if parts.status.is_success() { Ok(()) } else { Err(HandlerError::from_http(parts, body)) }
    }
}

fn ended(headers: &HeaderMap, body: &[u8]) -> Result<OperationError, HandlerError> {
    let told = OperationError::told(headers)
        .ok_or_else(|| HandlerError::bad_request(format!("{STATE} is succeeded, failed or canceled")))?;
    let failure = is_json(headers).then(|| Failure::from_json(body)).flatten();
    failure.and_then(|failure| OperationError::of(failure, Some(told))).ok_or_else(|| {
        HandlerError::bad_request("an operation that ended without a result comes with a failure in JSON")
    })
}

fn time(
    headers: &HeaderMap,
    name: &str,
    read: impl Fn(&str) -> Option<SystemTime>,
) -> Result<Option<SystemTime>, HandlerError> {
    let Some(text) = only(headers, name) else { return Ok(None) };
    read(&text)
        .map(Some)
        .ok_or_else(|| HandlerError::bad_request(format!("{name} is {text:?}, which is no time")))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::json;

    use super::*;
    use crate::handler_error::HandlerErrorKind;
    use crate::operation_error::End;

    fn there_and_back(completion: &Completion) -> Completion {
        let (parts, body) = completion.to_http("https://b.example/callback?x=1").unwrap().into_parts();
        Completion::from_http(&parts, body).unwrap()
    }

    #[test]
    fn a_completion_comes_back_with_what_the_callback_asked_for() {
        let seconds = UNIX_EPOCH + Duration::from_hours(500_000);
        let cause = Failure::new("inner");
        let failed =
            OperationError { cause: Some(Box::new(cause)), ..OperationError::new(End::Failed, "no money") };
        for outcome in [
            Outcome::Done(Content::json(&json!({ "paid": true }))),
            Outcome::Done(Content::null()),
            Outcome::Ended(failed),
            Outcome::Ended(OperationError::new(End::Canceled, "not wanted")),
        ] {
            let completion = Completion {
                token: Some("t-1".into()),
                started: Some(seconds),
                closed: Some(seconds + Duration::from_millis(1_234)),
                links: vec![Link { url: "https://a/1".into(), kind: "a.B".into() }],
                headers: [("temporal-callback-token".to_owned(), r#"{"v":1}"#.to_owned())].into(),
                ..Completion::new(outcome)
            };
            assert_eq!(there_and_back(&completion), completion);
        }
    }

    fn read(headers: &[(&str, &str)], body: &str) -> Result<Completion, HandlerErrorKind> {
        let mut request = Request::builder().method("POST").uri("/callback");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, body) = request.body(body.as_bytes().to_vec()).unwrap().into_parts();
        Completion::from_http(&parts, body).map_err(|error| error.kind)
    }

    #[test]
    fn what_makes_no_sense_completes_nothing() {
        let (done, json) = (("nexus-operation-state", "succeeded"), ("content-type", "application/json"));
        let failed = ("nexus-operation-state", "failed");
        assert!(read(&[done], "").is_ok());
        for (headers, body) in [
            (vec![], "{}"),
            (vec![("nexus-operation-state", "running")], "{}"),
            (vec![failed, json], "not JSON"),
            (vec![failed, ("content-type", "text/plain")], "{}"),
            (vec![failed], ""),
            (vec![done, ("nexus-operation-start-time", "yesterday")], ""),
            (vec![done, ("nexus-operation-close-time", "Sat, 21 Nov 2026 01:49:22 GMT")], ""),
            (vec![done, ("nexus-link", "nonsense")], ""),
        ] {
            assert_eq!(read(&headers, body), Err(HandlerErrorKind::BadRequest), "{headers:?}");
        }
        let times = [
            ("nexus-operation-start-time", "Sat, 21 Nov 2026 01:49:22 GMT"),
            ("nexus-operation-close-time", "2026-11-21T01:49:23.5Z"),
        ];
        let read = read(&[&times[..], &[done]].concat(), "").unwrap();
        assert_eq!(
            read.closed.unwrap().duration_since(read.started.unwrap()).unwrap(),
            Duration::from_millis(1_500)
        );
    }

    #[test]
    fn whoever_refuses_a_completion_says_whether_to_bring_it_again() {
        let (parts, body) = Completion::taken().into_parts();
        assert_eq!(Completion::answer(&parts, &body), Ok(()));
        for (kind, again) in [(HandlerErrorKind::NotFound, false), (HandlerErrorKind::Unavailable, true)] {
            let (parts, body) = HandlerError::new(kind, "no").to_http().into_parts();
            assert_eq!(Completion::answer(&parts, &body).unwrap_err().is_retryable(), again);
        }
    }
}
