//! Request ids: what correlates an answer with the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use nexus_kernel::port::rng::Rng;

use crate::limits::REQUEST_ID_BYTES_MAX;

/// The header that carries the id, both ways.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Makes ids: `req_`, chance from when this was made, and a count. Asking the operating system for chance with every
/// request would be a system call each, and nothing rests on ids being hard to guess.
#[derive(Debug)]
pub struct RequestIds {
    prefix: String,
    count: AtomicU64,
}

const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Bits of chance in an id.
const CHANCE_BITS: u32 = 60;

/// Bits of the count in an id; after 10^12 ids it begins again.
const COUNT_BITS: u32 = 40;

impl RequestIds {
    /// A source of ids that differ from those of every other source.
    pub fn new(rng: &dyn Rng) -> RequestIds {
        let mut prefix = "req_".to_owned();
        push_digits(&mut prefix, rng.next_u64(), CHANCE_BITS);
        RequestIds { prefix, count: AtomicU64::new(0) }
    }

    /// A new id.
    pub fn generate(&self) -> RequestId {
        let mut text = String::with_capacity(self.prefix.len() + 8);
        text.push_str(&self.prefix);
        push_digits(&mut text, self.count.fetch_add(1, Ordering::Relaxed), COUNT_BITS);
        RequestId(text.into())
    }

    /// The caller's id when it sent a sane one, else a new one.
    pub fn of(&self, headers: &HeaderMap) -> RequestId {
        let given = headers.get(HEADER).and_then(|value| value.to_str().ok()).filter(|id| is_sane(id));
        given.map_or_else(|| self.generate(), |id| RequestId(id.into()))
    }
}

/// Appends the lowest bits of a number, five to a digit.
fn push_digits(text: &mut String, number: u64, bits: u32) {
    let digit = |shift: u32| {
        let five_bits = usize::try_from((number >> shift) & 31).unwrap_or(0);
        char::from(DIGITS.get(five_bits).copied().unwrap_or(b'0'))
    };
    text.extend((0..bits).step_by(5).rev().map(digit));
}

/// The id of one request, the caller's own or one of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
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
        RequestIds::new(&SeededRng::new(1)).of(&headers)
    }

    #[test]
    fn sane_ids_of_callers_are_kept() {
        assert_eq!(of(b"trace-7:a/b.c_d").as_str(), "trace-7:a/b.c_d");
    }

    #[test]
    fn other_ids_are_replaced() {
        for id in [b"".as_slice(), b"two words", b"\xff", b"a\"b", &[b'x'; 129]] {
            let new = of(id);
            assert!(new.as_str().starts_with("req_") && new.as_str().len() == 24, "{new:?}");
        }
    }

    #[test]
    fn no_two_ids_are_equal() {
        let (one, other) = (RequestIds::new(&SeededRng::new(1)), RequestIds::new(&SeededRng::new(2)));
        let ids = [one.generate(), one.generate(), other.generate(), other.generate()];
        for (at, id) in ids.iter().enumerate() {
            assert!(!ids[..at].contains(id), "{ids:?}");
        }
        assert!(ids[0].as_str().ends_with("00000000") && ids[1].as_str().ends_with("00000001"), "{ids:?}");
    }
}
