//! Key-value pairs of a namespace, durable when a commit is answered.

use crate::id::Namespace;
use crate::port::StoreError;
use crate::{BoxFuture, Json};

/// A stored value. Versions grow with every commit of the namespace and are never used twice, so a key that was
/// deleted and written again does not look unchanged.
#[derive(Debug, Clone, PartialEq)]
pub struct KvEntry {
    /// The key.
    pub key: String,
    /// The value.
    pub value: Json,
    /// Version of the commit that wrote it.
    pub version: u64,
}

/// A condition of a commit: the key still has this version; `None` means the key does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvCheck {
    /// The key.
    pub key: String,
    /// The version it must have.
    pub version: Option<u64>,
}

/// A change of a commit.
#[derive(Debug, Clone, PartialEq)]
pub enum KvWrite {
    /// Sets a key.
    Put {
        /// The key.
        key: String,
        /// Its new value.
        value: Json,
    },
    /// Removes a key; a key that does not exist is no error.
    Delete {
        /// The key.
        key: String,
    },
}

/// What became of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KvCommit {
    /// All writes are durable under this version.
    Committed {
        /// The new version.
        version: u64,
    },
    /// Nothing was written: this key's check failed.
    Conflict {
        /// The key.
        key: String,
    },
}

/// The port.
pub trait Kv: Send + Sync {
    /// The value of a key.
    fn kv_get(&self, namespace: &Namespace, key: &str) -> BoxFuture<'_, Result<Option<KvEntry>, StoreError>>;

    /// Entries whose key begins with `prefix` and is greater than `after`, in key order, at most `limit`.
    fn kv_list(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<KvEntry>, StoreError>>;

    /// All checks hold and all writes happen, or nothing happens.
    fn kv_commit(
        &self,
        namespace: &Namespace,
        checks: Vec<KvCheck>,
        writes: Vec<KvWrite>,
    ) -> BoxFuture<'_, Result<KvCommit, StoreError>>;
}
