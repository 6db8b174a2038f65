//! How a login begins and how it ends: a question for a provider, and the answer that a browser brings back.

use std::sync::PoisonError;
use std::time::Duration;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::port::blob::Hash;

use super::begun::Question;
use super::provider::{Client, NoToken, told};
use super::record::{Kept, LoginRecord};
use super::seal::chance;
use super::{Known, Logins, Site, sealed, source_of};
use crate::limits::LOGIN_HOURS_MAX;

/// Where providers send browsers back to.
const CALLBACK: &str = "/login/callback";

/// A login that has begun.
pub(crate) struct LoggedIn {
    /// The cookie.
    pub(crate) secret: String,
    /// Who it is.
    pub(crate) who: String,
    /// Where the person wanted to go.
    pub(crate) destination: String,
}

/// What a browser brings back from a provider.
#[derive(Default)]
pub(crate) struct Brought {
    pub(crate) state: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) issuer: Option<String>,
}

impl Logins {
    /// Begins a login at the provider of this name: the page where it goes on, and the cookie of the browser.
    pub(crate) async fn begin(
        &self,
        name: &str,
        site: &Site,
        destination: &str,
    ) -> Result<(String, String), Error> {
        let parts = &self.0;
        let client = self.client(name).ok_or_else(|| {
            failed(format!("nobody logs in at {name:?} here")).help("GET /login lists where people do")
        })?;
        let question = Question::new(name, format!("{}{CALLBACK}", site.url), destination, &*parts.rng);
        let (state, browser) = (chance(&*parts.rng), chance(&*parts.rng));
        let page = client.page(&*parts.desk, &parts.clock, (&question, &state, &site.url)).await;
        let page = page.map_err(|why| unavailable(&client, &why))?;
        let now = parts.clock.now();
        let mut begun = parts.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.keep(&state, &browser, question, now);
        Ok((page, browser))
    }

    /// Answers for what this browser brings: from now on there is a login.
    pub(crate) async fn finish(
        &self,
        brought: Brought,
        browser: Option<&str>,
        site: &Site,
    ) -> Result<LoggedIn, Error> {
        let parts = &self.0;
        let question = {
            let mut begun = parts.begun.lock().unwrap_or_else(PoisonError::into_inner);
            let asked = brought.state.as_deref().zip(browser);
            asked.and_then(|(state, browser)| begun.take(state, browser, parts.clock.now()))
        };
        let question = question.ok_or_else(|| failed("this browser has begun no such login"))?;
        let client =
            self.client(&question.issuer).ok_or_else(|| failed("its provider is not asked any more"))?;
        if !client.is_from(&*parts.desk, &parts.clock, brought.issuer.as_deref()).await {
            return Err(failed("the answer is of another provider"));
        }
        let code = match (brought.error, brought.code) {
            (Some(error), _) => return Err(failed(format!("the provider says {}", told(&error)))),
            (None, Some(code)) => code,
            (None, None) => return Err(failed("the provider gave no code")),
        };
        let kept = client.exchange(&*parts.desk, &parts.clock, (&question, &code, &site.url)).await;
        let kept = kept.map_err(|none| match none {
            NoToken::Refused(why) => failed(format!("the provider gave no token: {why}")),
            NoToken::Unavailable(why) => unavailable(&client, &why),
        })?;
        let (secret, who) = self.add(&client, &kept).await?;
        Ok(LoggedIn { secret, who, destination: question.destination })
    }

    /// Keeps a login of whoever these tokens are about. Gives its cookie, another one each time, whatever a browser has;
    /// and who they are.
    async fn add(&self, client: &Client, kept: &Kept) -> Result<(String, String), Error> {
        let parts = &self.0;
        let (who, expires) = self.verified(client, kept).await?;
        let secret = chance(&*parts.rng);
        let (hash, now) = (Hash::of(secret.as_bytes()), parts.clock.now());
        let record = LoginRecord {
            issuer: client.spec.name.clone(),
            who: who.clone(),
            created: now,
            expires,
            ends: now.plus(Duration::from_secs(LOGIN_HOURS_MAX * 60 * 60)),
            is_renewable: kept.refresh_token.is_some(),
            sealed: sealed(&secret, &hash, kept, &parts.rng)?,
        };
        let _alone = parts.adding.lock().await;
        self.make_room(&record.who).await?;
        self.put(&hash, &record).await?;
        self.write().insert(hash, Known::of(record));
        Ok((secret, who))
    }

    /// Who these tokens are about, when they are good here as any token is, and of this provider.
    pub(super) async fn verified(
        &self,
        client: &Client,
        kept: &Kept,
    ) -> Result<(String, nexus_kernel::time::Timestamp), Error> {
        let caller = self.0.tokens.caller(&kept.token).await.map_err(|error| {
            if error.code() != &code::CREDENTIAL_INVALID {
                return error;
            }
            failed("the token of the provider is not accepted here").help(
                "`audiences` under `[auth.issuers]` has to name this server as the provider's tokens do",
            )
        })?;
        match source_of(&caller) {
            Some((source, expires)) if source == format!("token of {}", client.spec.name) => {
                Ok((caller.identity.to_string(), expires))
            }
            _ => Err(failed("the token is of another provider")),
        }
    }
}

pub(super) fn failed(why: impl Into<String>) -> Error {
    Error::new(&code::BROWSER_LOGIN_FAILED, why).help("begin again at /login")
}

/// What somebody is told when a provider cannot be had; why is for the log.
pub(super) fn unavailable(client: &Client, why: &str) -> Error {
    let issuer = &client.spec.name;
    tracing::warn!(issuer, why, "an identity provider cannot be asked about logins");
    Error::new(&code::ISSUER_UNAVAILABLE, format!("{issuer} does not answer, so nobody can log in there"))
        .help("try again in a moment")
}
