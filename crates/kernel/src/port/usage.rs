//! How much of the store a namespace takes.

use crate::BoxFuture;
use crate::id::Namespace;
use crate::port::StoreError;

/// The port.
pub trait Usage: Send + Sync {
    /// Bytes of a namespace's records, values, data of events and objects, as they are kept. Names, indices and the list of
    /// runs are not counted.
    fn used_bytes(&self, namespace: &Namespace) -> BoxFuture<'_, Result<u64, StoreError>>;
}
