//! What records hold of activities: their options, and changes of a pending one that history does not show.

use nexus_kernel::Json;
use nexus_kernel::retry::RetryPolicy;
use nexus_kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Options of a scheduled activity, every default filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActivityOptions {
    /// Its queue.
    pub task_queue: String,
    /// Longest time of one attempt, in milliseconds.
    pub start_to_close_ms: u64,
    /// Longest time of all attempts and waits, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_to_close_ms: Option<u64>,
    /// Longest time in the queue, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_to_start_ms: Option<u64>,
    /// Longest silence of a running attempt, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_ms: Option<u64>,
    /// When and how often to try again.
    pub retry: RetryPolicy,
    /// Its place among the tasks of its queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// The key that the program chose for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// A line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Whether it is to run in this server, never in an outside worker.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub local: bool,
}

/// A place among the tasks of a queue (language page, section 15.15).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Priority {
    /// 1 is the most urgent, 5 the least; 3 when nobody says.
    pub key: u32,
    /// Tasks of one key share a weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fairness_key: Option<String>,
    /// From 0.001 to 1000; 1 when nobody says.
    pub fairness_weight: f64,
}

impl Default for Priority {
    fn default() -> Priority {
        Priority { key: 3, fairness_key: None, fairness_weight: 1.0 }
    }
}

/// A change of a pending activity that history does not show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum ActivityNote {
    /// Its attempt will be completed from outside: from now on it survives the process.
    HandedOver {
        /// The attempt.
        ticket: u32,
        /// When it began.
        started_at: Timestamp,
    },
    /// Its attempt said that it is alive.
    Heartbeat {
        /// The attempt.
        ticket: u32,
        /// How far it has come.
        #[serde(default, skip_serializing_if = "Json::is_null")]
        details: Json,
        /// When.
        at: Timestamp,
    },
    /// No further attempt begins until somebody unpauses it.
    Paused {
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// Attempts begin again.
    Unpaused {
        /// When.
        at: Timestamp,
    },
    /// Attempts and time are counted anew.
    Reset {
        /// When.
        at: Timestamp,
        /// Whether it stays paused.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        keep_paused: bool,
        /// Whether what the last attempt said is forgotten.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        reset_heartbeat: bool,
        /// Whether an attempt was under way: then the reset waits for its end.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        running: bool,
    },
    /// It has other options, which hold from the next attempt on.
    OptionsUpdated {
        /// All of them.
        options: Box<ActivityOptions>,
    },
    /// The last attempt of one that nobody waits for any more has ended.
    Dropped {},
}
