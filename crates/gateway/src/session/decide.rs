//! What is decided about sessions: pure functions of what is stored and the time.

use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::SessionId;
use nexus_kernel::port::session::SessionChange;
use nexus_kernel::time::{Timestamp, parse_duration};
use serde_json::Map;

use crate::limits::{
    SESSION_DEPTH_MAX, SESSION_STATE_BYTES_MAX, SESSION_TOUCH_SECONDS_MAX, SESSION_TTL_SECONDS_DEFAULT,
    SESSION_TTL_SECONDS_MAX, SESSION_TTL_SECONDS_MIN,
};
use crate::session::merge;
use crate::session::record::{Card, Content};

impl Card {
    /// When the session ends unless it is used before.
    pub(crate) fn expires(&self) -> Timestamp {
        self.used.plus(Duration::from_millis(self.ttl_ms))
    }

    /// Whether the session can be used. Uses that were not written down may be as late as the longest time between
    /// two that are, so that much is added: nobody's session ends early.
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires().plus(self.touch_interval())
    }

    /// Whether a use now is worth a commit.
    pub(crate) fn is_touch_due(&self, now: Timestamp) -> bool {
        now.since(self.used) >= self.touch_interval()
    }

    fn touch_interval(&self) -> Duration {
        Duration::from_millis(self.ttl_ms / 10).min(Duration::from_secs(SESSION_TOUCH_SECONDS_MAX))
    }
}

/// A time to live as callers give it, in milliseconds.
pub(crate) fn ttl(given: Option<&str>) -> Result<u64, Error> {
    let Some(text) = given else { return Ok(SESSION_TTL_SECONDS_DEFAULT * 1_000) };
    let bad = |why: String| {
        Error::new(&code::SESSION_INVALID, why).fault("/ttl", "a time to live is between 1s and 30d")
    };
    let length = parse_duration(text)
        .ok_or_else(|| bad(format!("{text:?} is not a duration")).help("write it like 30m, 12h or 7d"))?;
    if length < Duration::from_secs(SESSION_TTL_SECONDS_MIN) {
        return Err(bad("a session lives for at least a second".into()).help("give a `ttl` of 1s or more"));
    }
    if length > Duration::from_secs(SESSION_TTL_SECONDS_MAX) {
        return Err(bad("a session lives for at most 30 days".into()).help("give a `ttl` of 30d or less"));
    }
    Ok(u64::try_from(length.as_millis()).unwrap_or(u64::MAX))
}

/// A state as callers give it.
pub(crate) fn state(given: Option<Json>) -> Result<Json, Error> {
    let state = given.unwrap_or_else(|| Json::Object(Map::new()));
    check_state(&state)?;
    Ok(state)
}

/// The content after a change that was made for a version, or for whichever there is.
pub(crate) fn changed(
    before: Content,
    change: &SessionChange,
    version: Option<u64>,
) -> Result<Content, Error> {
    let before = checked(before, version)?;
    let state = match change {
        SessionChange::Replace(state) => state.clone(),
        SessionChange::Merge(patch) => merge::apply(before.state, patch),
    };
    check_state(&state)?;
    Ok(Content { owner: before.owner, version: before.version + 1, state })
}

/// The content, when it is at the version that is expected.
pub(crate) fn checked(content: Content, version: Option<u64>) -> Result<Content, Error> {
    match version.filter(|version| *version != content.version) {
        None => Ok(content),
        Some(expected) => {
            let message = format!("the session is at version {}, not {expected}", content.version);
            Err(Error::new(&code::SESSION_CHANGED, message)
                .help("read the session again and repeat the change on what it holds now"))
        }
    }
}

/// The answer about a session that is not there, has ended or is somebody else's.
pub(crate) fn unknown(id: &SessionId) -> Error {
    Error::new(&code::SESSION_UNKNOWN, format!("there is no session {id}"))
        .help("it may have ended; `session.create` makes a new one")
}

fn check_state(state: &Json) -> Result<(), Error> {
    let bad = |why: String, help: &str| Err(Error::new(&code::SESSION_INVALID, why).help(help));
    if !state.is_object() {
        return bad("the state of a session is a JSON object".into(), "name what the session is to hold");
    }
    if !is_within(state, SESSION_DEPTH_MAX) {
        let why = format!("the state is nested more than {SESSION_DEPTH_MAX} deep");
        return bad(why, "keep what is deep elsewhere, and a reference to it in the session");
    }
    let bytes = state.to_string().len();
    if bytes > SESSION_STATE_BYTES_MAX {
        let why = format!("the state would have {bytes} bytes, and {SESSION_STATE_BYTES_MAX} are the most");
        return bad(why, "keep what is large elsewhere, and a reference to it in the session");
    }
    Ok(())
}

/// Whether a value is nested at most so deep. What is read from the store must be readable again.
fn is_within(value: &Json, depth: usize) -> bool {
    let below = |value: &Json| depth > 0 && is_within(value, depth - 1);
    match value {
        Json::Array(items) => items.iter().all(below),
        Json::Object(members) => members.values().all(below),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_kernel::id::Namespace;
    use nexus_kernel::memory::rng::SeededRng;
    use proptest::prelude::*;
    use serde_json::json;

    fn card(ttl_ms: u64, used_ms: i64) -> Card {
        Card {
            id: SessionId::generate(&SeededRng::new(1)),
            owner: "someone".into(),
            namespace: Namespace::default(),
            ttl_ms,
            created: Timestamp::from_millis(0),
            used: Timestamp::from_millis(used_ms),
            version: 1,
        }
    }

    fn content(state: Json) -> Content {
        Content { owner: "someone".into(), version: 3, state }
    }

    #[test]
    fn a_time_to_live_is_between_a_second_and_thirty_days() {
        assert_eq!(ttl(None).unwrap(), 1_800_000);
        assert_eq!(ttl(Some("1s")).unwrap(), 1_000);
        assert_eq!(ttl(Some("30d")).unwrap(), 30 * 24 * 3_600_000);
        for bad in ["", "soon", "0s", "999ms", "31d", "-5m", "1e9d"] {
            assert_eq!(ttl(Some(bad)).unwrap_err().code().id, "NX-2403", "{bad:?}");
        }
    }

    #[test]
    fn a_state_is_a_bounded_object() {
        assert_eq!(state(None).unwrap(), json!({}));
        assert!(state(Some(json!([1]))).is_err());
        let filled = |bytes: usize| json!({ "a": "x".repeat(bytes - 8) });
        assert_eq!(filled(100).to_string().len(), 100);
        assert!(state(Some(filled(SESSION_STATE_BYTES_MAX))).is_ok());
        assert!(state(Some(filled(SESSION_STATE_BYTES_MAX + 1))).is_err());
        let nested = |depth| (0..depth).fold(json!(1), |inner, _| json!({ "a": inner }));
        assert!(state(Some(nested(SESSION_DEPTH_MAX))).is_ok());
        assert!(state(Some(nested(SESSION_DEPTH_MAX + 1))).is_err());
    }

    #[test]
    fn a_change_for_another_version_changes_nothing() {
        let merge = SessionChange::Merge(json!({ "b": 2, "a": null }));
        let after = changed(content(json!({ "a": 1 })), &merge, Some(3)).unwrap();
        assert_eq!((after.version, after.state), (4, json!({ "b": 2 })));
        let error = changed(content(json!({ "a": 1 })), &merge, Some(2)).unwrap_err();
        assert_eq!(error.message(), "the session is at version 3, not 2");
        let replace = SessionChange::Replace(json!(7));
        assert_eq!(changed(content(json!({})), &replace, None).unwrap_err().code().id, "NX-2403");
        assert!(changed(content(json!({})), &SessionChange::Merge(json!(null)), None).is_err());
    }

    proptest! {
        #[test]
        fn a_session_lives_for_its_time_after_its_last_use_and_not_much_longer(
            ttl_s in SESSION_TTL_SECONDS_MIN..=SESSION_TTL_SECONDS_MAX,
            written in 0..1_000_000_i64,
            since_written in 0..100_000_i64,
            silent in 0..4_000_000_000_i64,
        ) {
            let card = card(ttl_s * 1_000, written);
            let ttl_ms = i64::try_from(ttl_s * 1_000).unwrap();
            // A use that was not written down came before the next one was due.
            let last = Timestamp::from_millis(written + since_written);
            prop_assume!(!card.is_touch_due(last));
            let now = Timestamp::from_millis(written + since_written + silent);
            if silent < ttl_ms {
                prop_assert!(card.is_live(now), "ended early");
            }
            if silent >= ttl_ms + (ttl_ms / 10).min(60_000) {
                prop_assert!(!card.is_live(now), "still there");
            }
        }

        #[test]
        fn uses_cost_at_most_a_commit_a_minute_or_ten_in_a_life(ttl_s in 1..100_000_u64, step_ms in 1..5_000_u64) {
            let mut card = card(ttl_s * 1_000, 0);
            let (mut commits, mut now, until) = (0_u64, 0_u64, ttl_s * 1_000);
            while now < until.min(step_ms * 10_000) {
                now += step_ms;
                let at = Timestamp::from_millis(i64::try_from(now).unwrap());
                if card.is_touch_due(at) {
                    (commits, card.used) = (commits + 1, at);
                }
            }
            prop_assert!(commits <= (now / 60_000).max(10), "{commits} commits in {now} ms");
        }
    }
}
