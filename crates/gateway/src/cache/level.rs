//! Levels: where answers are kept beyond the memory of this process.

use nexus_kernel::BoxFuture;
use nexus_kernel::cache::Level;
use nexus_kernel::time::Timestamp;

use super::entry::Entry;
use super::key::Key;

/// The port. A level that cannot answer has nothing: a cache that fails costs work, never an answer.
pub(super) trait CacheLevel: Send + Sync {
    /// Which one it is.
    fn level(&self) -> Level;

    /// What it has under a key.
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Option<Entry>>;

    /// Keeps something until then, if there is room.
    fn put<'a>(&'a self, key: &'a Key, entry: &'a Entry, ends: Timestamp) -> BoxFuture<'a, ()>;
}
