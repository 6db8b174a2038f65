//! What a call gives back: result, log lines, figures.

use nexus_kernel::Json;
use nexus_kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A call that succeeded.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What the function returned; `undefined` is null.
    pub result: Json,
    /// What it logged, in order.
    pub logs: Vec<LogLine>,
    /// What it used.
    pub stats: Stats,
}

/// One line of a function's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// How important.
    pub level: LogLevel,
    /// The text.
    pub message: String,
    /// When, to the millisecond.
    pub at: Timestamp,
}

/// How important a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// For the author.
    Debug,
    /// The usual.
    Info,
    /// Something to look at.
    Warn,
    /// Something is wrong.
    Error,
}

impl LogLevel {
    /// The level of a number of the guest; a number it made up is information.
    pub(crate) fn from_number(number: i32) -> LogLevel {
        match number {
            0 => LogLevel::Debug,
            2 => LogLevel::Warn,
            3 => LogLevel::Error,
            _ => LogLevel::Info,
        }
    }
}

/// What a call used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stats {
    /// Processor time, in microseconds: from getting the instance ready to its answer.
    pub cpu_us: u64,
    /// Host calls and operations.
    pub host_calls: u64,
    /// Slices: one, and one more for each time it waited.
    pub slices: u64,
    /// How often it gave its instance back while it waited.
    pub spills: u64,
    /// Linear memory at the end, in bytes.
    pub memory_bytes: u64,
    /// Bytes passed to and from the host by operations.
    pub passed_bytes: u64,
}
