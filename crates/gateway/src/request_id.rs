//! Request ids: what correlates an answer with the log.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use nexus_kernel::port::rng::Rng;

use crate::limits::REQUEST_ID_BYTES_MAX;

/// The header that carries the id, both ways.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id of one request, the caller's own or one of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl RequestId {
    /// A new id: `req_` and 16 characters of chance.
    pub fn generate(rng: &dyn Rng) -> RequestId {
        let mut bytes = [0_u8; 16];
        rng.fill(&mut bytes);
        let digit = |byte: &u8| char::from(DIGITS.get(usize::from(byte & 31)).copied().unwrap_or(b'0'));
        let mut text = String::with_capacity(20);
        text.push_str("req_");
        text.extend(bytes.iter().map(digit));
        RequestId(text.into())
    }

    /// The caller's id when it sent a sane one, else a new one.
    pub fn of(headers: &HeaderMap, rng: &dyn Rng) -> RequestId {
        let given = headers.get(HEADER).and_then(|value| value.to_str().ok()).filter(|id| is_sane(id));
        given.map_or_else(|| RequestId::generate(rng), |id| RequestId(id.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as a header's value.
    pub fn header_value(&self) -> HeaderValue {
        // Both kinds of id are visible ASCII, so the fallback is never taken.
        HeaderValue::from_str(&self.0).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
    }
}

/// Whether an id can stand in a log line and a header without being mistaken for something else.
fn is_sane(id: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'/');
    !id.is_empty() && id.len() <= REQUEST_ID_BYTES_MAX && id.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_kernel::memory::rng::SeededRng;

    fn of(id: &[u8]) -> RequestId {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, HeaderValue::from_bytes(id).unwrap());
        RequestId::of(&headers, &SeededRng::new(1))
    }

    #[test]
    fn sane_ids_of_callers_are_kept() {
        assert_eq!(of(b"trace-7:a/b.c_d").as_str(), "trace-7:a/b.c_d");
    }

    #[test]
    fn other_ids_are_replaced() {
        for id in [b"".as_slice(), b"two words", b"\xff", b"a\"b", &[b'x'; 129]] {
            let new = of(id);
            assert!(new.as_str().starts_with("req_") && new.as_str().len() == 20, "{new:?}");
        }
    }
}
