//! How an answer from memory is told of where there are no headers: on `/ws` and to MCP clients.

use nexus_kernel::Json;
use nexus_kernel::cache::Cached;
use serde_json::json;

/// The same words as in the log, with the age and what is left of the time in seconds; a negative `ttl` is past it.
pub(crate) fn to_json(cached: Cached) -> Json {
    let status = cached.word();
    match cached {
        Cached::Hit { level, age, left } => json!({
            "status": status, "level": level.as_str(), "age": age.as_secs(), "ttl": left.as_secs(),
        }),
        Cached::Stale { level, age, late } => json!({
            "status": status, "level": level.as_str(), "age": age.as_secs(),
            "ttl": i64::try_from(late.as_secs()).map_or(i64::MIN, |late| -late),
        }),
        Cached::Joined | Cached::Miss { .. } | Cached::Passed => json!({ "status": status }),
    }
}
