//! The failures that the engine itself makes, in one place so that their types stay stable.

use nexus_kernel::failure::{ActivityInfo, Failure, FailureInfo, FailureKind, RemoteInfo};
use nexus_kernel::id::RunId;
use nexus_kernel::port::runs::RunStatus;

use crate::input::Limit;

/// A run's time was up.
pub(crate) fn run_timed_out() -> Failure {
    Failure::new(FailureKind::Timeout, "WorkflowTimeout", "the run took longer than its timeout allows")
        .final_()
}

/// Somebody asked for cancellation.
pub(crate) fn canceled(reason: &str) -> Failure {
    Failure::new(FailureKind::Canceled, "Canceled", reason).final_()
}

/// An operator or a closing parent ended the run.
pub(crate) fn terminated(reason: &str) -> Failure {
    Failure::new(FailureKind::Terminated, "Terminated", reason).final_()
}

/// A workflow task is done anew by another run.
pub(crate) fn reset(reason: &str, base: &RunId, new: &RunId) -> Failure {
    let failure = Failure::new(FailureKind::Reset, "ResetWorkflow", reason);
    Failure { details: vec![serde_json::json!({ "base_run": base, "new_run": new })], ..failure }
}

/// An activity failed for good.
pub(crate) fn activity(info: ActivityInfo, cause: Failure) -> Failure {
    let message = format!("activity {} failed", info.name);
    let failure = Failure::new(FailureKind::Activity, "ActivityFailure", message).caused_by(cause);
    Failure { info: Some(Box::new(FailureInfo::Activity(info))), ..failure }
}

/// An activity reached one of its limits.
pub(crate) fn timeout(limit: Limit) -> Failure {
    let (type_name, message) = match limit {
        Limit::ScheduleToStart => (Failure::SCHEDULE_TO_START, "no worker took the activity in time"),
        Limit::ScheduleToClose => {
            (Failure::SCHEDULE_TO_CLOSE, "the activity took longer than its schedule-to-close timeout allows")
        }
        Limit::StartToClose | Limit::Lost => {
            (Failure::START_TO_CLOSE, "the attempt took longer than its start-to-close timeout allows")
        }
        Limit::Heartbeat => {
            (Failure::HEARTBEAT, "the attempt was silent for longer than its heartbeat timeout allows")
        }
    };
    Failure::new(FailureKind::Timeout, type_name, message)
}

/// A Nexus operation reached one of its limits.
pub(crate) fn operation_timeout(limit: Limit) -> Failure {
    let (type_name, message) = match limit {
        Limit::ScheduleToStart => {
            (Failure::SCHEDULE_TO_START, "the operation was not started within its schedule-to-start timeout")
        }
        Limit::StartToClose => {
            (Failure::START_TO_CLOSE, "the operation took longer than its start-to-close timeout allows")
        }
        _ => (
            Failure::SCHEDULE_TO_CLOSE,
            "the operation took longer than its schedule-to-close timeout allows",
        ),
    };
    Failure::new(FailureKind::Timeout, type_name, message)
}

/// A child workflow ended without a result; `by` is the run that ended, when there was one.
pub(crate) fn child(workflow: &str, by: Option<RemoteInfo>, cause: Failure) -> Failure {
    let message = format!("child workflow {workflow} {}", ending(&cause));
    let failure = Failure::new(FailureKind::ChildWorkflow, "ChildWorkflowFailure", message).caused_by(cause);
    Failure { info: by.map(|info| Box::new(FailureInfo::ChildWorkflow(info))), ..failure }
}

/// A Nexus operation ended without a result; `by` is the run that ended, when there was one. The type is the one that
/// the seed's table of errors gives.
pub(crate) fn operation(target: &str, by: Option<RemoteInfo>, cause: Failure) -> Failure {
    let type_name = match cause.kind {
        FailureKind::Timeout => "NexusTimeoutError",
        FailureKind::Canceled | FailureKind::Terminated => "NexusCancelledError",
        _ => match cause.type_name.as_str() {
            NOT_FOUND => "NexusNotFoundError",
            UNAUTHORIZED | UNAUTHENTICATED => "NexusUnauthorizedError",
            _ => "NexusOperationError",
        },
    };
    let message = format!("Nexus operation {target} {}", ending(&cause));
    let failure = Failure::new(FailureKind::NexusOperation, type_name, message).caused_by(cause);
    Failure { info: by.map(|info| Box::new(FailureInfo::NexusOperation(info))), ..failure }
}

/// The handler error type for an endpoint, service or operation that does not exist.
pub(crate) const NOT_FOUND: &str = "NOT_FOUND";

/// The handler error type for a caller who is not known.
pub(crate) const UNAUTHENTICATED: &str = "UNAUTHENTICATED";

/// The handler error type for a caller that an endpoint does not allow.
pub(crate) const UNAUTHORIZED: &str = "UNAUTHORIZED";

fn ending(cause: &Failure) -> &'static str {
    match cause.kind {
        FailureKind::Timeout => "timed out",
        FailureKind::Canceled => "was cancelled",
        FailureKind::Terminated => "was terminated",
        _ => "failed",
    }
}

/// What a waiting starter is told about a run that closed without a result.
pub(crate) fn of_closed(status: RunStatus, failure: Option<&Failure>) -> Failure {
    failure.cloned().unwrap_or_else(|| {
        Failure::new(FailureKind::Server, "NoResult", format!("the run is {}", status.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_fail_with_the_types_of_the_seed() {
        let type_of = |cause: Failure| operation("Payments.Charge", None, cause).type_name;
        assert_eq!(type_of(Failure::application("CardDeclined", "no")), "NexusOperationError");
        assert_eq!(type_of(Failure::new(FailureKind::Server, NOT_FOUND, "x")), "NexusNotFoundError");
        assert_eq!(type_of(Failure::new(FailureKind::Server, UNAUTHORIZED, "x")), "NexusUnauthorizedError");
        assert_eq!(type_of(run_timed_out()), "NexusTimeoutError");
        assert_eq!(type_of(canceled("stop")), "NexusCancelledError");
    }
}
