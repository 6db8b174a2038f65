//! `ctx.session`: what the session of the run holds.

use nexus_kernel::error::Error;
use nexus_kernel::id::SessionId;
use nexus_kernel::port::session::{SessionChange, SessionState, Sessions};
use nexus_kernel::{Json, code};
use serde::Deserialize;
use serde_json::json;

use super::{OpError, Scope};
use crate::capability::Kind;

const NAME: &str = "SessionError";

#[derive(Deserialize)]
pub(super) struct Update {
    patch: Json,
    version: Option<u64>,
}

impl Scope {
    pub(super) async fn session_get(&self) -> Result<Json, OpError> {
        self.check(Kind::SessionRead, "*")?;
        let (sessions, id) = self.session()?;
        told(sessions.get(&self.namespace, id).await)
    }

    pub(super) async fn session_update(&self, update: Update) -> Result<Json, OpError> {
        self.check(Kind::SessionWrite, "*")?;
        let (sessions, id) = self.session()?;
        let Update { mut patch, version } = update;
        // Whoever reads the session later need not be allowed to read the secret.
        self.redactions.json(&mut patch);
        told(sessions.update(&self.namespace, id, SessionChange::Merge(patch), version).await)
    }

    fn session(&self) -> Result<(&dyn Sessions, &SessionId), OpError> {
        let missing = || OpError {
            code: Some(code::SESSION_UNKNOWN.id.to_owned()),
            non_retryable: true,
            ..OpError::new(NAME, "the run was started without a session")
        };
        let id = self.session.as_ref().ok_or_else(missing)?;
        let unavailable = || OpError::new("UnavailableError", "nobody keeps sessions for functions here");
        Ok((self.ports.sessions.as_deref().ok_or_else(unavailable)?, id))
    }
}

fn told(answer: Result<SessionState, Error>) -> Result<Json, OpError> {
    let SessionState { state, version } = answer.map_err(|error| OpError::of(NAME, &error))?;
    Ok(json!({ "state": state, "version": version }))
}
