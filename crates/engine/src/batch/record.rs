//! What is stored of a batch.

use nexus_kernel::Json;
use nexus_kernel::id::{Namespace, RunId};
use nexus_kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::reset::Reapply;

/// Failures that are kept; the others are only counted.
const FAILURES_MAX: usize = 20;

/// What is done. Everything here does nothing more when it is done again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum BatchVerb {
    /// Runs are asked to stop.
    Cancel,
    /// Runs are ended without asking their programs.
    Terminate,
    /// Runs are sent a signal.
    Signal {
        /// The signal.
        name: String,
        /// Its arguments.
        #[serde(default, skip_serializing_if = "Json::is_null")]
        input: Json,
    },
    /// Programs do not go on until further notice.
    Pause,
    /// Programs go on.
    Unpause,
    /// Closed runs are deleted.
    Delete,
    /// Runs, open and closed, are begun anew from an earlier workflow task.
    Reset {
        /// Which task is done again.
        to: ResetPoint,
        /// What came later and is not applied again.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        exclude: Vec<Reapply>,
        /// Whether each goes on with the definition that it had.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        pinned: bool,
    },
}

/// Where the histories of many runs can be cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResetPoint {
    /// The first workflow task of each.
    FirstTask,
    /// The last one.
    LastTask,
    /// The first one that this definition handled, by the beginning of its hash.
    Build(String),
}

/// Which runs are meant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Those of a namespace that fit a filter when the batch begins.
    Filter {
        /// Where.
        namespace: Namespace,
        /// The filter as it was written.
        filter: String,
        /// Where the next page begins.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
    /// These.
    Runs {
        /// In this order.
        runs: Vec<RunId>,
        /// How many have had their turn.
        position: usize,
    },
}

/// What has become of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchState {
    /// It goes on.
    Running,
    /// Every run has had its turn.
    Completed,
    /// Somebody stopped it.
    Stopped,
    /// It could not go on.
    Failed,
}

/// A run to which it could not be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatchFailure {
    /// The run.
    pub run_id: RunId,
    /// The code of the error.
    pub code: String,
    /// What it said.
    pub message: String,
}

/// A batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// Its id.
    pub id: String,
    /// What is done.
    #[serde(flatten)]
    pub verb: BatchVerb,
    /// To which runs.
    pub target: Target,
    /// Why; kept in the histories of the runs.
    pub reason: String,
    /// Runs that have their turn in a second, at most.
    pub per_second: f64,
    /// Runs that have their turn at the same time, at most.
    pub concurrency: usize,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// What has become of it.
    pub state: BatchState,
    /// Why it was stopped, or could not go on.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Runs that it is about.
    pub total: u64,
    /// Runs to which it was done.
    pub done: u64,
    /// Runs to which it could not be done.
    pub failed: u64,
    /// The first of those.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<BatchFailure>,
    /// The page that is being worked on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub page: Vec<RunId>,
}

impl Batch {
    /// Whether it goes on.
    pub fn is_open(&self) -> bool {
        self.state == BatchState::Running
    }

    /// Runs that have not had their turn.
    pub fn left(&self) -> u64 {
        self.total.saturating_sub(self.done + self.failed)
    }

    /// The id of the request that is made of a run: the same however often it is made.
    pub(crate) fn request_id(&self, run: &RunId) -> String {
        format!("batch:{}:{run}", self.id)
    }

    /// It is over.
    pub(super) fn end(&mut self, state: BatchState, at: Timestamp, note: impl Into<String>) {
        (self.state, self.ended_at, self.note) = (state, Some(at), note.into());
        if state == BatchState::Completed {
            // Runs that came or went meanwhile do not count.
            self.total = self.done + self.failed;
        }
    }

    /// A run has had its turn.
    pub(super) fn count(&mut self, run: &RunId, failure: Option<BatchFailure>) {
        self.page.retain(|it| it != run);
        match failure {
            None => self.done += 1,
            Some(failure) => {
                self.failed += 1;
                if self.failures.len() < FAILURES_MAX {
                    self.failures.push(failure);
                }
            }
        }
    }
}
