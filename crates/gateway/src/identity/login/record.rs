//! Logins of browsers as they are stored.

use std::time::Duration;

use nexus_kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::limits::LOGIN_RENEWED_SECONDS;

/// A login. It is kept under the hash of its cookie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LoginRecord {
    /// What the issuer of its token is called here.
    pub(super) issuer: String,
    /// Who logged in.
    pub(super) who: String,
    /// When.
    pub(super) created: Timestamp,
    /// When the token ends.
    pub(super) expires: Timestamp,
    /// When it is over, however often it is renewed.
    pub(super) ends: Timestamp,
    /// Whether another token can be had when this one ends.
    pub(super) is_renewable: bool,
    /// The tokens, sealed with the cookie.
    pub(super) sealed: String,
}

/// What is sealed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// The token that says who it is.
    pub(super) token: String,
    /// What another one is got with.
    pub(super) refresh_token: Option<String>,
}

impl LoginRecord {
    /// Whether it may still be good for something.
    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        now < self.ends && (now < self.expires || self.is_renewable)
    }

    /// Whether it is time for another token.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.is_renewable && now.plus(Duration::from_secs(LOGIN_RENEWED_SECONDS)) >= self.expires
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> LoginRecord {
        LoginRecord {
            issuer: "acme".to_owned(),
            who: "token:acme:ann".to_owned(),
            created: Timestamp::from_millis(1_800_000_000_000),
            expires: Timestamp::from_millis(1_800_000_600_000),
            ends: Timestamp::from_millis(1_800_043_200_000),
            is_renewable: true,
            sealed: "AAAA".to_owned(),
        }
    }

    #[test]
    fn what_is_stored_has_a_form_that_stays() {
        let kept = Kept { token: "t".to_owned(), refresh_token: Some("r".to_owned()) };
        insta::assert_json_snapshot!((record(), kept));
    }

    #[test]
    fn a_login_ends_with_its_token_unless_it_can_be_renewed_and_in_any_case() {
        let (record, at) = (record(), |millis: i64| Timestamp::from_millis(1_800_000_000_000 + millis));
        assert!(record.is_live(at(599_999)) && !record.is_due(at(569_999)));
        assert!(record.is_due(at(570_000)) && record.is_live(at(43_199_999)));
        assert!(!record.is_live(at(43_200_000)));
        let once = LoginRecord { is_renewable: false, ..record };
        assert!(once.is_live(at(599_999)) && !once.is_live(at(600_000)) && !once.is_due(at(600_000)));
    }
}
