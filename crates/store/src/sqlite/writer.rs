//! The thread that owns the write connection: group commit.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use nexus_kernel::id::Namespace;
use nexus_kernel::port::StoreError;
use nexus_kernel::port::log::{Append, Refused};
use rusqlite::Connection;

use super::blobs;
use super::checkpoint::{Gauge, Mode, checkpoint};
use super::events;
use super::fault::Fault;
use super::health::Health;
use super::job::{Answer, Job};
use super::keep;
use super::kv::KvWriter;
use super::leases::Leases;
use super::log::LogWriter;
use super::stats::Counters;
use super::usage::{UsageWriter, signed};
use super::vacuum;

/// Records, commits and blobs in one transaction, at most (more only when a single batch is larger).
const GROUP_MAX: usize = 512;

/// An answer that waits for the commit. Not calling it tells the asker that nothing is known.
type Reply = Box<dyn FnOnce()>;

/// The writer. All that it remembers between groups was read from the file when it was opened.
pub(crate) struct Writer {
    /// The one connection that writes.
    pub(crate) connection: Connection,
    /// What is asked of it.
    pub(crate) jobs: Receiver<Job>,
    /// Owners of partitions.
    pub(crate) leases: Leases,
    /// Heads of keys.
    pub(crate) log: LogWriter,
    /// The last version.
    pub(crate) kv: KvWriter,
    /// What the open transaction adds to namespaces.
    pub(crate) usage: UsageWriter,
    /// Shared with everybody.
    pub(crate) health: Arc<Health>,
    /// Shared with everybody.
    pub(crate) counters: Arc<Counters>,
    /// Shared with the checkpointer.
    pub(crate) gauge: Arc<Gauge>,
}

impl Writer {
    /// Works until it is stopped or something fails. A failed commit is never tried again: after a failed
    /// synchronisation the system may have thrown the pages away, and a second attempt would report success.
    pub(crate) fn run(mut self) {
        let mut stopping = false;
        while !stopping {
            let (group, last) = self.next_group();
            stopping = last;
            if self.health.has_failed() {
                return;
            }
            match self.commit(group) {
                Ok(replies) => replies.into_iter().for_each(|reply| reply()),
                Err(_) => return,
            }
            self.after_commit();
        }
        self.finish();
    }

    /// Whatever has queued up while the last group was written, and whether it is the last one.
    fn next_group(&self) -> (Vec<Job>, bool) {
        let mut group = Vec::new();
        let mut weight = 0;
        let mut next = self.jobs.recv().map_err(|_| TryRecvError::Disconnected);
        loop {
            match next {
                Ok(Job::Stop) | Err(TryRecvError::Disconnected) => return (group, true),
                Err(TryRecvError::Empty) => return (group, false),
                Ok(job) => {
                    weight += job.weight();
                    group.push(job);
                }
            }
            if weight >= GROUP_MAX {
                return (group, false);
            }
            next = self.jobs.try_recv();
        }
    }

    /// One transaction, one wait for the disk. The reason of a failure is known before any asker loses its answer.
    fn commit(&mut self, mut group: Vec<Job>) -> Result<Vec<Reply>, StoreError> {
        let mut replies = Vec::with_capacity(group.len());
        let written = self.write(&mut group, &mut replies);
        if let Err(error) = written {
            self.health.stop(error.clone());
            // The transaction is void either way; that this may fail, too, changes nothing.
            let _ = self.connection.execute_batch("ROLLBACK");
            return Err(error);
        }
        Ok(replies)
    }

    fn write(&mut self, group: &mut Vec<Job>, replies: &mut Vec<Reply>) -> Result<(), StoreError> {
        if group.is_empty() {
            return Ok(());
        }
        let changes_before = self.connection.total_changes();
        self.execute("BEGIN IMMEDIATE")?;
        let mut records = 0;
        for job in group.drain(..) {
            replies.push(self.apply(job, &mut records)?);
        }
        self.usage.write(&self.connection).map_err(|error| StoreError::from(Fault::from(error)))?;
        self.execute("COMMIT")?;
        if self.connection.total_changes() != changes_before {
            self.counters.committed(records);
        }
        Ok(())
    }

    fn execute(&self, sql: &str) -> Result<(), StoreError> {
        let done = self.connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
        done.map(|_| ()).map_err(|error| StoreError::from(Fault::from(error)))
    }

    fn apply(&mut self, job: Job, records: &mut u64) -> Result<Reply, StoreError> {
        match job {
            Job::Append { batch, answer } => {
                let outcomes: Result<Vec<_>, _> =
                    batch.into_iter().map(|append| self.append(append)).collect();
                let appended = outcomes.iter().flatten().filter(|outcome| outcome.is_ok()).count();
                *records += appended as u64;
                self.settle(answer, outcomes)
            }
            Job::Acquire { partitions, owner, answer } => {
                let epoch = self.leases.acquire(&self.connection, partitions, &owner);
                self.settle(answer, epoch)
            }
            Job::Kv { namespace, checks, changes, answer } => {
                let outcome = self.kv.commit(&self.connection, &namespace, (&checks, &changes));
                let outcome = self.counted(&namespace, outcome);
                self.settle(answer, outcome)
            }
            Job::Blob { hash, bytes, answer } => {
                let outcome = blobs::put(&self.connection, &hash, &bytes).map_err(Fault::from);
                self.settle(answer, outcome)
            }
            Job::Events { namespace, lines, answer } => {
                let outcome = events::append(&self.connection, &namespace, &lines);
                let outcome = self.counted(&namespace, outcome);
                self.settle(answer, outcome)
            }
            Job::Prune { namespace, prune, answer } => {
                let outcome = events::prune(&self.connection, &namespace, &prune);
                let outcome = self.counted(&namespace, outcome.map(|(count, bytes)| (count, -bytes)));
                self.settle(answer, outcome)
            }
            Job::Keep { keep, answer } => {
                let outcome = keep::apply(&self.connection, &keep);
                self.settle(answer, outcome)
            }
            Job::Trim { trim, answer } => {
                let trimmed = self.log.trim(&self.connection, &self.leases, &trim);
                let outcome =
                    trimmed.map(|outcome| outcome.map(|bytes| self.usage.add(&trim.key.namespace, -bytes)));
                self.settle(answer, outcome)
            }
            Job::Release { hashes, answer } => {
                let outcome = blobs::delete(&self.connection, &hashes).map_err(Fault::from);
                self.settle(answer, outcome)
            }
            Job::Stop => Ok(Box::new(|| ())),
        }
    }

    fn append(&mut self, append: Append) -> Result<Result<u64, Refused>, Fault> {
        let (namespace, bytes) = (append.key.namespace.clone(), signed(append.record.len()));
        let outcome = self.log.append(&self.connection, &self.leases, append)?;
        if outcome.is_ok() {
            self.usage.add(&namespace, bytes);
        }
        Ok(outcome)
    }

    /// Counts the bytes that a change adds to a namespace.
    fn counted<T>(&mut self, namespace: &Namespace, outcome: Result<(T, i64), Fault>) -> Result<T, Fault> {
        outcome.map(|(value, bytes)| {
            self.usage.add(namespace, bytes);
            value
        })
    }

    fn settle<T: 'static>(&self, answer: Answer<T>, outcome: Result<T, Fault>) -> Result<Reply, StoreError> {
        match outcome {
            // The asker may have gone away; what it asked for is done all the same.
            Ok(value) => Ok(Box::new(move || drop(answer.send(Ok(value))))),
            Err(fault) => {
                let error = StoreError::from(fault);
                self.health.stop(error.clone());
                Err(error)
            }
        }
    }

    /// Between two groups: nobody waits for this one any more.
    fn after_commit(&self) {
        if let Err(error) = vacuum::step(&self.connection) {
            self.health.stop(StoreError::from(Fault::from(error)));
            return;
        }
        if self.gauge.committed() {
            self.gauge.pass(&self.connection, &self.health);
            self.counters.checkpointed();
        }
    }

    /// Leaves a file that needs no recovery. Failing at this loses nothing: the log is still there.
    fn finish(self) {
        if checkpoint(&self.connection, Mode::Truncate).is_ok() {
            self.counters.checkpointed();
        }
        if let Err((_, error)) = self.connection.close() {
            tracing::warn!(%error, "the store was not closed cleanly");
        }
    }
}
