//! Sessions, for the work that they started: what a run may do with the session that it carries.

use crate::error::Error;
use crate::id::{Namespace, SessionId};
use crate::{BoxFuture, Json};

/// The state of a session.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionState {
    /// A JSON object.
    pub state: Json,
    /// Counts its changes, from 1.
    pub version: u64,
}

/// A change of a session's state.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionChange {
    /// The state becomes this.
    Replace(Json),
    /// The state is changed by this merge patch (RFC 7396).
    Merge(Json),
}

/// The port. Whoever started the run was allowed to use the session, so nobody is asked again; a session that has ended
/// or is one of another namespace is unknown.
pub trait Sessions: Send + Sync {
    /// The state now.
    fn get(
        &self,
        namespace: &Namespace,
        session: &SessionId,
    ) -> BoxFuture<'static, Result<SessionState, Error>>;

    /// Changes the state, when it is at this version or none is given.
    fn update(
        &self,
        namespace: &Namespace,
        session: &SessionId,
        change: SessionChange,
        version: Option<u64>,
    ) -> BoxFuture<'static, Result<SessionState, Error>>;
}
