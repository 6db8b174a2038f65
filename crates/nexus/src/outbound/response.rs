//! What a function gets as the answer of `ctx.http`. Pure: a status, headers and bytes in, JSON out.

use nexus_kernel::Json;
use nexus_sandbox::OpError;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{StatusCode, Url};
use serde_json::{Map, json};

use crate::outbound::request::{origin, too_much};

/// Largest body of an answer, in bytes; what a function can be given in one piece is hardly more.
pub(crate) const BODY_BYTES_MAX: usize = 240 * 1024;
/// Headers of an answer, by number.
pub(crate) const HEADERS_MAX: usize = 100;
/// Names and values of an answer's headers together, in bytes.
const HEADER_BYTES_MAX: usize = 32 * 1024;

/// Headers that speak of the connection, or are secrets of whoever keeps cookies: a function does not.
const HIDDEN: [&str; 12] = [
    "alt-svc",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-connection",
    "set-cookie",
    "set-cookie2",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// An answer whose body has been read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) url: Url,
    pub(crate) redirected: bool,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Whether the headers can be taken, and the body that they announce.
pub(crate) fn check(url: &Url, headers: &HeaderMap, length: Option<u64>) -> Result<(), OpError> {
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > HEADER_BYTES_MAX || headers.len() > HEADERS_MAX {
        let message = format!("the headers of {} have more than {HEADER_BYTES_MAX} bytes", origin(url));
        return Err(too_much(message));
    }
    if length.is_some_and(|length| length > BODY_BYTES_MAX as u64) {
        return Err(too_large(url));
    }
    Ok(())
}

/// The body has more bytes than may pass.
pub(crate) fn too_large(url: &Url) -> OpError {
    too_much(format!("the answer of {} has more than {BODY_BYTES_MAX} bytes", origin(url)))
}

impl Answer {
    /// As the function sees it. `data` is the value of a JSON body, else its text, else its bytes in base64.
    pub(crate) fn to_json(&self) -> Json {
        let (data, encoding) = match std::str::from_utf8(&self.body) {
            Ok(text) => (self.value(text).unwrap_or_else(|| Json::String(text.to_owned())), "utf-8"),
            Err(_) => (Json::String(base64(&self.body)), "base64"),
        };
        json!({
            "url": self.url.as_str(),
            "redirected": self.redirected,
            "status": self.status.as_u16(),
            "statusText": self.status.canonical_reason().unwrap_or_default(),
            "ok": self.status.is_success(),
            "headers": self.visible(),
            "data": data,
            "encoding": encoding,
        })
    }

    /// The value of a body that says to be JSON, and is.
    fn value(&self, text: &str) -> Option<Json> {
        let kind = self.headers.get(CONTENT_TYPE)?.to_str().ok()?;
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let is_json = kind == "application/json" || kind.ends_with("+json");
        is_json.then(|| serde_json::from_str(text).ok()).flatten()
    }

    /// Headers by name in lower case; repeated ones in one value, with commas.
    fn visible(&self) -> Map<String, Json> {
        let mut visible: Map<String, Json> = Map::new();
        for (name, value) in self.headers.iter().filter(|(name, _)| !HIDDEN.contains(&name.as_str())) {
            let value = String::from_utf8_lossy(value.as_bytes());
            match visible.get_mut(name.as_str()) {
                Some(Json::String(before)) => *before = format!("{before}, {value}"),
                _ => {
                    visible.insert(name.as_str().to_owned(), Json::String(value.into_owned()));
                }
            }
        }
        visible
    }
}

/// RFC 4648, section 4, with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let group = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4_usize {
            let digit = (group >> (18 - 6 * place)) & 63;
            let digit = usize::try_from(digit).ok().and_then(|digit| DIGITS.get(digit));
            text.push(if place > chunk.len() { '=' } else { digit.map_or('=', |digit| char::from(*digit)) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn answer(headers: &[(&'static str, &'static str)], body: &[u8]) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let url = Url::parse("https://a.test/x?secret").unwrap();
        Answer { url, redirected: false, status: StatusCode::OK, headers: map, body: body.to_vec() }
    }

    #[test]
    fn json_is_a_value_text_is_text_and_bytes_are_base64() {
        let data = |kind: &'static str, body: &[u8]| answer(&[("content-type", kind)], body).to_json();
        assert_eq!(data("application/json; charset=utf-8", b"{\"a\":1}")["data"], json!({ "a": 1 }));
        assert_eq!(data("application/problem+json", b"[1]")["data"], json!([1]));
        assert_eq!(data("application/json", b"{broken")["data"], json!("{broken"));
        assert_eq!(data("text/plain", b"[1]")["data"], json!("[1]"));
        let binary = data("image/png", &[0xff, 0, 1]);
        assert_eq!((&binary["data"], &binary["encoding"]), (&json!("/wAB"), &json!("base64")));
    }

    #[test]
    fn the_vectors_of_base64() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn cookies_and_the_connections_headers_are_hidden() {
        let headers = [("set-cookie", "s=1"), ("keep-alive", "5"), ("x-a", "1"), ("x-a", "2"), ("etag", "e")];
        assert_eq!(answer(&headers, b"").to_json()["headers"], json!({ "x-a": "1, 2", "etag": "e" }));
    }

    #[test]
    fn what_is_too_much_is_refused_before_it_is_read() {
        let headers = HeaderMap::new();
        let url = Url::parse("https://a.test/x?secret").unwrap();
        assert!(check(&url, &headers, Some(BODY_BYTES_MAX as u64)).is_ok());
        let error = check(&url, &headers, Some(u64::MAX)).unwrap_err();
        assert_eq!(error.code.as_deref(), Some("NX-5017"));
        assert!(!error.message.contains("secret"), "{}", error.message);
        let mut flood = HeaderMap::new();
        flood.insert("x", HeaderValue::from_str(&"y".repeat(40_000)).unwrap());
        assert_eq!(check(&url, &flood, None).unwrap_err().code.as_deref(), Some("NX-5017"));
    }
}
