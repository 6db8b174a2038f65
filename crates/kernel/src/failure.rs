//! The failure model: why work failed, as a chain of causes, and whether trying again can help.
//!
//! Source: language page section 15.18 and 15.3. A failure is data: it is stored in histories, crosses namespaces and
//! is bound to names in programs.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Json;
use crate::id::{Namespace, RunId, WorkflowId};
use crate::retry::RetryState;

/// One link of a cause chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Which part of the system says so.
    pub kind: FailureKind,
    /// The error's type: the name a program catches it by.
    #[serde(rename = "type")]
    pub type_name: String,
    /// For people.
    pub message: String,
    /// Values the failing code attached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<Json>,
    /// True when trying again cannot help.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub non_retryable: bool,
    /// True when it is a part of normal life that nobody needs to be warned of.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub benign: bool,
    /// What only some failures have. In a box, because most have nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info: Option<Box<FailureInfo>>,
    /// Where in the user's source it happened, `file:line:column`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Box<Failure>>,
    /// What failed beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<Box<Suppressed>>,
}

/// What only some failures have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureInfo {
    /// The failure of an activity: which one, and why there was no further attempt.
    Activity(ActivityInfo),
    /// The failure of a child workflow: which run it was, and why there was no further attempt.
    ChildWorkflow(RemoteInfo),
    /// The failure of a Nexus operation: which run carried it out, and why there was no further attempt.
    NexusOperation(RemoteInfo),
    /// The failure of an attempt: how long to wait before the next one, in place of what the retry policy says, in
    /// milliseconds.
    NextRetryDelayMs(u64),
}

/// What a failed activity was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActivityInfo {
    /// Its name.
    pub name: String,
    /// The number of its command.
    pub activity_id: u64,
    /// Attempts that were made.
    pub attempt: u32,
    /// Why there was no further one.
    pub retry_state: RetryState,
}

/// Which run a failed child or Nexus operation was: the last of its chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RemoteInfo {
    /// Where.
    pub namespace: Namespace,
    /// Its workflow id.
    pub workflow_id: WorkflowId,
    /// The run.
    pub run_id: RunId,
    /// Why there was no further one.
    pub retry_state: RetryState,
}

/// Failures beside another one: of the other branches of the same `await all`, in source order. Behind a pointer,
/// because nearly every failure has none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Suppressed(pub Vec<Failure>);

/// Which part of the system a failure speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// User code failed on purpose or by an exception.
    Application,
    /// A deadline passed; the type says which, for example `TemporalTimeout:StartToClose`.
    Timeout,
    /// Cancelled on request.
    Canceled,
    /// Ended by an operator.
    Terminated,
    /// The server could not do its part.
    Server,
    /// An activity failed for good; the cause says why.
    Activity,
    /// A child workflow failed; the cause says why.
    ChildWorkflow,
    /// A Nexus operation failed; the cause says why.
    NexusOperation,
    /// The work was begun anew from an earlier place of its history.
    Reset,
}

impl FailureKind {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureKind::Application => "application",
            FailureKind::Timeout => "timeout",
            FailureKind::Canceled => "canceled",
            FailureKind::Terminated => "terminated",
            FailureKind::Server => "server",
            FailureKind::Activity => "activity",
            FailureKind::ChildWorkflow => "child_workflow",
            FailureKind::NexusOperation => "nexus_operation",
            FailureKind::Reset => "reset",
        }
    }

    /// The kind of a name on the wire; unknown names are application failures, as outside workers send them.
    pub fn from_wire(name: &str) -> FailureKind {
        match name {
            "timeout" => FailureKind::Timeout,
            "canceled" => FailureKind::Canceled,
            "terminated" => FailureKind::Terminated,
            "server" => FailureKind::Server,
            "activity" => FailureKind::Activity,
            "child_workflow" => FailureKind::ChildWorkflow,
            "nexus_operation" => FailureKind::NexusOperation,
            "reset" => FailureKind::Reset,
            _ => FailureKind::Application,
        }
    }
}

impl Failure {
    /// The type of a start-to-close timeout, as retry policies may list it.
    pub const START_TO_CLOSE: &'static str = "TemporalTimeout:StartToClose";
    /// The type of a schedule-to-close timeout, which is never retried.
    pub const SCHEDULE_TO_CLOSE: &'static str = "TemporalTimeout:ScheduleToClose";
    /// The type of a schedule-to-start timeout, which is never retried.
    pub const SCHEDULE_TO_START: &'static str = "TemporalTimeout:ScheduleToStart";
    /// The type of a heartbeat timeout, as retry policies may list it.
    pub const HEARTBEAT: &'static str = "TemporalTimeout:Heartbeat";

    /// A failure without cause or details.
    pub fn new(kind: FailureKind, type_name: impl Into<String>, message: impl Into<String>) -> Failure {
        Failure {
            kind,
            type_name: type_name.into(),
            message: message.into(),
            details: Vec::new(),
            non_retryable: false,
            benign: false,
            info: None,
            at: None,
            cause: None,
            suppressed: None,
        }
    }

    /// An application failure.
    pub fn application(type_name: impl Into<String>, message: impl Into<String>) -> Failure {
        Failure::new(FailureKind::Application, type_name, message)
    }

    /// Marks it as final.
    pub fn final_(mut self) -> Failure {
        self.non_retryable = true;
        self
    }

    /// Says how long to wait before the next attempt.
    pub fn retry_in_ms(mut self, ms: Option<u64>) -> Failure {
        if let Some(ms) = ms {
            self.info = Some(Box::new(FailureInfo::NextRetryDelayMs(ms)));
        }
        self
    }

    /// How long to wait before the next attempt, when the failure says so, in milliseconds.
    pub fn next_retry_delay_ms(&self) -> Option<u64> {
        match self.info.as_deref() {
            Some(FailureInfo::NextRetryDelayMs(ms)) => Some(*ms),
            _ => None,
        }
    }

    /// Which activity failed, for the failure of one.
    pub fn activity(&self) -> Option<&ActivityInfo> {
        match self.info.as_deref() {
            Some(FailureInfo::Activity(info)) => Some(info),
            _ => None,
        }
    }

    /// Which run failed, for the failure of a child or a Nexus operation.
    pub fn remote(&self) -> Option<&RemoteInfo> {
        match self.info.as_deref() {
            Some(FailureInfo::ChildWorkflow(info) | FailureInfo::NexusOperation(info)) => Some(info),
            _ => None,
        }
    }

    /// Adds a cause.
    pub fn caused_by(mut self, cause: Failure) -> Failure {
        self.cause = Some(Box::new(cause));
        self
    }

    /// Adds what failed beside it.
    pub fn beside(mut self, others: Vec<Failure>) -> Failure {
        self.suppressed = (!others.is_empty()).then(|| Box::new(Suppressed(others)));
        self
    }

    /// What failed beside it.
    pub fn others(&self) -> &[Failure] {
        self.suppressed.as_ref().map_or(&[], |others| others.0.as_slice())
    }

    /// The failure the chain began with.
    pub fn root(&self) -> &Failure {
        let mut root = self;
        while let Some(cause) = &root.cause {
            root = cause;
        }
        root
    }

    /// This failure and its causes, outermost first.
    pub fn chain(&self) -> impl Iterator<Item = &Failure> {
        std::iter::successors(Some(self), |failure| failure.cause.as_deref())
    }
}

impl fmt::Display for Failure {
    /// `Type: message`, causes after `←`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, link) in self.chain().enumerate() {
            let arrow = if depth == 0 { "" } else { " ← " };
            write!(f, "{arrow}{}: {}", link.type_name, link.message)?;
            if let Some(at) = &link.at {
                write!(f, " ({at})")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_reads_outermost_first() {
        let failure = Failure::new(FailureKind::Activity, "ActivityFailure", "ChargeCard failed")
            .caused_by(Failure::application("CardDeclined", "insufficient funds").final_());
        assert_eq!(
            failure.to_string(),
            "ActivityFailure: ChargeCard failed ← CardDeclined: insufficient funds"
        );
        assert_eq!(failure.root().type_name, "CardDeclined");
    }

    #[test]
    fn the_stored_form_is_stable() {
        let failure = Failure::application("CardDeclined", "no").final_();
        insta::assert_json_snapshot!(failure, @r#"
        {
          "kind": "application",
          "type": "CardDeclined",
          "message": "no",
          "non_retryable": true
        }
        "#);
    }
}
