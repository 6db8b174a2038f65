//! Renewals: another token for a login before the one that it has ends, one at a time.

use std::sync::Arc;
use std::time::Duration;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::port::blob::Hash;
use nexus_kernel::task;
use nexus_kernel::time::Timestamp;

use super::finish::unavailable;
use super::provider::NoToken;
use super::record::{Kept, LoginRecord};
use super::{Known, Logins, opened, sealed};
use crate::limits::LOGIN_PAUSE_SECONDS;

impl Logins {
    /// A login with a token that is good for a while, if there is such a one to be had.
    pub(super) async fn renewed(
        &self,
        hash: &Hash,
        secret: &str,
        known: Known,
    ) -> Result<Option<Arc<LoginRecord>>, Error> {
        let now = self.0.clock.now();
        if !known.record.is_due(now) {
            return Ok(Some(known.record));
        }
        let alone = match Arc::clone(&known.renewing).try_lock_owned() {
            Ok(alone) => alone,
            // Somebody else is about it; the token is good until then.
            Err(_) if now < known.record.expires => return Ok(Some(known.record)),
            Err(_) => Arc::clone(&known.renewing).lock_owned().await,
        };
        // A browser that goes away in between must not lose what the provider gives once.
        let (logins, hash, secret) = (self.clone(), hash.clone(), secret.to_owned());
        let renewing = task::spawn(async move { logins.renew(&hash, &secret, alone).await });
        renewing.await.map_err(|error| Error::internal(error.to_string()))?
    }

    async fn renew(
        &self,
        hash: &Hash,
        secret: &str,
        mut asked: tokio::sync::OwnedMutexGuard<Option<Timestamp>>,
    ) -> Result<Option<Arc<LoginRecord>>, Error> {
        // It may have been renewed, or ended, while we waited.
        let Some(Known { record, .. }) = self.live(hash) else { return Ok(None) };
        let (now, pause) = (self.0.clock.now(), Duration::from_secs(LOGIN_PAUSE_SECONDS));
        if !record.is_due(now) {
            return Ok(Some(record));
        }
        let (Some(client), Some(kept)) = (self.client(&record.issuer), opened(secret, hash, &record)) else {
            return Ok(None);
        };
        let later = |why: &str| {
            if now < record.expires { Ok(Some(Arc::clone(&record))) } else { Err(unavailable(&client, why)) }
        };
        if asked.is_some_and(|at| at <= now && now.since(at) < pause) {
            return later("it did not a moment ago");
        }
        *asked = Some(now);
        let refresh_token = kept.refresh_token.as_deref().unwrap_or_default();
        match client.renew(&*self.0.desk, &self.0.clock, refresh_token).await {
            Ok(fresh) => match self.verified(&client, &fresh).await {
                Ok((who, expires)) if who == record.who => {
                    self.replace(hash, secret, &record, (&fresh, expires)).await
                }
                // Its keys cannot be had just now, which says nothing about it.
                Err(error) if error.code() == &code::ISSUER_UNAVAILABLE => later(error.message()),
                // Somebody else's token, or one that is good for nothing here, ends the login.
                Ok(_) | Err(_) => self.end(hash.as_str()).await.map(|()| None),
            },
            Err(NoToken::Refused(why)) => {
                tracing::debug!(why, "a login was not renewed");
                self.let_end(hash, &record).await
            }
            Err(NoToken::Unavailable(why)) => later(&why),
        }
    }

    /// Keeps a login with other tokens.
    async fn replace(
        &self,
        hash: &Hash,
        secret: &str,
        record: &LoginRecord,
        (kept, expires): (&Kept, Timestamp),
    ) -> Result<Option<Arc<LoginRecord>>, Error> {
        let sealed = sealed(secret, hash, kept, &self.0.rng)?;
        let fresh =
            LoginRecord { expires, is_renewable: kept.refresh_token.is_some(), sealed, ..record.clone() };
        self.exchange(hash, fresh).await
    }

    /// Lets a login end with the token that it has.
    async fn let_end(&self, hash: &Hash, record: &LoginRecord) -> Result<Option<Arc<LoginRecord>>, Error> {
        let last = LoginRecord { is_renewable: false, ..record.clone() };
        let is_live = last.is_live(self.0.clock.now());
        let kept = self.exchange(hash, last).await?;
        Ok(kept.filter(|_| is_live))
    }

    /// What is known of a login from now on, unless somebody has ended it meanwhile.
    async fn exchange(&self, hash: &Hash, record: LoginRecord) -> Result<Option<Arc<LoginRecord>>, Error> {
        let record = Arc::new(record);
        // The provider has taken the tokens before back: what it gave holds here even if it cannot be stored.
        match self.write().get_mut(hash) {
            Some(known) => known.record = Arc::clone(&record),
            None => return Ok(None),
        }
        self.put(hash, &record).await?;
        // Ended while it was stored: then it must not come back with the next start.
        if !self.0.known.read().unwrap_or_else(std::sync::PoisonError::into_inner).contains_key(hash) {
            self.delete([hash.clone()]).await?;
            return Ok(None);
        }
        Ok(Some(record))
    }
}
