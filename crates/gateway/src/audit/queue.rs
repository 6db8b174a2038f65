//! The queue of lines that are not written yet: bounded, and quiet. A line that nobody waits for rings no bell but the first.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_kernel::time::Timestamp;
use tokio::sync::{Notify, oneshot};

use super::record::What;
use super::refusals::{Refusals, Refused};
use crate::limits::{AUDIT_BATCH_LINES, AUDIT_LINGER_MILLIS, AUDIT_QUEUE_LINES_MAX};

/// A line that is to be written.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) at: Timestamp,
    pub(super) what: What,
}

/// Whoever waits until a line is durable; the answer says why it is not.
pub(super) type Waiting = oneshot::Sender<Result<(), String>>;

/// Lines that were not written, together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) count: u64,
    pub(super) since: Timestamp,
    pub(super) why: String,
}

/// What is written at once.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) lost: Option<Lost>,
    pub(super) entries: Vec<Entry>,
    pub(super) waiting: Vec<Waiting>,
    /// How many of the lines somebody waits for.
    pub(super) awaited: usize,
    pub(super) is_last: bool,
}

#[derive(Debug, Default)]
struct State {
    batch: Batch,
    refusals: Refusals,
    is_closed: bool,
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    bell: Notify,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line that nobody waits for. When there is no room it is lost, and counted.
    pub(super) fn push(&self, at: Timestamp, what: What) {
        let mut state = self.lock();
        if state.batch.entries.len() >= AUDIT_QUEUE_LINES_MAX || state.is_closed {
            state.lose(1, at, "too many lines wait to be written");
            return;
        }
        state.batch.entries.push(Entry { at, what });
        let waiting = state.batch.entries.len();
        if waiting == 1 || waiting == AUDIT_BATCH_LINES {
            self.bell.notify_one();
        }
    }

    /// Adds a line and gives what tells when it is durable. Errors: there is no room.
    pub(super) fn push_awaited(
        &self,
        at: Timestamp,
        what: What,
    ) -> Result<oneshot::Receiver<Result<(), String>>, String> {
        let mut state = self.lock();
        if state.is_closed {
            return Err("the server is stopping".to_owned());
        }
        if state.batch.entries.len() >= AUDIT_QUEUE_LINES_MAX {
            return Err("too many lines wait to be written".to_owned());
        }
        let (sender, receiver) = oneshot::channel();
        state.batch.entries.push(Entry { at, what });
        state.batch.awaited += 1;
        state.batch.waiting.push(sender);
        self.bell.notify_one();
        Ok(receiver)
    }

    /// Waits until all lines that are in the queue have been written, or could not be.
    pub(super) async fn flush(&self) {
        let (sender, receiver) = oneshot::channel();
        {
            let mut state = self.lock();
            if state.is_closed {
                return;
            }
            state.batch.waiting.push(sender);
        }
        self.bell.notify_one();
        let _ = receiver.await; // a writer that is gone has written what there was
    }

    /// Notes a refusal: a line of its own, or one more of those that are counted.
    pub(super) fn refuse(&self, at: Timestamp, refused: Refused, line: impl FnOnce() -> What) {
        let is_line = self.lock().refusals.is_line(refused, at);
        if is_line {
            self.push(at, line());
        }
    }

    /// Lines that could not be written after all.
    pub(super) fn lose(&self, count: u64, since: Timestamp, why: &str) {
        self.lock().lose(count, since, why);
    }

    /// When something is to be written next, as far as is known.
    pub(super) fn next(&self) -> Option<Timestamp> {
        let state = self.lock();
        let linger = |entry: &Entry| entry.at.plus(Duration::from_millis(AUDIT_LINGER_MILLIS));
        let first = state.batch.entries.first().map(linger);
        first.into_iter().chain(state.refusals.next()).min()
    }

    /// What is to be written now; nothing when it can wait for more.
    pub(super) fn take(&self, now: Timestamp) -> Option<Batch> {
        let next = self.next();
        let mut state = self.lock();
        let is_urgent = !state.batch.waiting.is_empty() || state.batch.entries.len() >= AUDIT_BATCH_LINES;
        if !is_urgent && !state.is_closed && next.is_none_or(|next| next > now) {
            return None;
        }
        let is_closed = state.is_closed;
        let counted = state.refusals.over(now, is_closed);
        let mut batch = std::mem::take(&mut state.batch);
        batch.entries.extend(counted.into_iter().map(|what| Entry { at: now, what }));
        batch.is_last = is_closed;
        Some(batch)
    }

    /// Resolves when there may be something to write.
    pub(super) async fn rung(&self) {
        self.bell.notified().await;
    }

    /// Takes no further lines; those that are there are written.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.bell.notify_one();
    }
}

impl State {
    fn lose(&mut self, count: u64, since: Timestamp, why: &str) {
        let lost = self.batch.lost.get_or_insert_with(|| Lost { count: 0, since, why: why.to_owned() });
        lost.count += count;
        lost.since = lost.since.min(since);
    }
}
