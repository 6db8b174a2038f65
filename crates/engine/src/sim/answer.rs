//! Who answers in a simulated world: activities always, children and Nexus operations when they are not run in place.

use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::activity::ActivityTask;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::Namespace;
use nexus_kernel::time::Timestamp;

/// How a call ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// How long it takes.
    pub takes: Duration,
    /// Its outcome; nothing when somebody ends it later, or nobody ever does.
    pub outcome: Option<Result<Json, Failure>>,
}

impl Answer {
    /// An outcome without any time passing.
    pub fn now(outcome: Result<Json, Failure>) -> Answer {
        Answer { takes: Duration::ZERO, outcome: Some(outcome) }
    }
}

/// How another run is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteKind {
    /// As a child workflow.
    Child,
    /// As a Nexus operation.
    Nexus,
}

/// A call of another run.
#[derive(Debug, Clone, Copy)]
pub struct Remote<'a> {
    /// How.
    pub kind: RemoteKind,
    /// The workflow; `Service.Operation` for an operation.
    pub name: &'a str,
    /// Its input.
    pub input: &'a Json,
    /// Where the caller runs.
    pub caller: &'a Namespace,
}

/// Who answers.
pub trait Answers {
    /// One attempt of an activity begins.
    fn activity(&mut self, task: &ActivityTask, now: Timestamp) -> Answer;

    /// A child or Nexus operation is called; nothing lets it run in place.
    fn remote(&mut self, call: Remote<'_>, now: Timestamp) -> Option<Answer>;
}
