//! Sessions as they are stored: pairs of the system's namespace.
//!
//! A session is two pairs. The one under its principal says whose and how old it is, is small, and changes when the
//! session is used; so a principal's sessions are listed and counted without their states, and what is somebody else's
//! is not found rather than found and refused. The one under its id holds the state, and says whose it is for the work
//! that knows the id only.

use nexus_kernel::Json;
use nexus_kernel::id::{Namespace, SessionId};
use nexus_kernel::port::blob::Hash;
use nexus_kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What the keys of all sessions under their principals begin with.
pub(crate) const OF: &str = "session/of/";

/// Whose a session is and how old.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Card {
    pub(crate) id: SessionId,
    /// [`owner`] of its principal.
    pub(crate) owner: String,
    pub(crate) namespace: Namespace,
    pub(crate) ttl_ms: u64,
    pub(crate) created: Timestamp,
    /// When it was used last, or a moment before: not every use is written down.
    pub(crate) used: Timestamp,
    /// Counts the changes of its state. A list shows it; what counts is that beside the state.
    pub(crate) version: u64,
}

impl Card {
    /// Where it is stored.
    pub(crate) fn key(&self) -> String {
        card_key(&self.owner, &self.id)
    }
}

/// What a session holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Content {
    /// [`owner`] of its principal.
    pub(crate) owner: String,
    pub(crate) version: u64,
    pub(crate) state: Json,
}

/// A principal as part of a key: of one length and without a slash, whatever the name is.
pub(crate) fn owner(identity: &str) -> String {
    let mut digits = Hash::of(identity.as_bytes()).to_string();
    digits.truncate(32);
    digits
}

/// What the keys of a principal's sessions begin with.
pub(crate) fn cards_of(owner: &str) -> String {
    format!("{OF}{owner}/")
}

/// The key of a session's card.
pub(crate) fn card_key(owner: &str, id: &SessionId) -> String {
    format!("{OF}{owner}/{id}")
}

/// The key of a session's content.
pub(crate) fn content_key(id: &SessionId) -> String {
    format!("session/at/{id}")
}
