//! Executions that wait, kept beyond the process that they began in.
//!
//! What is kept is a cache of work: whoever does not find it, or cannot read it, begins the work again. So whoever keeps
//! it vouches for its bytes himself.

use crate::BoxFuture;
use crate::port::StoreError;

/// The port. A name is what the execution is for, such as the token of an attempt.
pub trait Parked: Send + Sync {
    /// Keeps bytes under a name, in place of those that were there.
    fn parked_save(&self, name: &str, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The bytes of a name.
    fn parked_load(&self, name: &str) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>>;

    /// Lets go of a name; one that is not there is no error.
    fn parked_drop(&self, name: &str) -> BoxFuture<'_, Result<(), StoreError>>;

    /// All names, in order.
    fn parked_names(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>>;
}
