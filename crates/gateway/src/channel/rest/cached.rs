//! What HTTP says of answers from memory: `Cache-Control` of a request, `Age` and `Cache-Status` (RFC 9211) of an answer.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use nexus_kernel::cache::{CacheUse, Cached};

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// What a caller wants of answers that were made before. What is not understood is ignored, as the RFC asks.
pub(crate) fn wanted(headers: &HeaderMap) -> CacheUse {
    let values = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut wanted = CacheUse::Any;
    for directive in values.flat_map(|value| value.split(',')) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        let seconds = || value.trim().trim_matches('"').parse::<u64>().ok();
        let also = match name.trim().to_ascii_lowercase().as_str() {
            "max-age" => seconds().map(|most| CacheUse::Within(Duration::from_secs(most))),
            name => CacheUse::parse(name),
        };
        wanted = also.map_or(wanted, |also| stricter(wanted, also));
    }
    wanted
}

/// The one that allows less.
fn stricter(left: CacheUse, right: CacheUse) -> CacheUse {
    match (left, right) {
        (CacheUse::Never, _) | (_, CacheUse::Never) => CacheUse::Never,
        (CacheUse::Renew, _) | (_, CacheUse::Renew) => CacheUse::Renew,
        (CacheUse::Within(left), CacheUse::Within(right)) => CacheUse::Within(left.min(right)),
        (CacheUse::Any, other) | (other, CacheUse::Any) => other,
    }
}

/// Says how an answer came about, where it might have been made before.
pub(crate) fn told(mut response: Response, cached: Option<Cached>) -> Response {
    let Some(cached) = cached else { return response };
    let headers = response.headers_mut();
    if let Ok(status) = HeaderValue::from_str(&status(cached)) {
        headers.insert(CACHE_STATUS, status);
    }
    if let Cached::Hit { age, .. } | Cached::Stale { age, .. } = cached {
        headers.insert(header::AGE, age.as_secs().into());
    }
    response
}

fn status(cached: Cached) -> String {
    match cached {
        Cached::Hit { level, left, .. } => {
            format!("nexus; hit; ttl={}; detail={}", left.as_secs(), level.as_str())
        }
        Cached::Stale { level, late, .. } => {
            format!("nexus; hit; ttl=-{}; detail={}", late.as_secs(), level.as_str())
        }
        Cached::Joined => "nexus; fwd=uri-miss; collapsed".to_owned(),
        Cached::Miss { is_kept: true } => "nexus; fwd=uri-miss; stored".to_owned(),
        Cached::Miss { is_kept: false } => "nexus; fwd=uri-miss".to_owned(),
        Cached::Passed => "nexus; fwd=bypass".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_kernel::cache::Level;

    #[test]
    fn what_a_request_wants() {
        let of = |texts: &[&str]| {
            let mut headers = HeaderMap::new();
            for text in texts {
                headers.append("cache-control", text.parse().unwrap());
            }
            wanted(&headers)
        };
        let within = |seconds| CacheUse::Within(Duration::from_secs(seconds));
        assert_eq!(of(&[]), CacheUse::Any);
        assert_eq!(of(&["No-Cache"]), CacheUse::Renew);
        assert_eq!(of(&["max-age=60, no-cache"]), CacheUse::Renew);
        assert_eq!(of(&["no-cache", "no-store"]), CacheUse::Never);
        assert_eq!(of(&["max-age=60, max-age=5"]), within(5));
        assert_eq!(of(&["max-age=0"]), within(0));
        assert_eq!(of(&["max-age=soon, only-if-cached, x"]), CacheUse::Any);
    }

    #[test]
    fn what_an_answer_says() {
        let seconds = Duration::from_secs;
        let hit = Cached::Hit { level: Level::Memory, age: seconds(7), left: seconds(53) };
        assert_eq!(status(hit), "nexus; hit; ttl=53; detail=memory");
        let stale = Cached::Stale { level: Level::Store, age: seconds(70), late: seconds(10) };
        assert_eq!(status(stale), "nexus; hit; ttl=-10; detail=store");
        let told = told(Response::default(), Some(stale));
        assert_eq!(told.headers()["age"], "70");
    }
}
