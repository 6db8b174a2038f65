//! What can happen to a pending activity.

use nexus_kernel::Json;
use nexus_kernel::failure::Failure;
use nexus_kernel::retry::RetryPolicy;
use nexus_kernel::time::Timestamp;

/// What can happen to a pending activity beside the end of an attempt in this process.
#[derive(Debug, Clone)]
pub enum ActivityInput {
    /// A worker of this process began an attempt whose silence matters.
    Started {
        /// The attempt.
        ticket: u32,
        /// When.
        at: Timestamp,
    },
    /// An attempt will be completed from outside.
    HandedOver {
        /// The attempt.
        ticket: u32,
        /// When it began.
        started_at: Timestamp,
    },
    /// An attempt says that it is alive.
    Beat {
        /// The attempt; the current one when absent.
        ticket: Option<u32>,
        /// How far it has come; null says nothing new.
        details: Json,
    },
    /// Somebody reports the end of an attempt.
    Reported {
        /// The attempt; the current one when absent.
        ticket: Option<u32>,
        /// How it ended.
        outcome: Outcome,
    },
    /// Let no further attempt begin.
    Pause {
        /// Why.
        reason: String,
    },
    /// Let attempts begin again.
    Unpause {
        /// Count attempts and time anew as well.
        reset_attempts: bool,
        /// Forget what the last attempt said.
        reset_heartbeat: bool,
    },
    /// Count attempts and time anew.
    Reset {
        /// Stay paused.
        keep_paused: bool,
        /// Forget what the last attempt said.
        reset_heartbeat: bool,
    },
    /// Give it other options.
    Update(Box<OptionsPatch>),
}

/// How somebody says that an attempt ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// With a result.
    Completed(Json),
    /// With a failure.
    Failed(Failure),
    /// By heeding a request to cancel.
    Canceled(Json),
}

/// Options to change; those that are absent stay. Zero takes a timeout away.
#[derive(Debug, Clone, Default)]
pub struct OptionsPatch {
    /// Its queue.
    pub task_queue: Option<String>,
    /// One attempt, in milliseconds.
    pub start_to_close_ms: Option<u64>,
    /// All attempts and waits, in milliseconds.
    pub schedule_to_close_ms: Option<u64>,
    /// Time in the queue, in milliseconds.
    pub schedule_to_start_ms: Option<u64>,
    /// Silence, in milliseconds.
    pub heartbeat_ms: Option<u64>,
    /// The whole retry policy.
    pub retry: Option<RetryPolicy>,
}
