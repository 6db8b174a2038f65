//! Bytes that functions keep: by namespace and by the hash of their content.
//!
//! They are kept until they are deleted. A namespace knows nothing of another one's: equal bytes in two namespaces are
//! two objects.

use crate::BoxFuture;
use crate::id::Namespace;
use crate::port::StoreError;
use crate::port::blob::Hash;

/// What became of bytes that were to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// They are there, durably; perhaps they were before.
    At(Hash),
    /// Nothing was written: with them the namespace would have more than it may.
    Full {
        /// Bytes that it has.
        used: u64,
    },
}

/// The port.
pub trait Objects: Send + Sync {
    /// Keeps bytes of a namespace, which may have `bytes_max` in all.
    fn object_put(
        &self,
        namespace: &Namespace,
        bytes: Vec<u8>,
        bytes_max: u64,
    ) -> BoxFuture<'_, Result<Kept, StoreError>>;

    /// The bytes of a hash, checked against it.
    fn object_get(
        &self,
        namespace: &Namespace,
        hash: &Hash,
    ) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>>;

    /// Deletes them; false when they were not there.
    fn object_delete(&self, namespace: &Namespace, hash: &Hash) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Bytes of all objects of a namespace together.
    fn object_bytes(&self, namespace: &Namespace) -> BoxFuture<'_, Result<u64, StoreError>>;
}
