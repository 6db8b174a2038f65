//! How HTTP callers are told how they stand: `RateLimit-Policy` and `RateLimit` as the IETF draft
//! `httpapi-ratelimit-headers` (10) writes them, and the three headers of older clients.

use std::fmt::Write as _;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use nexus_kernel::allowance::Allowance;
use nexus_kernel::time::Timestamp;

/// Adds the headers of everything that a request was counted by.
pub(crate) fn tell(headers: &mut HeaderMap, allowances: &[Allowance], now: Timestamp) {
    let Some(tightest) = allowances.iter().min_by_key(|allowance| allowance.remaining) else { return };
    let (mut policies, mut stands) = (String::new(), String::new());
    for Allowance { policy, limit, window, remaining, next, .. } in allowances {
        let comma = if policies.is_empty() { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = write!(policies, "{comma}\"{policy}\";q={limit};w={}", window.as_secs());
        let _ = write!(stands, "{comma}\"{policy}\";r={remaining};t={}", seconds(*next));
    }
    let reset = now.plus(tightest.reset).micros().div_euclid(1_000_000).saturating_add(1);
    for (name, value) in [
        ("ratelimit-policy", policies),
        ("ratelimit", stands),
        ("x-ratelimit-limit", tightest.limit.to_string()),
        ("x-ratelimit-remaining", tightest.remaining.to_string()),
        ("x-ratelimit-reset", reset.to_string()),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
}

/// Whole seconds, rounded up: whoever comes then is not too early.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_told_and_older_clients_hear_of_the_tightest() {
        let allowance = |policy, limit, remaining| Allowance {
            policy,
            limit,
            window: Duration::from_mins(1),
            remaining,
            next: Duration::from_millis(600),
            reset: Duration::from_millis(1_800),
        };
        let mut headers = HeaderMap::new();
        let all = [allowance("principal", 100, 97), allowance("operation", 10, 3)];
        tell(&mut headers, &all, Timestamp::from_millis(5_000));
        let told: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        assert_eq!(
            told,
            [
                "ratelimit-policy: \"principal\";q=100;w=60, \"operation\";q=10;w=60",
                "ratelimit: \"principal\";r=97;t=1, \"operation\";r=3;t=1",
                "x-ratelimit-limit: 10",
                "x-ratelimit-remaining: 3",
                "x-ratelimit-reset: 7",
            ]
        );
    }

    #[test]
    fn who_is_not_counted_is_told_nothing() {
        let mut headers = HeaderMap::new();
        tell(&mut headers, &[], Timestamp::from_millis(0));
        assert!(headers.is_empty());
    }
}
