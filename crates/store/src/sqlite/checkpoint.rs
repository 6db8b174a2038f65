//! Moving pages from the write-ahead log into the file, beside the commits.
//!
//! A pass on its own connection does not hold up commits, but while they go on it never reaches the end of the log, and
//! only a log that was moved to its end begins anew. So passes follow each other while they shorten the rest, and when
//! the log is long the writer itself moves what little is left, between two groups.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use nexus_kernel::port::StoreError;
use rusqlite::Connection;

use super::fault::Fault;
use super::health::Health;
use super::stats::Counters;

/// Pages that may wait in the log before a pass begins (16 MiB).
const PASS_PAGES: i64 = 4_000;

/// Pages in the log from which on the writer helps to begin it anew (32 MiB); recovery after a crash reads them all.
const LOG_PAGES_MAX: i64 = 8_000;

/// Pages in the log that it never grows beyond (64 MiB): on a machine that is too busy to run the checkpointer, the writer
/// waits for a pass.
const LOG_PAGES_HARD_MAX: i64 = 16_000;

/// A rest that the writer moves in a few milliseconds.
const REST_PAGES: i64 = 300;

/// Passes in a row, at most: on a slow disk each may leave as much as it moved.
const PASSES_MAX: usize = 4;

/// How thorough a checkpoint is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mode {
    /// As much as is possible without waiting for anybody.
    Passive,
    /// Everything, and the log is emptied.
    Truncate,
}

/// Pages in the log, and how many of them are in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) pages: i64,
    pub(crate) moved: i64,
}

/// Runs a checkpoint.
pub(crate) fn checkpoint(connection: &Connection, mode: Mode) -> rusqlite::Result<Progress> {
    let sql = match mode {
        Mode::Passive => "PRAGMA wal_checkpoint(PASSIVE)",
        Mode::Truncate => "PRAGMA wal_checkpoint(TRUNCATE)",
    };
    connection.query_row(sql, [], |row| Ok(Progress { pages: row.get(1)?, moved: row.get(2)? }))
}

/// Why the checkpointer wakes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// Enough pages wait.
    Pages,
    /// The store closes.
    Stop,
}

/// What writer and checkpointer know of the log's length.
#[derive(Debug)]
pub(crate) struct Gauge {
    pages: AtomicI64,
    moved: AtomicI64,
    is_awake: AtomicBool,
    wants_writer: AtomicBool,
    wake: Sender<Wake>,
    pass: Mutex<()>,
}

impl Gauge {
    /// A gauge that wakes the checkpointer through `wake`.
    pub(crate) fn new(wake: Sender<Wake>) -> Gauge {
        Gauge {
            pages: AtomicI64::new(0),
            moved: AtomicI64::new(0),
            is_awake: AtomicBool::new(false),
            wants_writer: AtomicBool::new(false),
            wake,
            pass: Mutex::new(()),
        }
    }

    /// Notes the log's length; SQLite tells it at each commit.
    pub(crate) fn grown(&self, pages: i64) {
        // A shorter log is a new one.
        if self.pages.swap(pages, Relaxed) > pages {
            self.moved.store(0, Relaxed);
        }
    }

    /// After a commit: wakes the checkpointer if it is time. True when the writer has to move the rest.
    pub(crate) fn committed(&self) -> bool {
        let pages = self.pages.load(Relaxed);
        let waiting = pages - self.moved.load(Relaxed);
        if waiting >= PASS_PAGES && !self.is_awake.swap(true, Relaxed) {
            // The checkpointer is gone only when the store stops.
            let _ = self.wake.send(Wake::Pages);
        }
        let is_too_long = pages >= LOG_PAGES_HARD_MAX && waiting > 0;
        self.wants_writer.swap(false, Relaxed) || is_too_long
    }

    /// Moves what can be moved and notes how far that went. A pass that fails stops the store: the pages it could not
    /// synchronise may be gone from the system's memory, and a later pass would not notice.
    pub(crate) fn pass(&self, connection: &Connection, health: &Health) -> Option<Progress> {
        let _alone = self.pass.lock().unwrap_or_else(PoisonError::into_inner);
        match checkpoint(connection, Mode::Passive) {
            Ok(progress) => {
                // Another program may be at it; then there is no figure.
                self.moved.store(progress.moved.max(0), Relaxed);
                Some(progress)
            }
            Err(error) => {
                health.stop(StoreError::from(Fault::from(error)));
                None
            }
        }
    }
}

/// The thread.
pub(crate) struct Checkpointer {
    pub(crate) connection: Connection,
    pub(crate) wake: Receiver<Wake>,
    pub(crate) gauge: Arc<Gauge>,
    pub(crate) health: Arc<Health>,
    pub(crate) counters: Arc<Counters>,
}

impl Checkpointer {
    /// Works until it is told to stop.
    pub(crate) fn run(self) {
        while let Ok(Wake::Pages) = self.wake.recv() {
            if self.health.has_failed() {
                return;
            }
            self.passes();
            self.gauge.is_awake.store(false, Relaxed);
        }
    }

    fn passes(&self) {
        for _ in 0..PASSES_MAX {
            self.counters.checkpointed();
            let Some(progress) = self.gauge.pass(&self.connection, &self.health) else { return };
            let rest = self.gauge.pages.load(Relaxed) - progress.moved;
            let is_long = progress.pages >= LOG_PAGES_MAX;
            if rest <= 0 || !is_long {
                return;
            }
            if rest <= REST_PAGES {
                break;
            }
        }
        self.gauge.wants_writer.store(true, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn the_checkpointer_is_woken_once_per_pass() {
        let (wake, woken) = channel();
        let gauge = Gauge::new(wake);
        gauge.grown(PASS_PAGES - 1);
        assert!(!gauge.committed());
        assert!(woken.try_recv().is_err());
        gauge.grown(PASS_PAGES);
        gauge.committed();
        gauge.committed();
        assert_eq!(woken.try_iter().count(), 1);
    }

    #[test]
    fn a_new_log_has_nothing_moved() {
        let (wake, woken) = channel();
        let gauge = Gauge::new(wake);
        gauge.grown(PASS_PAGES);
        gauge.moved.store(PASS_PAGES, Relaxed);
        gauge.committed();
        assert_eq!(woken.try_iter().count(), 0);
        gauge.grown(1);
        gauge.grown(PASS_PAGES);
        gauge.committed();
        assert_eq!(woken.try_iter().count(), 1);
    }

    #[test]
    fn the_writer_helps_when_the_checkpointer_does_not_come() {
        let (wake, _woken) = channel();
        let gauge = Gauge::new(wake);
        gauge.grown(LOG_PAGES_HARD_MAX - 1);
        assert!(!gauge.committed());
        gauge.grown(LOG_PAGES_HARD_MAX);
        assert!(gauge.committed());
        gauge.moved.store(LOG_PAGES_HARD_MAX, Relaxed);
        assert!(!gauge.committed());
    }
}
