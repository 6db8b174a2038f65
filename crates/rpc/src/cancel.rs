//! The cancel of an operation: a wish, which is granted or not, and which may be repeated.

use std::time::Duration;

use http::{Request, Response, StatusCode, request, response};

use crate::duration::duration_text;
use crate::fields::set;
use crate::handler_error::HandlerError;
use crate::route::{Route, TOKEN, path};
use crate::start::{FAILURE_SUPPORT, REQUEST_TIMEOUT, own, post, set_own, timeout};
use crate::{Fields, Unwritable};

/// A request to end an operation early.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CancelRequest {
    /// The service.
    pub service: String,
    /// The operation.
    pub operation: String,
    /// The token that its start was answered with.
    pub token: String,
    /// How long the caller waits for the answer.
    pub request_timeout: Option<Duration>,
    /// Headers for the handler, by names in lower case.
    pub headers: Fields,
}

impl CancelRequest {
    /// The request, to an endpoint at this address.
    pub fn to_http(&self, endpoint: &str) -> Result<Request<Vec<u8>>, Unwritable> {
        let path = path(&self.service, &self.operation)?;
        let mut request = post(&format!("{}/{path}/cancel", endpoint.trim_end_matches('/')), Vec::new())?;
        let headers = request.headers_mut();
        set_own(headers, &self.headers)?;
        set(headers, FAILURE_SUPPORT, "true")?;
        set(headers, TOKEN, &self.token)?;
        self.request_timeout.map_or(Ok(()), |limit| set(headers, REQUEST_TIMEOUT, &duration_text(limit)))?;
        Ok(request)
    }

    /// Reads the request of a route. The error is the answer to one that makes no sense.
    pub fn from_http(route: &Route, parts: &request::Parts) -> Result<CancelRequest, HandlerError> {
        let Route::Cancel { service, operation, token } = route else {
            return Err(HandlerError::bad_request("the request cancels nothing"));
        };
        let mut headers = own(&parts.headers);
        headers.remove(TOKEN);
        Ok(CancelRequest {
            service: service.clone(),
            operation: operation.clone(),
            token: token.clone(),
            request_timeout: timeout(&parts.headers, REQUEST_TIMEOUT)?,
            headers,
        })
    }

    /// The answer to a wish that was heard (202). What comes of it, the completion tells.
    pub fn heard() -> Response<Vec<u8>> {
        let mut response = Response::new(Vec::new());
        *response.status_mut() = StatusCode::ACCEPTED;
        response
    }

    /// Whether it was heard. The error is what it was refused with.
    pub fn answer(parts: &response::Parts, body: &[u8]) -> Result<(), HandlerError> {
        if parts.status.is_success() { Ok(()) } else { Err(HandlerError::from_http(parts, body)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler_error::HandlerErrorKind;

    #[test]
    fn a_cancel_comes_back() {
        let cancel = CancelRequest {
            service: "s".into(),
            operation: "o".into(),
            token: "a token / with spaces".into(),
            request_timeout: Some(Duration::from_secs(10)),
            headers: [("x-tenant".to_owned(), "shop".to_owned())].into(),
        };
        let (parts, body) = cancel.to_http("https://a.example/nexus").unwrap().into_parts();
        assert!(body.is_empty());
        assert_eq!(CancelRequest::from_http(&Route::of(&parts, "/nexus").unwrap(), &parts), Ok(cancel));
        let (parts, body) = CancelRequest::heard().into_parts();
        assert_eq!(CancelRequest::answer(&parts, &body), Ok(()));
    }

    #[test]
    fn a_refusal_is_told() {
        let refused = HandlerError::new(HandlerErrorKind::NotFound, "no such operation");
        let (parts, body) = refused.to_http().into_parts();
        assert_eq!(CancelRequest::answer(&parts, &body), Err(refused));
        let start = Route::Start { service: "s".into(), operation: "o".into() };
        let (parts, ()) = Request::new(()).into_parts();
        assert!(CancelRequest::from_http(&start, &parts).is_err());
    }
}
