//! The header `Prefer` (RFC 7240): how long a caller wants to wait, in the words of HTTP.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName};
use nexus_kernel::call::Wait;

use crate::limits::WAIT_SECONDS_MAX;

const PREFER: HeaderName = HeaderName::from_static("prefer");

/// What the caller prefers: `respond-async` not to wait, `wait=10` to wait so many seconds. Preferences that are not
/// understood are ignored, as the RFC asks.
pub(crate) fn wait(headers: &HeaderMap) -> Option<Wait> {
    let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    let mut asynchronous = false;
    let mut limit = None;
    for preference in values.flat_map(|value| value.split(',')) {
        let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "respond-async" => asynchronous = true,
            "wait" => limit = limit.or_else(|| value.trim().trim_matches('"').parse::<u64>().ok()),
            _ => {}
        }
    }
    match (limit, asynchronous) {
        (Some(seconds), _) => Some(Wait::AtMost(Duration::from_secs(seconds.min(WAIT_SECONDS_MAX)))),
        (None, true) => Some(Wait::Accepted),
        (None, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(PREFER, text.parse().unwrap());
            wait(&headers)
        };
        assert_eq!(of("respond-async"), Some(Wait::Accepted));
        assert_eq!(of("respond-async, wait=5"), Some(Wait::AtMost(Duration::from_secs(5))));
        assert_eq!(of("Wait=99999"), Some(Wait::AtMost(Duration::from_secs(WAIT_SECONDS_MAX))));
        assert_eq!(of("handling=strict, wait=soon"), None);
        assert_eq!(wait(&HeaderMap::new()), None);
    }
}
