//! What goes into a machine and comes out of it: run information, events, commands. Hosts store these.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::text::source::Span;
use crate::twf::failure::Failure;

/// What is fixed about a run when it starts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Where it runs.
    pub namespace: String,
    /// Its id, shared by all runs of a chain.
    pub workflow_id: String,
    /// Its own id.
    pub run_id: String,
    /// The workflow, or `Service.Operation` for a synchronous Nexus operation.
    pub workflow_type: String,
    /// Its task queue.
    pub task_queue: String,
    /// From 1, counted over workflow retries.
    pub attempt: u32,
    /// When it started, in milliseconds since 1970.
    pub started_at_ms: i64,
    /// Seed of `uuid()` and `random()`.
    pub seed: u64,
    /// The workflow id of its parent.
    pub parent_id: Option<String>,
    /// Who called a Nexus operation: an object with `namespace`, `workflow_id`, `run_id`, `identity`.
    pub caller: Option<Json>,
    /// What the last run of the same schedule that completed returned; null when there was none.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub last_result: Json,
    /// Why the run before failed: an object with `type`, `message` and the like, or null.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub last_failure: Json,
}

/// The circumstances of one workflow task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskInfo {
    /// What `now()` gives, in milliseconds since 1970: when the task was started, as recorded in history.
    pub now_ms: i64,
    /// Events in history when the task started.
    pub history_length: u64,
    /// Bytes of history when the task started.
    pub history_bytes: u64,
    /// Whether this task is in history already: `log(..)` stays silent.
    pub replaying: bool,
}

/// Something that happened. `seq` is the sequence number of the command it belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// An activity completed.
    ActivityCompleted {
        /// Its command.
        seq: u64,
        /// What it returned.
        result: Json,
    },
    /// An activity failed for good.
    ActivityFailed {
        /// Its command.
        seq: u64,
        /// Why.
        failure: Failure,
    },
    /// A timer fired.
    TimerFired {
        /// Its command.
        seq: u64,
    },
    /// A child workflow has started.
    ChildStarted {
        /// Its command.
        seq: u64,
        /// Its run.
        run_id: String,
    },
    /// A child workflow could not be started.
    ChildStartFailed {
        /// Its command.
        seq: u64,
        /// Why.
        failure: Failure,
    },
    /// A child workflow completed.
    ChildCompleted {
        /// Its command.
        seq: u64,
        /// Its result.
        result: Json,
    },
    /// A child workflow ended in any other way.
    ChildFailed {
        /// Its command.
        seq: u64,
        /// How.
        failure: Failure,
    },
    /// A Nexus operation has been accepted. A detached call needs this to go on.
    NexusStarted {
        /// Its command.
        seq: u64,
    },
    /// A Nexus operation completed.
    NexusCompleted {
        /// Its command.
        seq: u64,
        /// Its result.
        result: Json,
    },
    /// A Nexus operation failed.
    NexusFailed {
        /// Its command.
        seq: u64,
        /// Why.
        failure: Failure,
    },
    /// A signal to another workflow was delivered, or could not be when a failure is given.
    SignalSent {
        /// Its command.
        seq: u64,
        /// Why it could not be delivered.
        failure: Option<Failure>,
    },
    /// A signal for this run: an object by parameter name, a list by position, or the value of the only parameter.
    Signaled {
        /// Its name.
        name: String,
        /// Its arguments.
        input: Json,
    },
    /// An update for this run; it is answered with the same id.
    Updated {
        /// Chosen by the host.
        id: String,
        /// Its name.
        name: String,
        /// Its arguments, as in a signal.
        input: Json,
    },
    /// Somebody asked for this run to be cancelled.
    CancelRequested {
        /// Why.
        reason: String,
    },
}

/// Something to be done. The host performs commands in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// Its identity on replay, from 1. A log line has 0: it is not part of history.
    pub seq: u64,
    /// The statement it came from.
    pub span: Span,
    /// What to do.
    pub kind: CommandKind,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum CommandKind {
    /// Run an activity.
    ScheduleActivity {
        /// Its name.
        name: String,
        /// Arguments in the order of its declared parameters.
        input: Vec<Json>,
        /// How.
        options: ActivityOptions,
    },
    /// Wake the run after a time.
    StartTimer {
        /// Milliseconds, not negative.
        duration_ms: i64,
    },
    /// A timer that nobody waits for any more.
    CancelTimer {
        /// The command that started it.
        timer: u64,
    },
    /// Start a child workflow.
    StartChild {
        /// Its type.
        workflow: String,
        /// Its input, for [`Machine::start`](crate::twf::machine::Machine::start).
        input: Json,
        /// How.
        options: ChildOptions,
        /// Whether nobody waits for its end: the parent-close policy is `ABANDON`.
        detached: bool,
    },
    /// Call a Nexus operation.
    ScheduleNexus {
        /// What is called.
        target: NexusTarget,
        /// Its input, for [`Machine::start`](crate::twf::machine::Machine::start) of what serves it.
        input: Json,
        /// How.
        options: NexusOptions,
        /// Whether nobody waits for its end.
        detached: bool,
    },
    /// Ask for the cancellation of an activity, child or operation.
    RequestCancel {
        /// The command that started it.
        target: u64,
        /// Whether the program waits until it has really ended: its end has to be told then. Otherwise the program goes
        /// on at once, and nothing more is told.
        #[serde(default)]
        wait: bool,
    },
    /// Ask for the cancellation of any workflow of the namespace. No event answers it.
    CancelExternal {
        /// Its type, as written.
        workflow: String,
        /// Its id.
        workflow_id: String,
    },
    /// Send a signal; [`Event::SignalSent`] answers it.
    SendSignal {
        /// To whom.
        target: SignalTarget,
        /// Its name.
        name: String,
        /// Its arguments, as in [`Event::Signaled`].
        input: Json,
    },
    /// An update was accepted: its handler runs.
    AcceptUpdate {
        /// Its id.
        id: String,
    },
    /// An update was refused and leaves no trace.
    RejectUpdate {
        /// Its id.
        id: String,
        /// Why.
        failure: Failure,
    },
    /// An accepted update has its answer.
    CompleteUpdate {
        /// Its id.
        id: String,
        /// The answer.
        outcome: Result<Json, Failure>,
    },
    /// The run ends with a result.
    Complete {
        /// The result.
        result: Json,
    },
    /// The run ends with a failure.
    Fail {
        /// The failure.
        failure: Failure,
    },
    /// The run ends because its cancellation was asked for and took effect.
    Cancel {
        /// What was cancelled.
        failure: Failure,
    },
    /// The run ends and a new one of the same workflow begins.
    ContinueAsNew {
        /// Input of the new run.
        input: Json,
        /// Messages that were handled and that nobody awaited yet: arrival tokens of the new run, in order. The name
        /// of an update has `update ` before it.
        tokens: Vec<(String, Vec<Json>)>,
        /// Signals whose handler had not begun: the new run handles them.
        #[serde(default)]
        unread: Vec<(String, Vec<Json>)>,
    },
    /// A change of the definition is in effect from here on.
    RecordMarker {
        /// Its id.
        patch: String,
        /// Whether the definition does not know the time before the change any more: the program after it need not ask.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        deprecated: bool,
    },
    /// Facts for people, merged into those the run has.
    UpsertMemo {
        /// An object.
        fields: Json,
    },
    /// Facts for searching, merged into those the run has.
    UpsertSearchAttributes {
        /// An object.
        fields: Json,
    },
    /// A text shown with the run.
    SetDetails {
        /// The text.
        text: String,
    },
    /// A line for the run's log.
    Log {
        /// `debug`, `info`, `warn` or `error`.
        level: String,
        /// The line.
        message: String,
    },
}

/// What a Nexus call calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum NexusTarget {
    /// An operation behind an endpoint.
    Operation {
        /// The endpoint, holes filled in.
        endpoint: String,
        /// The service.
        service: String,
        /// The operation.
        operation: String,
    },
    /// The seed's form: a workflow of a namespace, without an endpoint.
    Workflow {
        /// The namespace.
        namespace: String,
        /// The workflow.
        workflow: String,
    },
}

/// To whom a signal goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SignalTarget {
    /// A child that has started.
    Child {
        /// The command that started it.
        seq: u64,
    },
    /// Any workflow of the namespace.
    External {
        /// Its type, as written.
        workflow: String,
        /// Its id.
        workflow_id: String,
    },
}

/// How failures are retried; what is not given has the platform's default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Wait before the second attempt.
    pub initial_interval_ms: Option<i64>,
    /// Factor from one wait to the next.
    pub backoff_coefficient: Option<f64>,
    /// Longest wait.
    pub maximum_interval_ms: Option<i64>,
    /// Attempts with the first; 0 is unlimited.
    pub maximum_attempts: Option<u32>,
    /// Types that are not retried.
    pub non_retryable_error_types: Vec<String>,
}

/// Order among tasks of one queue.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Priority {
    /// 1 is the most urgent.
    pub priority_key: Option<u32>,
    /// Tasks of one key share a weight.
    pub fairness_key: Option<String>,
    /// 0.001 to 1000.
    pub fairness_weight: Option<f64>,
}

/// Options of an activity.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ActivityOptions {
    /// Its queue; the run's own when none.
    pub task_queue: Option<String>,
    /// All attempts and waits together.
    pub schedule_to_close_ms: Option<i64>,
    /// Time in the queue.
    pub schedule_to_start_ms: Option<i64>,
    /// One attempt.
    pub start_to_close_ms: Option<i64>,
    /// Silence while running.
    pub heartbeat_ms: Option<i64>,
    /// Retries.
    pub retry: Option<RetryPolicy>,
    /// Order in the queue.
    pub priority: Option<Priority>,
    /// A key given to the implementation in place of the default one.
    pub idempotency_key: Option<String>,
    /// A line for people.
    pub summary: Option<String>,
    /// `try_cancel`, `wait_cancellation_completed`, `abandon`.
    pub cancellation_type: Option<String>,
    /// Whether it may run in the process of the workflow.
    pub local: bool,
}

/// Options of a child workflow.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ChildOptions {
    /// Its id; always filled in.
    pub workflow_id: String,
    /// Its queue; the run's own when none.
    pub task_queue: Option<String>,
    /// The whole chain.
    pub execution_timeout_ms: Option<i64>,
    /// One run.
    pub run_timeout_ms: Option<i64>,
    /// One workflow task.
    pub task_timeout_ms: Option<i64>,
    /// `TERMINATE`, `REQUEST_CANCEL` or `ABANDON`; always filled in.
    pub parent_close_policy: String,
    /// Against a closed run of the same id.
    pub workflow_id_reuse_policy: Option<String>,
    /// Against a running one.
    pub workflow_id_conflict_policy: Option<String>,
    /// Retries; none by default.
    pub retry: Option<RetryPolicy>,
    /// Order in the queue.
    pub priority: Option<Priority>,
    /// Facts for people.
    pub memo: Option<Json>,
    /// Facts for searching.
    pub search_attributes: Option<Json>,
    /// A line for people.
    pub summary: Option<String>,
    /// How cancellation of the parent reaches it.
    pub cancellation_type: Option<String>,
}

/// Options of a Nexus call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NexusOptions {
    /// All attempts together; no limit when none.
    pub schedule_to_close_ms: Option<i64>,
    /// Until it is started; no limit when none.
    pub schedule_to_start_ms: Option<i64>,
    /// From its start to its end; no limit when none.
    pub start_to_close_ms: Option<i64>,
    /// Retries of the request.
    pub retry: Option<RetryPolicy>,
    /// Order in the queue.
    pub priority: Option<Priority>,
    /// The id of the backing workflow.
    pub workflow_id: Option<String>,
    /// A line for people.
    pub summary: Option<String>,
    /// `abandon` leaves the operation alone when the caller ends.
    pub cancellation_type: Option<String>,
}

/// What a waiting part of a run waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Blocked {
    /// The statement.
    pub span: Span,
    /// What it waits for, as people say it.
    pub reason: String,
    /// The signals that would let it go on.
    pub signals: Vec<String>,
}
