//! The list of runs: a projection of the log that people and programs search.

use serde::{Deserialize, Serialize};

use crate::id::{Key, Namespace, RunId, WorkflowId};
use crate::port::StoreError;
use crate::port::blob::Hash;
use crate::time::Timestamp;
use crate::visibility::{
    Attribute, AttributeType, Attributes, Comparison, Filter, Group, Order, RunCount, RunQuery, Scalar,
    SystemAttribute, Test,
};
use crate::{BoxFuture, Json};

/// What has become of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Open.
    Running,
    /// Open, but an operator has stopped its program for now.
    Paused,
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
    pub const ALL: [RunStatus; 8] = [
        RunStatus::Running,
        RunStatus::Paused,
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
            RunStatus::Paused => "paused",
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
        matches!(self, RunStatus::Running | RunStatus::Paused)
    }
}

/// Another run, as a run names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRef {
    /// Its workflow id.
    pub workflow_id: WorkflowId,
    /// Its run id.
    pub run_id: RunId,
}

/// How long a closed run's history became.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistorySize {
    /// Its events.
    pub events: u64,
    /// Bytes of the records it took part in.
    pub bytes: u64,
    /// Those records.
    pub transitions: u64,
}

/// One run in the list. It is written when the run starts, when it closes, and when its program sets memo fields or
/// search attributes.
#[derive(Debug, Clone, PartialEq)]
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
    /// When its first task was due.
    pub execution_at: Timestamp,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// Queue of its activities.
    pub task_queue: String,
    /// The definition it is pinned to.
    pub definition: Option<Hash>,
    /// How long its history became; absent while it is open.
    pub history: Option<HistorySize>,
    /// The run that started it.
    pub parent: Option<RunRef>,
    /// The run at the top of its tree, unless that is itself.
    pub root: Option<RunRef>,
    /// What its starter and program noted: an object, or null.
    pub memo: Json,
    /// What it can be searched by.
    pub attributes: Attributes,
}

impl RunRow {
    /// The row of a run that has just been started and of which nothing else is known.
    pub fn started(key: Key, run_id: RunId, workflow: impl Into<String>, at: Timestamp) -> RunRow {
        RunRow {
            key,
            run_id,
            workflow: workflow.into(),
            status: RunStatus::Running,
            started_at: at,
            execution_at: at,
            closed_at: None,
            task_queue: String::new(),
            definition: None,
            history: None,
            parent: None,
            root: None,
            memo: Json::Null,
            attributes: Attributes::default(),
        }
    }
}

/// A custom attribute that was set on a run: namespace, name, and the type that it had first.
pub type UsedAttribute = (Namespace, String, AttributeType);

/// The simple questions: which runs of a namespace, workflow and status, from the newest to the oldest.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Only this namespace.
    pub namespace: Option<Namespace>,
    /// Only this workflow.
    pub workflow: Option<String>,
    /// Only this status.
    pub status: Option<RunStatus>,
    /// Only runs older than this one.
    pub before: Option<RunId>,
    /// At most this many.
    pub limit: usize,
}

impl From<RunFilter> for RunQuery {
    fn from(simple: RunFilter) -> RunQuery {
        let before = simple.before.map(|before| {
            let run_id = Scalar::Text(before.as_str().to_owned());
            let older = Test::Compare(Comparison::Less, run_id);
            Filter::Test(Attribute::System(SystemAttribute::RunId), older)
        });
        let workflow = simple.workflow.map(|workflow| Filter::is(SystemAttribute::WorkflowType, workflow));
        let conditions = [workflow, simple.status.map(Filter::status), before];
        RunQuery {
            namespace: simple.namespace,
            filter: conditions.into_iter().fold(None, Filter::both),
            order: Order::newest_first(),
            after: None,
            limit: simple.limit,
        }
    }
}

/// The port. Rows are written by [`crate::port::log::Log::append`], in the transaction of the record that they follow
/// from, so whoever reads after an acknowledged write sees it.
pub trait Runs: Send + Sync {
    /// The row of a run.
    fn run(&self, run_id: &RunId) -> BoxFuture<'_, Result<Option<RunRow>, StoreError>>;

    /// Rows that fit, in the order that is asked for.
    fn runs(&self, query: RunQuery) -> BoxFuture<'_, Result<Vec<RunRow>, StoreError>>;

    /// How many runs fit: one figure, or one for each value of the group, the largest first, at most
    /// [`crate::visibility::query::GROUPS_MAX`] and one more.
    fn count(&self, count: RunCount) -> BoxFuture<'_, Result<Vec<Group>, StoreError>>;

    /// Which custom attributes were ever set on runs, and the type that each had first, in order of namespaces and names.
    fn attribute_types(&self) -> BoxFuture<'_, Result<Vec<UsedAttribute>, StoreError>>;
}
