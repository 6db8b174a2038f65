//! Logins of people at an identity provider, for the command line: in a browser (authorisation code with PKCE), or on
//! another device.
//!
//! What a login leaves is a token in the user's profiles. It is renewed when it ends, as long as the provider lets us.

mod browser;
mod device;
mod provider;

use std::time::Duration;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::port::clock::{Clock as _, SystemClock};
use nexus_kernel::time::Timestamp;
use serde::Deserialize;

pub use provider::Provider;

use crate::profile::Secret;

/// How long before its end a token is renewed: the request it is for takes some time.
const EARLY: Duration = Duration::from_secs(30);

/// What is kept of a login beside the token.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// Whose token it is.
    pub issuer: String,
    /// What we are known as there.
    pub client_id: String,
    /// What another token is got with.
    pub refresh_token: Option<Secret>,
    /// When the token ends, in milliseconds since 1970, when that was said.
    pub expires: Option<i64>,
}

/// What a provider gives.
#[derive(Debug, Clone)]
pub struct Granted {
    /// The token that servers are shown.
    pub token: Secret,
    /// What is kept beside it.
    pub login: Login,
}

/// How somebody wants to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// In a browser on this machine.
    Browser,
    /// Anywhere, by a code that they type there.
    Device,
}

impl Login {
    /// Whether the token has ended, or is about to.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| now.plus(EARLY) >= Timestamp::from_millis(expires))
    }
}

/// Logs somebody in. `tell` shows them what to do.
pub async fn login(
    provider: &Provider,
    resource: &str,
    scope: &str,
    way: Way,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Granted, Error> {
    match way {
        Way::Browser => browser::login(provider, resource, scope, tell).await,
        Way::Device => device::login(provider, resource, scope, tell).await,
    }
}

/// The time now.
fn now() -> Timestamp {
    SystemClock.now()
}

fn failed(why: impl Into<String>) -> Error {
    Error::new(&code::LOGIN_FAILED, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_renewed_a_little_before_it_ends() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let login = |seconds: Option<i64>| Login {
            issuer: String::new(),
            client_id: String::new(),
            refresh_token: None,
            expires: seconds.map(|seconds| now.millis() + seconds * 1_000),
        };
        assert!(login(Some(30)).is_over(now) && login(Some(-1)).is_over(now));
        assert!(!login(Some(31)).is_over(now) && !login(None).is_over(now));
    }
}
