//! Moving runs between servers: a run's history with its definition as one text, and what becomes of it elsewhere.

pub(crate) mod wire;

use nexus_kernel::id::{Key, RunId};
use nexus_kernel::port::log::Stored;
use nexus_kernel::time::Timestamp;
use serde::Deserialize;

use crate::record::{Event, RunPart, Started};

/// What an import does with a run that was open where it was exported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenRun {
    /// It is refused: two servers would do the same work.
    #[default]
    Refuse,
    /// It goes on here.
    GoOn,
    /// It is terminated here: there is something to look at, and to reset.
    Terminate,
}

impl OpenRun {
    /// The names of all choices.
    pub const NAMES: [&'static str; 3] = ["refuse", "go_on", "terminate"];
}

/// A run as it was exported.
#[derive(Debug, Clone)]
pub struct Exported {
    /// Namespace and workflow id.
    pub key: Key,
    /// The run.
    pub run: RunId,
    /// When it was exported.
    pub at: Timestamp,
    /// The stored form of its definition.
    pub definition: String,
    /// Its whole history, each part with its time.
    pub parts: Vec<RunPart>,
}

impl Exported {
    /// Its started event.
    pub(crate) fn started(&self) -> Option<&Started> {
        match self.parts.first()?.events.first()? {
            Event::WorkflowExecutionStarted(started) => Some(started),
            _ => None,
        }
    }
}

/// An import as the step gets it.
#[derive(Debug, Clone)]
pub struct Import {
    /// What is brought.
    pub run: Exported,
    /// What is done with an open one.
    pub open: OpenRun,
    /// Every record of the key.
    pub records: Vec<Stored>,
}
