//! Where a piece lies. A piece that was moved to another place does not open there.

use nexus_kernel::id::{Key, Namespace, RunId};

/// The place of a piece within its namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// A record of a workflow id.
    Record(&'a Key),
    /// The value of a key.
    Value(&'a str),
    /// What an event tells, by its id.
    Event(&'a str),
    /// The memo of a run.
    Memo(&'a RunId),
    /// An object. Equal ones are to be one, wherever they come from, so equal objects of a namespace look alike.
    Object,
    /// An execution that waits, by its name.
    Parked(&'a str),
    /// A secret, by its name.
    Secret(&'a str),
}

impl Place<'_> {
    /// The place in bytes that are those of no other one.
    pub(super) fn bytes(self, namespace: &Namespace) -> Vec<u8> {
        let (kind, name): (u8, &[u8]) = match self {
            Place::Record(key) => (1, key.workflow_id.as_str().as_bytes()),
            Place::Value(key) => (2, key.as_bytes()),
            Place::Event(id) => (3, id.as_bytes()),
            Place::Memo(run) => (4, run.as_str().as_bytes()),
            Place::Object => (5, b""),
            Place::Parked(name) => (6, name.as_bytes()),
            Place::Secret(name) => (7, name.as_bytes()),
        };
        // No name of a namespace holds a zero.
        [&[kind], namespace.as_str().as_bytes(), &[0], name].concat()
    }
}
