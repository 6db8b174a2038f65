//! Headers that keep browsers from making more of an answer than it is.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// For a year, also when somebody types the name without `https`.
const ALWAYS_SECURE: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// An answer is data, and no page may show it in a frame. Pages for people have a policy of their own.
const DATA: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// What every answer says unless it says something else.
const USUAL: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CONTENT_SECURITY_POLICY, DATA),
    // What is somebody's is for nobody else, whatever is between.
    (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
];

/// Adds them.
pub(crate) fn harden(headers: &mut HeaderMap, is_encrypted: bool) {
    for (name, value) in USUAL {
        headers.entry(name).or_insert(value);
    }
    if is_encrypted {
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(ALWAYS_SECURE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_answer_says_itself_stays() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        harden(&mut headers, false);
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert!(!headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
        harden(&mut headers, true);
        assert!(headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
    }
}
