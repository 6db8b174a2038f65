//! Whose sessions are whose: a session is good for whoever has opened it, and its id is no credential.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::transport::streamable_http_server::session::SessionId;

/// Who has opened which session. Without authentication everybody is one.
#[derive(Default)]
pub(super) struct Owners(Mutex<HashMap<SessionId, Arc<str>>>);

impl Owners {
    /// Notes who has opened a session, and forgets sessions that are over.
    pub(super) fn add(&self, session: SessionId, who: Arc<str>, is_open: impl Fn(&SessionId) -> bool) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|session, _| is_open(session));
        known.insert(session, who);
    }

    /// Whether a session is somebody else's.
    pub(super) fn is_foreign(&self, session: &str, who: &str) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(session).is_some_and(|owner| **owner != *who)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_its_openers_until_it_is_over() {
        let owners = Owners::default();
        owners.add("one".into(), "key:a".into(), |_| true);
        assert!(owners.is_foreign("one", "key:b") && !owners.is_foreign("one", "key:a"));
        assert!(!owners.is_foreign("none", "key:b"), "the protocol knows what is not there");
        owners.add("two".into(), "key:b".into(), |session| &**session != "one");
        assert!(!owners.is_foreign("one", "key:b") && owners.is_foreign("two", "key:a"));
    }
}
