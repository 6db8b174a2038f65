//! Records: what the log holds. One record is one state transition, complete in itself.
//!
//! The vocabulary of events is Temporal's (language page, section 15.1), less what an interpreter inside the server
//! makes needless: a workflow task is scheduled, started and completed within one transition, so only its completion
//! is written. That event ends a batch: replay hands the machine the same batches.

pub(crate) use crate::options::is_default;
pub use crate::options::{IdConflictPolicy, IdReusePolicy, Priority, RunOptions, StartOptions, TraceRecord};

use nexus_kernel::Json;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::{Key, Namespace, RunId, WorkflowId};
use nexus_kernel::port::blob::Hash;
use nexus_kernel::retry::{RetryPolicy, RetryState};
use nexus_kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

pub use crate::activity::record::{ActivityNote, ActivityOptions};
pub use crate::nexus::record::{Callback, CallerInfo, Handling, LinkRecord, OperationTarget, Performer};
pub use crate::reset::record::{Copied, Reapply, ResetFrom, ResetTo};
use crate::schedule::Schedule;

/// The version this code writes. A record of another version is refused, never guessed at.
pub const VERSION: u8 = 1;

/// One transition of one key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`VERSION`].
    pub v: u8,
    /// When it was decided.
    pub at: Timestamp,
    /// What happened, run by run; two runs when one continues as another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<RunPart>,
    /// What a schedule has become, when the key is that of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Box<Schedule>>,
}

/// What a transition did to one run. A record may hold several parts of one run when most of them are copies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunPart {
    /// The run.
    pub run: RunId,
    /// Id of the first event.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub first: u64,
    /// Where the part comes from, when another run had it first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copied: Option<Copied>,
    /// History events; their ids follow on from `first`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Event>,
    /// Changes of state that are no part of history.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// A change of state that history does not show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum Note {
    /// An attempt failed and another will be made. History shows the last attempt only.
    AttemptFailed {
        /// The activity.
        seq: u64,
        /// The attempt that failed, from 1, counted over resets.
        attempt: u32,
        /// Why.
        failure: Failure,
        /// When the next attempt begins.
        next_at: Timestamp,
        /// What it said last, when that has not been recorded.
        #[serde(default, skip_serializing_if = "Json::is_null")]
        heartbeat: Json,
    },
    /// Something else happened to a pending activity.
    Activity {
        /// The activity.
        seq: u64,
        /// What.
        #[serde(flatten)]
        what: ActivityNote,
    },
    /// A child or operation was started when this run had closed already.
    StartedLate {
        /// The command.
        seq: u64,
        /// Who carries it out.
        by: Performer,
    },
    /// Something that is to reach somebody outside has not reached them, and will be tried again.
    DeliveryFailed {
        /// What.
        intent: IntentId,
        /// How often it has been tried.
        attempt: u32,
        /// Why it failed the last time.
        failure: Failure,
        /// When it is tried again.
        next_at: Timestamp,
    },
    /// An operator asked for the cancellation of a pending operation.
    OperationCancelRequested {
        /// The command.
        seq: u64,
    },
    /// The run was brought from another server.
    Imported {
        /// When.
        at: Timestamp,
        /// When it was exported there.
        exported_at: Timestamp,
    },
    /// An effect has reached its target and need not be repeated.
    Delivered {
        /// Which.
        intent: IntentId,
    },
    /// The run goes on with another definition, which does what its history says.
    DefinitionChanged {
        /// The definition.
        definition: Hash,
    },
    /// The run keeps its definition: another one does not do what its history says.
    DefinitionRefused {
        /// The other definition.
        definition: Hash,
        /// The first event that differs, and where.
        failure: Failure,
    },
}

/// Names an undelivered effect of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentId {
    /// Start the child or Nexus operation of this command.
    Start(u64),
    /// Tell whoever started this run how it ended.
    Report,
    /// End the child or operation of this command because its parent has closed.
    Stop(u64),
    /// Tell this one of those who were attached to the run how it ended.
    Tell(u64),
    /// Send the signal of this command.
    Signal(u64),
    /// Send the cancel request of this command to a run that this one did not start.
    Cancel(u64),
    /// Ask the child or operation of this command, which another run started, to tell this one of its end.
    Attach(u64),
    /// Bring the end to this one of the callbacks of those who called from outside.
    Complete(u64),
}

/// Who started a run from another run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// Key of the starter.
    pub key: Key,
    /// Run of the starter.
    pub run: RunId,
    /// The starter's command.
    pub seq: u64,
    /// How it was started.
    pub kind: OriginKind,
    /// Whether the starter wants to hear of the end.
    pub reports: bool,
    /// The run at the top of the starter's tree, unless that is the starter itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<(WorkflowId, RunId)>,
}

/// How a run was started from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OriginKind {
    /// As a child workflow.
    Child,
    /// As a Nexus operation.
    Nexus,
    /// By a schedule, whose instance stands for the run and whose action's number for the command.
    Schedule,
}

/// The attempt that follows a run which ended badly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retrying {
    /// The next run of the chain.
    pub new_run: RunId,
    /// When its first workflow task begins.
    pub at: Timestamp,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_first(attempt: &u32) -> bool {
    *attempt == 1
}

fn first() -> u32 {
    1
}

/// What a started event holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// The workflow's name.
    pub workflow: String,
    /// The definition the run is pinned to.
    pub definition: Hash,
    /// Version of the interpreter that runs it.
    pub interpreter: u32,
    /// The input by parameter name.
    pub input: Json,
    /// Queue of its activities unless a call says otherwise.
    pub task_queue: String,
    /// Equal ids start one run.
    pub request_id: String,
    /// Who started it, when another run did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// The run it continues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continued_from: Option<RunId>,
    /// Signals that arrived before and that nobody has awaited yet, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<(String, Vec<Json>)>,
    /// Signals that the run before had not begun to handle, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<(String, Vec<Json>)>,
    /// The first run of the chain, when this one continues another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_run: Option<RunId>,
    /// When the run's time is up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_deadline: Option<Timestamp>,
    /// What its starter noted: an object, or null.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub memo: Json,
    /// What it can be searched by: an object of names and values, or null.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub search_attributes: Json,
    /// When the time of the whole chain is up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_deadline: Option<Timestamp>,
    /// When its first workflow task begins, when that has to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_task_at: Option<Timestamp>,
    /// Which attempt of its retry policy it is, from 1.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub attempt: u32,
    /// Why the attempt before it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<Failure>,
    /// What the last run of the same schedule that completed returned.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub last_result: Json,
    /// Who else wants to hear of the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attached: Vec<Origin>,
    /// The Nexus operation that it carries out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Box<Handling>>,
    /// Where callers from outside want to hear of the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub callbacks: Vec<Callback>,
    /// Options that the chain keeps.
    #[serde(default, skip_serializing_if = "is_default")]
    pub options: RunOptions,
    /// The run whose history it took over, when it was made by a reset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<Box<ResetFrom>>,
}

impl Default for Started {
    /// A run of nothing, as a base for those that say what they are.
    fn default() -> Started {
        Started {
            workflow: String::new(),
            definition: Hash::of(&[]),
            interpreter: 0,
            input: Json::Null,
            task_queue: String::new(),
            request_id: String::new(),
            origin: None,
            continued_from: None,
            tokens: Vec::new(),
            unread: Vec::new(),
            first_run: None,
            run_deadline: None,
            memo: Json::Null,
            search_attributes: Json::Null,
            execution_deadline: None,
            first_task_at: None,
            attempt: 1,
            last_failure: None,
            last_result: Json::Null,
            attached: Vec::new(),
            operation: None,
            callbacks: Vec::new(),
            options: RunOptions::default(),
            reset: None,
        }
    }
}

/// What becomes of a child when its parent closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParentClosePolicy {
    /// It is terminated.
    Terminate,
    /// It is asked to cancel.
    RequestCancel,
    /// It goes on.
    Abandon,
}

/// An event of a history. `seq` is the number of the run's command that an event belongs to; `at` is the statement,
/// `file:line:column`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Event {
    /// The run exists.
    WorkflowExecutionStarted(Box<Started>),
    /// Closed with a result.
    WorkflowExecutionCompleted { result: Json, at: String },
    /// Closed with a failure.
    WorkflowExecutionFailed {
        failure: Failure,
        at: String,
        /// The attempt that follows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry: Option<Retrying>,
        /// Why none follows, when there is a policy.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_state: Option<RetryState>,
    },
    /// Closed because its time was up.
    WorkflowExecutionTimedOut {
        /// The attempt that follows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry: Option<Retrying>,
    },
    /// A start got this run because it was open, and wants to hear of its end: in another run, or outside.
    WorkflowExecutionOptionsUpdated {
        request_id: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attached: Option<Origin>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        callback: Option<Box<Callback>>,
    },
    /// Somebody asked it to stop.
    WorkflowExecutionCancelRequested { reason: String },
    /// An operator stopped its program for now: what happens is kept for later.
    WorkflowExecutionPaused { reason: String },
    /// The program goes on.
    WorkflowExecutionUnpaused { reason: String },
    /// Closed after a cancel request.
    WorkflowExecutionCanceled { reason: String },
    /// Closed by an operator or a closing parent.
    WorkflowExecutionTerminated {
        reason: String,
        /// The run that goes on in its stead, when it was ended by a reset.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reset: Option<Box<ResetTo>>,
    },
    /// Closed by starting its successor.
    WorkflowExecutionContinuedAsNew {
        new_run: RunId,
        input: Json,
        /// Signals that nobody has awaited yet, by name.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tokens: Vec<(String, Vec<Json>)>,
        /// Signals whose handler had not begun, by name.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unread: Vec<(String, Vec<Json>)>,
        at: String,
    },
    /// A message arrived.
    WorkflowExecutionSignaled { name: String, input: Json, request_id: String },
    /// An update arrived and was not refused: its handler runs. One that is refused leaves no trace.
    WorkflowExecutionUpdateAccepted { id: String, name: String, input: Json },
    /// An update has its answer: a result, or why there is none.
    WorkflowExecutionUpdateCompleted {
        seq: u64,
        id: String,
        #[serde(default, skip_serializing_if = "Json::is_null")]
        result: Json,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
        at: String,
    },
    /// The program took in everything before this event; what follows are its commands.
    WorkflowTaskCompleted {},
    /// The program could not go on; the run stays open. With a failure of the kind `reset` the run begins here: the
    /// task is done anew.
    WorkflowTaskFailed { failure: Failure },
    /// An activity is to be carried out.
    ActivityTaskScheduled {
        seq: u64,
        activity: String,
        input: Vec<Json>,
        options: ActivityOptions,
        at: String,
    },
    /// The attempt that ended the activity began. Written with its end.
    ActivityTaskStarted {
        seq: u64,
        attempt: u32,
        started_at: Timestamp,
        /// Why the attempt before failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last_failure: Option<Failure>,
    },
    /// The activity has a result.
    ActivityTaskCompleted { seq: u64, result: Json },
    /// The activity failed for good.
    ActivityTaskFailed { seq: u64, failure: Failure, retry_state: RetryState },
    /// The activity ran out of time for good.
    ActivityTaskTimedOut { seq: u64, failure: Failure, retry_state: RetryState },
    /// The activity ended because its cancellation was asked for.
    ActivityTaskCanceled { seq: u64, failure: Failure },
    /// A timer runs.
    TimerStarted { seq: u64, fire_at: Timestamp, at: String },
    /// A timer's time has come.
    TimerFired { seq: u64 },
    /// Nobody waits for a timer any more.
    TimerCanceled { seq: u64 },
    /// A child workflow is to be started.
    StartChildWorkflowExecutionInitiated {
        seq: u64,
        workflow: String,
        workflow_id: WorkflowId,
        input: Json,
        parent_close_policy: ParentClosePolicy,
        #[serde(default, skip_serializing_if = "is_default")]
        options: Box<StartOptions>,
        detached: bool,
        at: String,
    },
    /// The child could not be started.
    StartChildWorkflowExecutionFailed { seq: u64, failure: Failure },
    /// The child runs.
    ChildWorkflowExecutionStarted { seq: u64, namespace: Namespace, workflow_id: WorkflowId, run: RunId },
    /// The child has a result.
    ChildWorkflowExecutionCompleted { seq: u64, result: Json },
    /// The child failed, was cancelled, terminated or ran out of time, as the failure's cause says.
    ChildWorkflowExecutionFailed { seq: u64, failure: Failure },
    /// A Nexus operation is to be started.
    NexusOperationScheduled {
        seq: u64,
        #[serde(flatten)]
        target: OperationTarget,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        workflow_id: Option<WorkflowId>,
        input: Json,
        /// When all its time is over.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
        /// When it must have been started.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        start_deadline: Option<Timestamp>,
        /// How long it may take from its start, in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        start_to_close_ms: Option<u64>,
        /// How requests to outside are tried again, where not as the server does it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry: Option<RetryPolicy>,
        detached: bool,
        /// Whether the operation is left alone when this run closes.
        #[serde(default, skip_serializing_if = "is_false")]
        abandon: bool,
        #[serde(default, skip_serializing_if = "is_default")]
        options: Box<StartOptions>,
        at: String,
    },
    /// The operation's handler runs.
    NexusOperationStarted {
        seq: u64,
        #[serde(flatten)]
        by: Performer,
        /// When it has taken too long from here on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
    },
    /// The operation has a result.
    NexusOperationCompleted { seq: u64, result: Json },
    /// The operation failed or was refused.
    NexusOperationFailed { seq: u64, failure: Failure },
    /// The operation ran out of time.
    NexusOperationTimedOut { seq: u64, failure: Failure },
    /// A signal is to be sent to another run.
    SignalExternalWorkflowExecutionInitiated {
        seq: u64,
        workflow_id: WorkflowId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target_namespace: Option<Namespace>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
        name: String,
        input: Json,
        at: String,
    },
    /// The signal is in the other run's history.
    ExternalWorkflowExecutionSignaled { seq: u64 },
    /// The signal could not be delivered.
    SignalExternalWorkflowExecutionFailed { seq: u64, failure: Failure },
    /// A run that this one did not start is to be cancelled.
    RequestCancelExternalWorkflowExecutionInitiated { seq: u64, workflow_id: WorkflowId, at: String },
    /// The program asked whether a change of its definition is in effect, and it is from here on. A deprecated marker is
    /// one that later definitions need not ask for: it has no number, and nothing is missed when it is passed over.
    MarkerRecorded {
        patch: String,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        deprecated: bool,
        at: String,
    },
    /// The program noted something about its run: `memo` fields or a text of `details`.
    WorkflowPropertiesModified {
        seq: u64,
        #[serde(default, skip_serializing_if = "Json::is_null")]
        memo: Json,
        #[serde(default, skip_serializing_if = "Json::is_null")]
        details: Json,
        at: String,
    },
    /// The program set attributes that runs can be searched by.
    UpsertWorkflowSearchAttributes { seq: u64, attributes: Json, at: String },
    /// The program asked for the cancellation of a command. Unless it waits for the end, it no longer wants the outcome.
    CommandCancelRequested {
        seq: u64,
        /// Whether the program waits for the real end.
        #[serde(default, skip_serializing_if = "is_false")]
        wait: bool,
        at: String,
    },
}

impl Record {
    /// The bytes that are stored.
    pub fn encode(&self) -> Vec<u8> {
        // Maps with text keys and plain values always have a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads stored bytes back.
    pub fn decode(bytes: &[u8]) -> Result<Record, String> {
        let record: Record = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if record.v == VERSION {
            Ok(record)
        } else {
            Err(format!("record version {} is not {VERSION}", record.v))
        }
    }
}

impl Event {
    /// Whether it is the last one of its run.
    pub fn closes(&self) -> bool {
        matches!(
            self,
            Event::WorkflowExecutionCompleted { .. }
                | Event::WorkflowExecutionFailed { .. }
                | Event::WorkflowExecutionTimedOut { .. }
                | Event::WorkflowExecutionCanceled { .. }
                | Event::WorkflowExecutionTerminated { .. }
                | Event::WorkflowExecutionContinuedAsNew { .. }
        )
    }

    /// The event's name.
    pub fn name(&self) -> &'static str {
        match self {
            Event::WorkflowExecutionStarted(_) => "WorkflowExecutionStarted",
            Event::WorkflowExecutionCompleted { .. } => "WorkflowExecutionCompleted",
            Event::WorkflowExecutionFailed { .. } => "WorkflowExecutionFailed",
            Event::WorkflowExecutionTimedOut { .. } => "WorkflowExecutionTimedOut",
            Event::WorkflowExecutionOptionsUpdated { .. } => "WorkflowExecutionOptionsUpdated",
            Event::WorkflowExecutionCancelRequested { .. } => "WorkflowExecutionCancelRequested",
            Event::WorkflowExecutionPaused { .. } => "WorkflowExecutionPaused",
            Event::WorkflowExecutionUnpaused { .. } => "WorkflowExecutionUnpaused",
            Event::WorkflowExecutionCanceled { .. } => "WorkflowExecutionCanceled",
            Event::WorkflowExecutionTerminated { .. } => "WorkflowExecutionTerminated",
            Event::WorkflowExecutionContinuedAsNew { .. } => "WorkflowExecutionContinuedAsNew",
            Event::WorkflowExecutionSignaled { .. } => "WorkflowExecutionSignaled",
            Event::WorkflowExecutionUpdateAccepted { .. } => "WorkflowExecutionUpdateAccepted",
            Event::WorkflowExecutionUpdateCompleted { .. } => "WorkflowExecutionUpdateCompleted",
            Event::WorkflowTaskCompleted {} => "WorkflowTaskCompleted",
            Event::WorkflowTaskFailed { .. } => "WorkflowTaskFailed",
            Event::ActivityTaskScheduled { .. } => "ActivityTaskScheduled",
            Event::ActivityTaskStarted { .. } => "ActivityTaskStarted",
            Event::ActivityTaskCompleted { .. } => "ActivityTaskCompleted",
            Event::ActivityTaskFailed { .. } => "ActivityTaskFailed",
            Event::ActivityTaskTimedOut { .. } => "ActivityTaskTimedOut",
            Event::ActivityTaskCanceled { .. } => "ActivityTaskCanceled",
            Event::TimerStarted { .. } => "TimerStarted",
            Event::TimerFired { .. } => "TimerFired",
            Event::TimerCanceled { .. } => "TimerCanceled",
            Event::StartChildWorkflowExecutionInitiated { .. } => "StartChildWorkflowExecutionInitiated",
            Event::StartChildWorkflowExecutionFailed { .. } => "StartChildWorkflowExecutionFailed",
            Event::ChildWorkflowExecutionStarted { .. } => "ChildWorkflowExecutionStarted",
            Event::ChildWorkflowExecutionCompleted { .. } => "ChildWorkflowExecutionCompleted",
            Event::ChildWorkflowExecutionFailed { .. } => "ChildWorkflowExecutionFailed",
            Event::NexusOperationScheduled { .. } => "NexusOperationScheduled",
            Event::NexusOperationStarted { .. } => "NexusOperationStarted",
            Event::NexusOperationCompleted { .. } => "NexusOperationCompleted",
            Event::NexusOperationFailed { .. } => "NexusOperationFailed",
            Event::NexusOperationTimedOut { .. } => "NexusOperationTimedOut",
            Event::SignalExternalWorkflowExecutionInitiated { .. } => {
                "SignalExternalWorkflowExecutionInitiated"
            }
            Event::ExternalWorkflowExecutionSignaled { .. } => "ExternalWorkflowExecutionSignaled",
            Event::SignalExternalWorkflowExecutionFailed { .. } => "SignalExternalWorkflowExecutionFailed",
            Event::RequestCancelExternalWorkflowExecutionInitiated { .. } => {
                "RequestCancelExternalWorkflowExecutionInitiated"
            }
            Event::MarkerRecorded { .. } => "MarkerRecorded",
            Event::WorkflowPropertiesModified { .. } => "WorkflowPropertiesModified",
            Event::UpsertWorkflowSearchAttributes { .. } => "UpsertWorkflowSearchAttributes",
            Event::CommandCancelRequested { .. } => "CommandCancelRequested",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_kernel::memory::rng::SeededRng;
    use serde_json::json;

    fn record() -> Record {
        let run = RunId::generate(Timestamp::from_millis(1_700_000_000_000), &SeededRng::new(1));
        let key = Key { namespace: Namespace::default(), workflow_id: WorkflowId::new("parent").unwrap() };
        let origin =
            Origin { key, run: run.clone(), seq: 4, kind: OriginKind::Nexus, reports: true, root: None };
        let started = Started {
            workflow: "Checkout".into(),
            definition: Hash::of(b"definition"),
            interpreter: 1,
            input: json!({ "n": 1 }),
            task_queue: "orders".into(),
            request_id: "r-1".into(),
            origin: Some(origin),
            ..Started::default()
        };
        let options = ActivityOptions {
            task_queue: "orders".into(),
            start_to_close_ms: 10_000,
            schedule_to_close_ms: None,
            schedule_to_start_ms: None,
            heartbeat_ms: Some(5_000),
            retry: RetryPolicy::default(),
            priority: Some(crate::activity::record::Priority::default()),
            idempotency_key: None,
            summary: None,
            local: false,
        };
        let (endpoint, service, operation) = ("Ep".to_owned(), "Payments".to_owned(), "Charge".to_owned());
        let events = vec![
            Event::WorkflowExecutionStarted(Box::new(started)),
            Event::WorkflowTaskCompleted {},
            Event::ActivityTaskScheduled {
                seq: 1,
                activity: "Reserve".into(),
                input: vec![json!(1)],
                options,
                at: "shop.twf:3:5".into(),
            },
            Event::NexusOperationScheduled {
                seq: 2,
                target: OperationTarget::Endpoint { endpoint, service, operation },
                workflow_id: None,
                input: json!({}),
                deadline: Some(Timestamp::from_millis(5)),
                start_deadline: Some(Timestamp::from_millis(4)),
                start_to_close_ms: Some(3),
                retry: None,
                detached: false,
                abandon: false,
                options: Box::default(),
                at: "shop.twf:4:5".into(),
            },
            Event::ActivityTaskFailed {
                seq: 1,
                failure: Failure::application("OutOfStock", "none left"),
                retry_state: RetryState::NonRetryableFailure,
            },
        ];
        let notes = vec![
            Note::Delivered { intent: IntentId::Start(2) },
            Note::Delivered { intent: IntentId::Report },
            Note::Activity { seq: 1, what: ActivityNote::Unpaused { at: Timestamp::from_millis(6) } },
        ];
        Record {
            v: VERSION,
            at: Timestamp::from_millis(7),
            runs: vec![RunPart { run, first: 1, copied: None, events, notes }],
            schedule: None,
        }
    }

    #[test]
    fn the_stored_form_is_stable() {
        insta::assert_json_snapshot!(record());
    }

    #[test]
    fn what_is_written_reads_back() {
        assert_eq!(Record::decode(&record().encode()).unwrap(), record());
    }

    #[test]
    fn other_versions_and_damage_are_refused() {
        let mut newer = record();
        newer.v = VERSION + 1;
        assert!(Record::decode(&newer.encode()).unwrap_err().contains("version"));
        let bytes = record().encode();
        for cut in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            assert!(Record::decode(&bytes[..cut]).is_err());
        }
    }
}
