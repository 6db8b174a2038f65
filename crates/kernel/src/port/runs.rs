//! The list of runs: a projection of the log that people and programs search.

use serde::{Deserialize, Serialize};

use crate::BoxFuture;
use crate::id::{Key, Namespace, RunId};
use crate::port::StoreError;
use crate::time::Timestamp;

/// What has become of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Open.
    Running,
    /// Closed with a result.
    Completed,
    /// Closed with a failure.
    Failed,
    /// Closed after a cancel request.
    Canceled,
    /// Closed by an operator.
    Terminated,
    /// Closed by starting its successor.
    ContinuedAsNew,
    /// Closed because its time was up.
    TimedOut,
}

impl RunStatus {
    /// Every status.
    pub const ALL: [RunStatus; 7] = [
        RunStatus::Running,
        RunStatus::Completed,
        RunStatus::Failed,
        RunStatus::Canceled,
        RunStatus::Terminated,
        RunStatus::ContinuedAsNew,
        RunStatus::TimedOut,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            RunStatus::Running => "running",
            RunStatus::Completed => "completed",
            RunStatus::Failed => "failed",
            RunStatus::Canceled => "canceled",
            RunStatus::Terminated => "terminated",
            RunStatus::ContinuedAsNew => "continued_as_new",
            RunStatus::TimedOut => "timed_out",
        }
    }

    /// The status of a name on the wire.
    pub fn from_wire(name: &str) -> Option<RunStatus> {
        RunStatus::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// Whether the run can still change.
    pub fn is_open(self) -> bool {
        self == RunStatus::Running
    }
}

/// One run in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Namespace and workflow id.
    pub key: Key,
    /// The run.
    pub run_id: RunId,
    /// Its workflow's name.
    pub workflow: String,
    /// What has become of it.
    pub status: RunStatus,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
}

/// Which runs to list. Runs are listed from the newest to the oldest.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Only this namespace.
    pub namespace: Option<Namespace>,
    /// Only this workflow.
    pub workflow: Option<String>,
    /// Only this status.
    pub status: Option<RunStatus>,
    /// Only runs older than this one: the cursor of the page before.
    pub before: Option<RunId>,
    /// At most this many.
    pub limit: usize,
}

/// The port. Rows are written by [`crate::port::log::Log::append`], so the list is never behind the log.
pub trait Runs: Send + Sync {
    /// The row of a run.
    fn run(&self, run_id: &RunId) -> BoxFuture<'_, Result<Option<RunRow>, StoreError>>;

    /// Rows that fit, newest first.
    fn runs(&self, filter: RunFilter) -> BoxFuture<'_, Result<Vec<RunRow>, StoreError>>;
}
