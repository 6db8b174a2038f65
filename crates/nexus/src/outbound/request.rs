//! What a function asks for with `ctx.http(url, request)`, read and judged. Pure: no name is resolved here.
//!
//! Judged is the address as the URL parser understands it, not its text: numbers in any notation have become dotted
//! ones, names are in lower case and ASCII, user names are parts of their own.

use std::net::IpAddr;

use nexus_kernel::error::Code;
use nexus_kernel::trace::TraceContext;
use nexus_kernel::{Json, code};
use nexus_sandbox::{Capabilities, OpError};
use reqwest::header::{CONTENT_TYPE, Entry, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, StatusCode, Url};
use serde::Deserialize;
use serde_json::Map;

use crate::outbound::address::Addresses;

/// Time of a request when nothing is said, all redirections together, in milliseconds.
pub(crate) const TIMEOUT_MS_DEFAULT: u64 = 10_000;
/// Most time that a request can ask for, in milliseconds.
pub(crate) const TIMEOUT_MS_MAX: u64 = 30_000;
/// Redirections that one request follows.
pub(crate) const REDIRECTS_MAX: usize = 5;
/// Longest URL, in bytes.
const URL_BYTES_MAX: usize = 8_192;
/// Headers of a request.
const HEADERS_MAX: usize = 64;
/// Names and values of a request's headers together, in bytes.
const HEADER_BYTES_MAX: usize = 16 * 1024;

/// Methods that functions may use.
const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// Headers that belong to the connection, or say who is called: those are ours.
const OURS: [&str; 12] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// Headers that may go to another origin: any other one may be a secret under a name of its own.
const HARMLESS: [&str; 6] =
    ["accept", "accept-language", "cache-control", "content-language", "content-type", "user-agent"];

/// An error of this name and code.
pub(crate) fn error(name: &str, code: &Code, message: impl Into<String>) -> OpError {
    OpError { code: Some(code.id.to_owned()), ..OpError::new(name, message) }
}

/// The request is none.
fn wrong(message: impl Into<String>) -> OpError {
    OpError { non_retryable: true, ..error("TypeError", &code::FETCH_INVALID, message) }
}

/// The request may not be sent.
pub(crate) fn denied(code: &Code, message: impl Into<String>) -> OpError {
    OpError { non_retryable: true, ..error("PermissionError", code, message) }
}

/// A limit was met.
pub(crate) fn too_much(message: impl Into<String>) -> OpError {
    OpError { non_retryable: true, ..error("RangeError", &code::FETCH_LIMIT, message) }
}

/// As a function writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Asked {
    url: String,
    method: Option<String>,
    #[serde(default)]
    headers: Map<String, Json>,
    #[serde(default)]
    body: Json,
    timeout_ms: Option<u64>,
}

/// A request that can be sent, once it has been judged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    pub(crate) url: Url,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) timeout_ms: u64,
}

impl Request {
    /// Reads what a function asks for.
    pub(crate) fn read(asked: Json) -> Result<Request, OpError> {
        let asked: Asked = serde_json::from_value(asked).map_err(|error| {
            wrong(format!("a request has url, method, headers, body and timeoutMs: {error}"))
        })?;
        let method = method(asked.method.as_deref().unwrap_or("GET"))?;
        let mut headers = headers(&asked.headers)?;
        let body = body(asked.body, &mut headers)?;
        if body.is_some() && matches!(method, Method::GET | Method::HEAD) {
            return Err(wrong(format!("a {method} request has no body")));
        }
        let timeout_ms = asked.timeout_ms.unwrap_or(TIMEOUT_MS_DEFAULT);
        if !(1..=TIMEOUT_MS_MAX).contains(&timeout_ms) {
            return Err(wrong(format!("timeoutMs is a number from 1 to {TIMEOUT_MS_MAX}")));
        }
        Ok(Request { url: url(&asked.url)?, method, headers, body, timeout_ms })
    }

    /// Says which trace the request is part of, unless the function says it itself.
    pub(crate) fn be_within(&mut self, trace: &TraceContext) {
        let Ok(parent) = HeaderValue::try_from(trace.parent()) else { return };
        let Entry::Vacant(place) = self.headers.entry("traceparent") else { return };
        place.insert(parent);
        if let Some(state) = trace.state.as_deref().and_then(|state| HeaderValue::try_from(state).ok()) {
            self.headers.insert("tracestate", state);
        }
    }

    /// Whether it may be sent: its host and port by what was granted, its address by what is public or allowed. A
    /// host with a name is judged again when the name has become addresses.
    pub(crate) fn judge(&self, grants: &Capabilities, addresses: &Addresses) -> Result<(), OpError> {
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port_or_known_default().unwrap_or_default();
        if !grants.may_fetch(host, port, self.url.port().is_none()) {
            let token = match self.url.port() {
                Some(port) => format!("http:fetch:{host}:{port}"),
                None => format!("http:fetch:{host}"),
            };
            return Err(denied(&code::FUNCTION_DENIED, format!("the function has not been granted {token}")));
        }
        let literal: Result<IpAddr, _> = host.trim_start_matches('[').trim_end_matches(']').parse();
        match literal.map(|address| addresses.check(address)) {
            Ok(Err(refused)) => Err(denied(&code::FETCH_DENIED, format!("{host}: {refused}"))),
            _ => Ok(()),
        }
    }

    /// The request that an answer sends us on to; nothing when it does not. It has not been judged.
    pub(crate) fn redirected(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<Option<Request>, OpError> {
        if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        let Some(location) = headers.get(LOCATION) else { return Ok(None) };
        let refused =
            |why: &str| denied(&code::FETCH_DENIED, format!("{} redirects {why}", origin(&self.url)));
        let text = location.to_str().map_err(|_| refused("to what is no URL"))?;
        let joined = self.url.join(text).map_err(|_| refused("to what is no URL"))?;
        let mut next = Request {
            url: url(joined.as_str()).map_err(|_| refused("to what may not be called"))?,
            ..self.clone()
        };
        if self.url.scheme() == "https" && next.url.scheme() == "http" {
            return Err(refused("from https to http"));
        }
        let becomes_get = status == StatusCode::SEE_OTHER && self.method != Method::HEAD
            || matches!(status.as_u16(), 301 | 302) && self.method == Method::POST;
        if becomes_get {
            (next.method, next.body) = (Method::GET, None);
            next.headers.remove(CONTENT_TYPE);
        }
        if next.url.origin() != self.url.origin() {
            next.headers = harmless(&next.headers);
        }
        Ok(Some(next))
    }
}

/// What may be sent to another origin.
fn harmless(headers: &HeaderMap) -> HeaderMap {
    let kept = headers.iter().filter(|(name, _)| HARMLESS.contains(&name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Scheme, host and port: what may be logged. Paths and queries hold secrets.
pub(crate) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn url(text: &str) -> Result<Url, OpError> {
    if text.len() > URL_BYTES_MAX {
        return Err(wrong(format!("a URL has at most {URL_BYTES_MAX} bytes")));
    }
    let mut url = Url::parse(text).map_err(|error| wrong(format!("this is no URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(denied(
            &code::FETCH_DENIED,
            format!("only http and https are spoken, not {}", url.scheme()),
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("a URL with a user name or a password is not called; send a header"));
    }
    if url.host_str().is_none_or(str::is_empty) || url.port() == Some(0) {
        return Err(wrong("a URL names a host and a port that is not 0"));
    }
    url.set_fragment(None);
    Ok(url)
}

fn method(text: &str) -> Result<Method, OpError> {
    let found = METHODS.into_iter().find(|method| method.as_str().eq_ignore_ascii_case(text));
    found.ok_or_else(|| wrong("the method is GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS"))
}

fn headers(asked: &Map<String, Json>) -> Result<HeaderMap, OpError> {
    let mut headers = HeaderMap::new();
    let mut bytes = 0;
    for (name, value) in asked {
        let value = match value {
            Json::String(text) => text.clone(),
            Json::Number(number) => number.to_string(),
            _ => return Err(wrong(format!("the header {name:?} is no text"))),
        };
        bytes += name.len() + value.len();
        let known =
            HeaderName::try_from(name.as_str()).map_err(|_| wrong(format!("{name:?} is no header")))?;
        if OURS.contains(&known.as_str()) {
            return Err(wrong(format!("the header {known} is not a function's to send")));
        }
        // A line break would begin another header, or another request.
        let value = HeaderValue::try_from(value).map_err(|_| {
            wrong(format!("the header {known} holds what no header may, such as a line break"))
        })?;
        headers.append(known, value);
    }
    if asked.len() > HEADERS_MAX || bytes > HEADER_BYTES_MAX {
        return Err(too_much(format!(
            "a request has at most {HEADERS_MAX} headers of {HEADER_BYTES_MAX} bytes"
        )));
    }
    Ok(headers)
}

/// Text goes as it is; anything else goes as JSON, and says so.
fn body(asked: Json, headers: &mut HeaderMap) -> Result<Option<Vec<u8>>, OpError> {
    match asked {
        Json::Null => Ok(None),
        Json::String(text) => Ok(Some(text.into_bytes())),
        value => {
            let json = HeaderValue::from_static("application/json");
            headers.entry(CONTENT_TYPE).or_insert(json);
            serde_json::to_vec(&value).map(Some).map_err(|error| wrong(error.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(asked: Json) -> Result<Request, OpError> {
        Request::read(asked)
    }

    fn to(url: &str) -> Request {
        read(json!({ "url": url })).unwrap()
    }

    fn grants(tokens: &[&str]) -> Capabilities {
        Capabilities::parse(tokens.iter().copied()).unwrap()
    }

    fn judged(url: &str, tokens: &[&str]) -> Result<(), String> {
        to(url).judge(&grants(tokens), &Addresses::default()).map_err(|error| {
            assert_eq!((error.name.as_str(), error.non_retryable), ("PermissionError", true));
            error.code.unwrap()
        })
    }

    #[test]
    fn hosts_and_ports_are_those_that_were_granted() {
        let denied = Err("NX-5005".to_owned());
        assert_eq!(judged("https://api.example.com/x?y", &["http:fetch:api.example.com"]), Ok(()));
        assert_eq!(judged("https://API.example.com./x", &["http:fetch:api.example.com"]), Ok(()));
        assert_eq!(judged("https://api.example.com:8443/", &["http:fetch:api.example.com"]), denied);
        assert_eq!(judged("https://api.example.com:8443/", &["http:fetch:api.example.com:8443"]), Ok(()));
        assert_eq!(judged("https://api.example.com/", &["http:fetch:api.example.com:443"]), Ok(()));
        assert_eq!(judged("http://api.example.com/", &["http:fetch:api.example.com:443"]), denied);
        assert_eq!(judged("https://a.b.example.com/", &["http:fetch:*.example.com"]), Ok(()));
        assert_eq!(judged("https://example.com/", &["http:fetch:*.example.com"]), denied);
        assert_eq!(judged("https://evilexample.test/", &["http:fetch:*.example.test"]), denied);
        assert_eq!(judged("https://example.com.evil.test/", &["http:fetch:example.com"]), denied);
        assert_eq!(judged("https://b\u{fc}cher.example/", &["http:fetch:xn--bcher-kva.example"]), Ok(()));
        assert_eq!(judged("https://anything.test:9/", &["http:fetch:*"]), denied);
        assert_eq!(judged("https://anything.test:9/", &["http:fetch:*:*"]), Ok(()));
    }

    #[test]
    fn an_address_in_any_notation_is_judged_as_an_address() {
        for host in [
            "127.0.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "017700000001",
            "0177.0.0.1",
            "127.1",
            "127.0.1",
            "0",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[64:ff9b::127.0.0.1]",
            "10.0.0.8",
            "169.254.169.254",
            "0xa9fea9fe",
            "2852039166",
            "[fe80::1]",
            "%31%32%37.0.0.1",
            "\u{ff11}27.0.0.1",
            "127\u{3002}0\u{3002}0\u{3002}1",
            "127.0.0.1.",
        ] {
            let verdict = judged(&format!("http://{host}/"), &["http:fetch:*"]);
            assert_eq!(verdict, Err("NX-5016".to_owned()), "{host}");
        }
        assert_eq!(judged("http://[2606:4700::1111]/", &["http:fetch:[2606:4700::1111]"]), Ok(()));
        assert_eq!(judged(&format!("http://{}/", "1.1.1.1"), &["http:fetch:1.1.1.1"]), Ok(()));
    }

    #[test]
    fn what_is_no_request_is_told() {
        let long = "x".repeat(9_000);
        for (asked, words) in [
            (json!({ "url": "nonsense" }), "no URL"),
            (json!({ "url": format!("http://a.test/{long}") }), "at most 8192"),
            (json!({ "url": "http://good.example@evil.example/" }), "user name"),
            (json!({ "url": "http://a:b@c.example/" }), "user name"),
            (json!({ "url": "http://a.test:0/" }), "not 0"),
            (json!({ "url": "http://a.test/", "method": "CONNECT" }), "the method is"),
            (json!({ "url": "http://a.test/", "method": "GET\r\nX: y" }), "the method is"),
            (json!({ "url": "http://a.test/", "headers": { "X": "a\r\nY: b" } }), "line break"),
            (json!({ "url": "http://a.test/", "headers": { "X: y\r\nZ": "a" } }), "is no header"),
            (json!({ "url": "http://a.test/", "headers": { "Host": "b" } }), "not a function's to send"),
            (
                json!({ "url": "http://a.test/", "headers": { "Transfer-Encoding": "chunked" } }),
                "not a function's",
            ),
            (json!({ "url": "http://a.test/", "headers": { "X": [1] } }), "is no text"),
            (json!({ "url": "http://a.test/", "body": "x" }), "has no body"),
            (json!({ "url": "http://a.test/", "timeoutMs": 0 }), "from 1 to"),
            (json!({ "url": "http://a.test/", "timeoutMs": 60_000 }), "from 1 to"),
            (json!({ "url": "http://a.test/", "retries": 3 }), "retries"),
        ] {
            let error = read(asked.clone()).unwrap_err();
            assert!(error.message.contains(words), "{asked}: {}", error.message);
            assert_eq!(error.code.as_deref(), Some("NX-5018"), "{asked}");
        }
        for scheme in ["file:///etc/passwd", "ftp://a.test/", "gopher://a.test/", "data:,x", "unix:/x"] {
            let error = read(json!({ "url": scheme })).unwrap_err();
            assert_eq!((error.name.as_str(), error.code.as_deref()), ("PermissionError", Some("NX-5016")));
        }
        let flood: Map<String, Json> = (0..65).map(|n| (format!("x-{n}"), json!("y"))).collect();
        let error = read(json!({ "url": "http://a.test/", "headers": flood })).unwrap_err();
        assert_eq!(error.code.as_deref(), Some("NX-5017"));
    }

    #[test]
    fn values_are_sent_as_json_and_text_as_it_is() {
        let post = |body: Json| {
            let sent = read(json!({ "url": "http://a.test/", "method": "post", "body": body })).unwrap();
            let kind = sent.headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap().to_owned());
            (String::from_utf8(sent.body.unwrap()).unwrap(), kind)
        };
        assert_eq!(post(json!({ "a": 1 })), ("{\"a\":1}".into(), Some("application/json".into())));
        assert_eq!(post(json!("a=1")), ("a=1".into(), None));
    }

    fn answer(request: &Request, status: u16, location: &str) -> Result<Option<Request>, OpError> {
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, HeaderValue::from_bytes(location.as_bytes()).unwrap());
        request.redirected(StatusCode::from_u16(status).unwrap(), &headers)
    }

    fn posted() -> Request {
        read(json!({
            "url": "https://a.test/x", "method": "POST", "body": { "a": 1 },
            "headers": { "Authorization": "Bearer s", "X-Api-Key": "s", "Accept": "text/html", "Cookie": "s" },
        }))
        .unwrap()
    }

    #[test]
    fn redirections_keep_secrets_at_home() {
        let here = answer(&posted(), 307, "/y").unwrap().unwrap();
        assert_eq!(
            (here.url.as_str(), here.headers.len(), here.body.is_some()),
            ("https://a.test/y", 5, true)
        );
        for away in ["https://b.test/", "https://a.test:444/", "https://sub.a.test/"] {
            let next = answer(&posted(), 308, away).unwrap().unwrap();
            let names: Vec<&str> = next.headers.keys().map(HeaderName::as_str).collect();
            assert_eq!(names, ["accept", "content-type"], "{away}");
        }
        let seen = answer(&posted(), 303, "/y").unwrap().unwrap();
        assert_eq!(
            (seen.method, seen.body, seen.headers.contains_key(CONTENT_TYPE)),
            (Method::GET, None, false)
        );
        assert_eq!(answer(&posted(), 302, "/y").unwrap().unwrap().method, Method::GET);
        assert!(answer(&posted(), 200, "/y").unwrap().is_none());
        assert!(posted().redirected(StatusCode::FOUND, &HeaderMap::new()).unwrap().is_none());
    }

    #[test]
    fn redirections_lead_to_what_may_be_called_only() {
        for location in [
            "http://a.test/",
            "file:///etc/passwd",
            "https://u:p@b.test/",
            "https://",
            "javascript:1",
            "\u{fc}",
        ] {
            let error = answer(&posted(), 302, location).unwrap_err();
            assert_eq!(
                (error.name.as_str(), error.code.as_deref()),
                ("PermissionError", Some("NX-5016")),
                "{location}"
            );
        }
        let inside = answer(&posted(), 302, "https://2130706433/").unwrap().unwrap();
        let verdict = inside.judge(&grants(&["http:fetch:*"]), &Addresses::default());
        assert_eq!(verdict.unwrap_err().code.as_deref(), Some("NX-5016"));
    }

    proptest! {
        #[test]
        fn any_text_is_a_request_or_an_error(url: String, method: String, name: String, value: String) {
            let headers: Map<String, Json> = [(name, json!(value))].into_iter().collect();
            if let Ok(request) = read(json!({ "url": url, "method": method, "headers": headers })) {
                let _ = request.judge(&Capabilities::none(), &Addresses::default());
            }
        }

        #[test]
        fn private_addresses_hide_behind_no_number(last: u32, form in 0_u8..4) {
            let number = 0x0a00_0000 | (last & 0x00ff_ffff);
            let host = match form {
                0 => number.to_string(),
                1 => format!("{number:#x}"),
                2 => format!("0{number:o}"),
                _ => format!("10.{}", number & 0x00ff_ffff),
            };
            prop_assert_eq!(judged(&format!("http://{host}/"), &["http:fetch:*"]), Err("NX-5016".to_owned()));
        }

        #[test]
        fn no_location_leaves_what_was_granted(location in "[a-z0-9:/@.?#%\\\\-]{0,40}", status in 300_u16..309) {
            if let Ok(Some(next)) = answer(&posted(), status, &location)
                && next.judge(&grants(&["http:fetch:a.test"]), &Addresses::default()).is_ok()
            {
                prop_assert_eq!(next.url.host_str().map(|host| host.trim_end_matches('.')), Some("a.test"));
                prop_assert_eq!(next.url.port_or_known_default(), Some(443));
            }
        }
    }
}
