//! Counters of the store's work, cheap enough to be always on.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What the store has done since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Transactions that changed something. Each waited for the disk once (twice when the write-ahead log began anew).
    pub commits: u64,
    /// Passes that moved pages from the write-ahead log into the file.
    pub checkpoints: u64,
    /// Records appended to the log.
    pub records: u64,
}

/// The counters as the threads share them.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    commits: AtomicU64,
    checkpoints: AtomicU64,
    records: AtomicU64,
}

impl Counters {
    /// One more commit, of so many records.
    pub(crate) fn committed(&self, records: u64) {
        self.commits.fetch_add(1, Relaxed);
        self.records.fetch_add(records, Relaxed);
    }

    /// One more pass.
    pub(crate) fn checkpointed(&self) {
        self.checkpoints.fetch_add(1, Relaxed);
    }

    /// The figures now.
    pub(crate) fn read(&self) -> Stats {
        Stats {
            commits: self.commits.load(Relaxed),
            checkpoints: self.checkpoints.load(Relaxed),
            records: self.records.load(Relaxed),
        }
    }
}
