//! Failures: what goes wrong *outside*, or is raised by a program, with its chain of causes.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// What kind of thing failed: the words of [`Failure::kind`].
pub mod kind {
    /// Raised by code: a workflow, an activity, a handler.
    pub const APPLICATION: &str = "application";
    /// A deadline passed.
    pub const TIMEOUT: &str = "timeout";
    /// Cancelled.
    pub const CANCELED: &str = "canceled";
    /// Terminated from outside.
    pub const TERMINATED: &str = "terminated";
    /// An activity; the cause says why.
    pub const ACTIVITY: &str = "activity";
    /// A child workflow; the cause says why.
    pub const CHILD_WORKFLOW: &str = "child_workflow";
    /// A Nexus operation; the cause says why.
    pub const NEXUS_OPERATION: &str = "nexus_operation";
    /// The platform itself.
    pub const SERVER: &str = "server";
}

/// A failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// One of the words of [`kind`].
    pub kind: String,
    /// The type that `catch` and retry policies compare, for example `PaymentDeclined`.
    pub type_name: String,
    /// One line for people.
    pub message: String,
    /// Whatever the raiser attached.
    pub details: Vec<Json>,
    /// Whether a retry policy is to be ignored.
    pub non_retryable: bool,
    /// Where in the source of an activity it happened, when its host knows.
    #[serde(default)]
    pub at: Option<String>,
    /// What its host knows of it beside; programs hand it on untouched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Box<Json>>,
    /// What caused it.
    pub cause: Option<Box<Failure>>,
    /// Failures of the other branches of the same `await all`, in source order.
    pub suppressed: Vec<Failure>,
}

impl Failure {
    /// A failure without details and cause.
    pub fn new(kind: &str, type_name: &str, message: impl Into<String>) -> Failure {
        Failure {
            kind: kind.to_string(),
            type_name: type_name.to_string(),
            message: message.into(),
            details: Vec::new(),
            non_retryable: false,
            at: None,
            host: None,
            cause: None,
            suppressed: Vec::new(),
        }
    }

    /// A failure raised by code.
    pub fn application(type_name: &str, message: impl Into<String>) -> Failure {
        Failure::new(kind::APPLICATION, type_name, message)
    }

    /// The failure that a cancelled wait raises.
    pub fn canceled(message: impl Into<String>) -> Failure {
        Failure::new(kind::CANCELED, "Canceled", message)
    }

    /// This failure as the cause of another.
    pub fn wrapped(self, kind: &str, type_name: &str, message: impl Into<String>) -> Failure {
        Failure { cause: Some(Box::new(self)), ..Failure::new(kind, type_name, message) }
    }

    /// Whether this is a cancellation.
    pub fn is_canceled(&self) -> bool {
        self.kind == kind::CANCELED
    }

    /// This failure and its causes, outermost first.
    pub fn chain(&self) -> impl Iterator<Item = &Failure> {
        std::iter::successors(Some(self), |failure| failure.cause.as_deref())
    }

    /// Whether `catch e: name` takes it: a failure in the chain has that type, or is of that kind.
    pub fn is_a(&self, name: &str) -> bool {
        self.chain().any(|failure| failure.type_name == name || kind_names(&failure.kind).contains(&name))
    }

    /// The failure that says what happened: the wrapper of an activity or child workflow only says where.
    pub fn telling(&self) -> &Failure {
        let wraps = |failure: &&Failure| {
            !matches!(failure.kind.as_str(), kind::ACTIVITY | kind::CHILD_WORKFLOW) || failure.cause.is_none()
        };
        self.chain().find(wraps).unwrap_or(self)
    }
}

/// The names under which a whole kind can be caught.
fn kind_names(kind: &str) -> &'static [&'static str] {
    match kind {
        kind::TIMEOUT => &["Timeout", "TimeoutError", "TimeoutFailure"],
        kind::CANCELED => &["Canceled", "Cancelled", "CanceledError", "CancelledError", "CanceledFailure"],
        kind::TERMINATED => &["Terminated", "TerminatedError", "TerminatedFailure"],
        kind::ACTIVITY => &["ActivityError", "ActivityFailure"],
        kind::CHILD_WORKFLOW => &["ChildWorkflowError", "ChildWorkflowFailure"],
        kind::NEXUS_OPERATION => &["NexusError", "NexusOperationFailure"],
        kind::SERVER => &["ServerError", "ServerFailure"],
        kind::APPLICATION => &["ApplicationError", "ApplicationFailure"],
        _ => &[],
    }
}

/// Gives a failed Nexus operation the type that callers catch (language page, section 13.7).
pub fn as_nexus_failure(failure: Failure, operation: &str) -> Failure {
    if failure.kind == kind::NEXUS_OPERATION {
        return failure;
    }
    let type_name = match (failure.kind.as_str(), failure.type_name.as_str()) {
        (kind::TIMEOUT, _) => "NexusTimeoutError",
        (kind::CANCELED, _) => "NexusCancelledError",
        (kind::SERVER, "UNAUTHORIZED" | "UNAUTHENTICATED") => "NexusUnauthorizedError",
        (kind::SERVER, "NOT_FOUND" | "NOT_IMPLEMENTED") => "NexusNotFoundError",
        _ => "NexusOperationError",
    };
    let message = format!("Nexus operation {operation} failed: {}", failure.message);
    failure.wrapped(kind::NEXUS_OPERATION, type_name, message)
}

/// Says where a failure happened, unless it already does.
pub fn as_wrapped(failure: Failure, kind: &str, what: &str) -> Failure {
    if failure.kind == kind {
        return failure;
    }
    let (type_name, noun) = match kind {
        kind::ACTIVITY => ("ActivityFailure", "activity"),
        _ => ("ChildWorkflowFailure", "child workflow"),
    };
    let message = format!("{noun} {what} failed: {}", failure.message);
    failure.wrapped(kind, type_name, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_looked_for_in_the_whole_chain() {
        let failure =
            as_wrapped(Failure::application("PaymentDeclined", "no funds"), kind::ACTIVITY, "ChargeCard");
        assert!(failure.is_a("PaymentDeclined") && failure.is_a("ActivityFailure"));
        assert!(!failure.is_a("Timeout") && !failure.is_canceled());
        assert_eq!(failure.telling().type_name, "PaymentDeclined");
        assert_eq!(failure.message, "activity ChargeCard failed: no funds");
        assert_eq!(as_wrapped(failure.clone(), kind::ACTIVITY, "x"), failure);
    }

    #[test]
    fn nexus_failures_have_the_documented_types() {
        for (kind, type_name, expected) in [
            (kind::TIMEOUT, "ScheduleToClose", "NexusTimeoutError"),
            (kind::SERVER, "UNAUTHORIZED", "NexusUnauthorizedError"),
            (kind::SERVER, "NOT_FOUND", "NexusNotFoundError"),
            (kind::CANCELED, "Canceled", "NexusCancelledError"),
            (kind::APPLICATION, "NOT_FOUND", "NexusOperationError"),
        ] {
            let failure = as_nexus_failure(Failure::new(kind, type_name, "x"), "S.Op");
            assert_eq!(failure.type_name, expected);
            assert!(failure.is_a(type_name));
        }
    }
}
