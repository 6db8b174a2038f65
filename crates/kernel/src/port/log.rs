//! The log of records: the truth of every run.
//!
//! A transition of a run is one immutable record, appended on the condition that the key's previous sequence is the
//! expected one. That append is the commit; nothing else has to change with it (store design, principle E1).

use std::ops::Range;

use crate::BoxFuture;
use crate::id::{Key, RunId};
use crate::port::StoreError;
use crate::port::runs::RunRow;

/// The claim of an owner over partitions; appends under an older claim are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(pub u64);

/// One record to append.
#[derive(Debug, Clone)]
pub struct Append {
    /// Whose record.
    pub key: Key,
    /// Sequence of the key's last record; 0 when it has none. The new record gets the next number.
    pub expected: u64,
    /// The owner's claim.
    pub epoch: Epoch,
    /// The record, as the engine encodes it.
    pub record: Vec<u8>,
    /// Whether the key still has work to do after this record: an open run or an undelivered effect.
    pub live: bool,
    /// Rows of the list of runs that this record changes.
    pub rows: Vec<RunRow>,
}

/// Why one record of a batch was not appended. The others are not touched by it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The key's last sequence is another one.
    #[error("the key is at sequence {actual}")]
    Conflict {
        /// The sequence it is at.
        actual: u64,
    },
    /// Another owner has claimed the partition.
    #[error("another owner has taken over this partition")]
    StaleEpoch,
}

/// A record as read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its sequence in its key, from 1.
    pub sequence: u64,
    /// Its bytes.
    pub record: Vec<u8>,
}

/// A key with work to do, and its records.
#[derive(Debug, Clone)]
pub struct LiveKey {
    /// Pass the last one to go on from here.
    pub cursor: u64,
    /// The key.
    pub key: Key,
    /// All its records in order.
    pub records: Vec<Stored>,
}

/// Records and rows of closed runs that are no longer wanted.
#[derive(Debug, Clone)]
pub struct Trim {
    /// Whose records.
    pub key: Key,
    /// The owner's claim.
    pub epoch: Epoch,
    /// The records to delete; those that are gone already are no error.
    pub sequences: Vec<u64>,
    /// The runs whose rows to delete.
    pub runs: Vec<RunId>,
}

/// The port.
pub trait Log: Send + Sync {
    /// Claims partitions for an owner and gives the epoch that appends must carry from now on.
    fn acquire(&self, partitions: Range<u16>, owner: &str) -> BoxFuture<'_, Result<Epoch, StoreError>>;

    /// Appends records. Each is refused on its own; those that are not are durable when the future resolves.
    /// An error means that nothing is known about the batch and nothing more may be written.
    fn append(&self, batch: Vec<Append>) -> BoxFuture<'_, Result<Vec<Result<u64, Refused>>, StoreError>>;

    /// Records of a key after a sequence, in order.
    fn read(&self, key: &Key, after: u64) -> BoxFuture<'_, Result<Vec<Stored>, StoreError>>;

    /// Keys with work to do, in order of creation, after a cursor (0 to begin), at most `limit`.
    fn live(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<LiveKey>, StoreError>>;

    /// Deletes records and rows of a key, whole and durably. The key's sequence goes on where it was; a key that is left
    /// without any record is forgotten and begins anew.
    fn trim(&self, trim: Trim) -> BoxFuture<'_, Result<Result<(), Refused>, StoreError>>;
}
