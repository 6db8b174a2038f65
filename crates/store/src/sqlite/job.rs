//! What the writer is asked to do.

use std::ops::Range;

use nexus_kernel::id::Namespace;
use nexus_kernel::port::StoreError;
use nexus_kernel::port::blob::Hash;
use nexus_kernel::port::event::{Appended, Prune};
use nexus_kernel::port::kv::{KvCheck, KvCommit};
use nexus_kernel::port::log::{Append, Epoch, Refused, Trim};
use tokio::sync::oneshot;

use super::events::Line;
use super::keep::{Done, Keep};
use super::kv::Change;

/// Where an answer goes. Dropping it tells the asker that the store has stopped.
pub(crate) type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// One thing to write. Jobs are carried out in the order of their arrival.
#[derive(Debug)]
pub(crate) enum Job {
    /// Append records.
    Append {
        /// The records.
        batch: Vec<Append>,
        /// What became of each.
        answer: Answer<Vec<Result<u64, Refused>>>,
    },
    /// Claim partitions.
    Acquire {
        /// Which.
        partitions: Range<u16>,
        /// For whom.
        owner: String,
        /// The claim.
        answer: Answer<Epoch>,
    },
    /// Commit key-value pairs.
    Kv {
        /// Where.
        namespace: Namespace,
        /// What must hold.
        checks: Vec<KvCheck>,
        /// What to change.
        changes: Vec<Change>,
        /// What became of it.
        answer: Answer<KvCommit>,
    },
    /// Append events.
    Events {
        /// Where.
        namespace: Namespace,
        /// Which.
        lines: Vec<Line>,
        /// Their places.
        answer: Answer<Vec<Appended>>,
    },
    /// Let go of old events.
    Prune {
        /// Where.
        namespace: Namespace,
        /// Which.
        prune: Prune,
        /// How many there were.
        answer: Answer<u64>,
    },
    /// Keep bytes.
    Blob {
        /// Their hash.
        hash: Hash,
        /// The bytes.
        bytes: Vec<u8>,
        /// When they are durable.
        answer: Answer<()>,
    },
    /// Keep or let go of what is a function's.
    Keep {
        /// What.
        keep: Keep,
        /// What became of it.
        answer: Answer<Done>,
    },
    /// Delete records and rows.
    Trim {
        /// Which.
        trim: Trim,
        /// When they are gone.
        answer: Answer<Result<(), Refused>>,
    },
    /// Delete blobs.
    Release {
        /// Which.
        hashes: Vec<Hash>,
        /// How many there were.
        answer: Answer<u64>,
    },
    /// Finish what came before, tidy up and end.
    Stop,
}

impl Job {
    /// How much of a group it takes up.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Job::Append { batch, .. } => batch.len().max(1),
            Job::Kv { changes, .. } => changes.len().max(1),
            Job::Events { lines, .. } => lines.len().max(1),
            Job::Prune { prune, .. } => prune.limit.max(1),
            Job::Trim { trim, .. } => trim.sequences.len().max(1),
            Job::Release { hashes, .. } => hashes.len().max(1),
            Job::Acquire { .. } | Job::Blob { .. } | Job::Keep { .. } | Job::Stop => 1,
        }
    }
}
