//! `ctx.secret`.

use nexus_kernel::error::Error;
use nexus_kernel::{Json, tell_of};

use super::{OpError, Scope};
use crate::capability::Kind;

impl Scope {
    pub(super) async fn secret(&self, name: &str) -> Result<Json, OpError> {
        self.check(Kind::SecretRead, name)?;
        let Some(secrets) = &self.ports.secrets else {
            return Err(OpError::new("UnavailableError", "there are no secrets for functions here"));
        };
        let secret = secrets
            .secret(&self.namespace, name)
            .await
            .map_err(|error| OpError::of("SecretError", &error))?;
        self.redactions.add(name, &secret);
        tell_of!(self.doer, debug, target: "nexus::audit", secret = name, "a function read a secret");
        Ok(Json::String(secret.reveal().to_owned()))
    }
}

impl OpError {
    /// What another part says, under this name.
    pub(super) fn of(name: &str, error: &Error) -> OpError {
        let code = error.code();
        // What the caller did wrong, it does wrong the next time as well.
        OpError {
            code: Some(code.id.to_owned()),
            non_retryable: (400..500).contains(&code.http) && code.http != 429,
            ..OpError::new(name, error.message())
        }
    }
}
