//! Answers that pages of other origins may read (CORS, as the Fetch standard has it).
//!
//! Which origins those are is the guard's business: requests of others do not come so far. Cookies are never among what
//! such a page may use, so nobody's session can be borrowed by it.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

/// What pages may ask with.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PATCH, DELETE");

/// What they may say, beside what every page may.
const HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, cache-control, content-type, idempotency-key, if-none-match, last-event-id, mcp-method, mcp-name, \
     mcp-protocol-version, mcp-session-id, prefer, traceparent, tracestate, x-api-key, x-nexus-session, x-request-id, \
     x-workflow-id",
);

/// What they may read of an answer, beside what every page may.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "age, cache-status, etag, idempotency-replayed, location, mcp-session-id, retry-after, ratelimit, ratelimit-policy, www-authenticate, \
     x-nexus-session, x-nexus-version, x-request-id",
);

/// How long a browser need not ask again, in seconds.
const SECONDS_MAX: HeaderValue = HeaderValue::from_static("600");

/// The origin of the page that a request comes from, when that is not the server's own. The guard has let it in.
pub(crate) fn origin(headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let host = headers.get(header::HOST).map(HeaderValue::as_bytes);
    let own = origin.to_str().ok()?.split_once("://").map(|(_, rest)| rest.as_bytes());
    (own != host).then(|| origin.clone())
}

/// The answer to a browser that asks first whether a page may ask.
pub(crate) fn preflight(request: &Request<impl Sized>) -> Option<Response> {
    let headers = request.headers();
    let asks =
        request.method() == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    origin(headers).filter(|_| asks)?;
    let allowed = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, SECONDS_MAX),
    ];
    Some((StatusCode::NO_CONTENT, allowed, Body::empty()).into_response())
}

/// Lets a page of this origin read an answer.
pub(crate) fn mark(response: &mut Response, origin: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.append(header::VARY, HeaderValue::from_static("origin"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, pairs: &[(&'static str, &'static str)]) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = method;
        for (name, value) in pairs {
            request.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        request
    }

    #[test]
    fn only_pages_of_other_origins_are_told_what_they_may() {
        let page = [
            ("origin", "https://panel.example"),
            ("host", "api.example"),
            ("access-control-request-method", "POST"),
        ];
        let answer = preflight(&request(Method::OPTIONS, &page)).unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        assert!(!answer.headers().contains_key("access-control-allow-credentials"));
        assert!(preflight(&request(Method::POST, &page)).is_none());
        assert!(preflight(&request(Method::OPTIONS, &page[..2])).is_none(), "a plain OPTIONS");
        let own = [
            ("origin", "https://api.example"),
            ("host", "api.example"),
            ("access-control-request-method", "POST"),
        ];
        assert!(preflight(&request(Method::OPTIONS, &own)).is_none());
    }

    #[test]
    fn an_answer_is_for_the_page_that_asked() {
        let mut response = Response::new(Body::empty());
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        mark(&mut response, HeaderValue::from_static("https://panel.example"));
        assert_eq!(response.headers()["access-control-allow-origin"], "https://panel.example");
        let vary: Vec<_> = response.headers().get_all(header::VARY).iter().collect();
        assert_eq!(vary, ["accept-encoding", "origin"]);
    }
}
