//! Failures of runs as Nexus RPC carries them, and back.
//!
//! What goes out is in Temporal's form, which most of those elsewhere read: they catch the type that was raised. What only
//! another Nexus makes use of is beside that. What comes in keeps its words, and its type where it says one.

use nexus_kernel::Json;
use nexus_kernel::failure::{Failure, FailureKind};
use nexus_rpc::{End, HandlerError, HandlerErrorKind, OperationError, TemporalFailure, TemporalSource};
use serde_json::json;

/// The member of the details that says what only another Nexus makes use of.
const OURS: &str = "nexus";

/// The type that a failure has of which nothing is known.
const UNKNOWN: &str = "NexusFailure";

/// Who fails here, and who that is to Temporal.
const SOURCES: [(FailureKind, TemporalSource); 9] = [
    (FailureKind::Application, TemporalSource::Application),
    (FailureKind::Timeout, TemporalSource::Timeout),
    (FailureKind::Canceled, TemporalSource::Canceled),
    (FailureKind::Terminated, TemporalSource::Terminated),
    (FailureKind::Server, TemporalSource::Server),
    (FailureKind::Activity, TemporalSource::Activity),
    (FailureKind::ChildWorkflow, TemporalSource::ChildWorkflow),
    (FailureKind::NexusOperation, TemporalSource::Operation),
    (FailureKind::Reset, TemporalSource::Reset),
];

/// Deadlines, and what they are to Temporal.
const TIMEOUTS: [(&str, &str); 4] = [
    (Failure::START_TO_CLOSE, "TIMEOUT_TYPE_START_TO_CLOSE"),
    (Failure::SCHEDULE_TO_START, "TIMEOUT_TYPE_SCHEDULE_TO_START"),
    (Failure::SCHEDULE_TO_CLOSE, "TIMEOUT_TYPE_SCHEDULE_TO_CLOSE"),
    (Failure::HEARTBEAT, "TIMEOUT_TYPE_HEARTBEAT"),
];

/// A failure for whoever is outside. Where in the source it happened is nobody's business there.
pub(crate) fn to_rpc(failure: &Failure) -> nexus_rpc::Failure {
    let source = SOURCES.iter().find(|row| row.0 == failure.kind);
    let timeout = TIMEOUTS.iter().find(|row| row.0 == failure.type_name).map(|row| row.1);
    let told = TemporalFailure {
        source: source.map_or(TemporalSource::Application, |row| row.1),
        type_name: timeout.unwrap_or(&failure.type_name).to_owned(),
        non_retryable: failure.non_retryable,
        details: failure.details.clone(),
    };
    let ours = json!({
        "kind": failure.kind.as_str(),
        "type": failure.type_name,
        "details": failure.details,
        "nonRetryable": failure.non_retryable,
    });
    let more = [(OURS.to_owned(), ours)].into_iter().collect();
    nexus_rpc::Failure {
        cause: failure.cause.as_deref().map(|cause| Box::new(to_rpc(cause))),
        ..told.to_failure(&failure.message, more)
    }
}

/// A failure of somebody outside.
pub(crate) fn of_rpc(failure: &nexus_rpc::Failure) -> Failure {
    let made = match (failure.details.get(OURS), TemporalFailure::of(failure)) {
        (Some(ours), Some(_)) => of_ours(ours, &failure.message),
        (None, Some(told)) => of_temporal(told, &failure.message),
        (_, None) => {
            let kept = (!failure.details.is_null()).then(|| failure.details.clone());
            Failure { details: kept.into_iter().collect(), ..Failure::application(UNKNOWN, &failure.message) }
        }
    };
    let cause = TemporalFailure::cause_of(failure).map(|cause| Box::new(of_rpc(&cause)));
    Failure { cause, ..made }
}

/// What another Nexus says.
fn of_ours(ours: &Json, message: &str) -> Failure {
    let text = |name: &str| ours.get(name).and_then(Json::as_str);
    let kind = FailureKind::from_wire(text("kind").unwrap_or_default());
    Failure {
        details: ours.get("details").and_then(Json::as_array).cloned().unwrap_or_default(),
        non_retryable: ours.get("nonRetryable").and_then(Json::as_bool).unwrap_or(false),
        ..Failure::new(kind, text("type").unwrap_or(UNKNOWN), message)
    }
}

fn of_temporal(told: TemporalFailure, message: &str) -> Failure {
    let kind = SOURCES.iter().find(|row| row.1 == told.source).map_or(FailureKind::Application, |row| row.0);
    let timeout = TIMEOUTS.iter().find(|row| row.1 == told.type_name).map(|row| row.0);
    let type_name = match (timeout, kind) {
        (Some(timeout), _) => timeout,
        (None, _) if !told.type_name.is_empty() => &told.type_name,
        (None, FailureKind::Canceled) => "Canceled",
        (None, _) => UNKNOWN,
    };
    Failure {
        details: told.details,
        non_retryable: told.non_retryable,
        ..Failure::new(kind, type_name, message)
    }
}

/// The end of an operation that has no result.
pub(crate) fn ended(failure: &Failure) -> OperationError {
    let end = match failure.kind {
        FailureKind::Canceled => End::Canceled,
        _ => End::Failed,
    };
    let cause = Some(Box::new(to_rpc(failure)));
    OperationError { cause, ..OperationError::new(end, &failure.message) }
}

/// Why an operation outside has no result.
pub(crate) fn of_ended(error: &OperationError) -> Failure {
    let cause = error.cause.as_deref().map(of_rpc);
    match (error.end, cause) {
        (End::Failed, Some(cause)) => cause,
        (End::Failed, None) => Failure::application("OperationError", &error.message),
        (End::Canceled, Some(cause)) if cause.kind == FailureKind::Canceled => cause,
        (End::Canceled, cause) => {
            let canceled = Failure::new(FailureKind::Canceled, "Canceled", &error.message).final_();
            Failure { cause: cause.map(Box::new), ..canceled }
        }
    }
}

/// Why a request to somebody outside was not taken. It says itself whether to try again.
pub(crate) fn of_refused(error: &HandlerError) -> Failure {
    let failure = Failure::new(FailureKind::Server, error.kind.as_str(), &error.message);
    Failure {
        non_retryable: !error.is_retryable(),
        cause: error.cause.as_deref().map(|cause| Box::new(of_rpc(cause))),
        ..failure
    }
}

/// A failure that nothing can be done about, of one of the kinds that requests are refused with.
pub(crate) fn refused(kind: &HandlerErrorKind, message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Server, kind.as_str(), message).final_()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested() -> Failure {
        let root = Failure {
            details: vec![json!({ "left": 3 })],
            ..Failure::application("OutOfStock", "none left")
        };
        let middle = Failure::application("OrderFailed", "no order").caused_by(root.final_());
        Failure::new(FailureKind::Activity, "ActivityFailure", "activity Reserve failed").caused_by(middle)
    }

    #[test]
    fn our_own_failures_come_back_with_all_their_causes() {
        assert_eq!(of_rpc(&to_rpc(&nested())), nested());
        assert_eq!(of_ended(&ended(&nested())), nested());
        let canceled = Failure::new(FailureKind::Canceled, "Canceled", "not wanted").final_();
        assert_eq!(ended(&canceled).end, End::Canceled);
        assert_eq!(of_ended(&ended(&canceled)), canceled);
    }

    #[test]
    fn failures_of_others_keep_their_words() {
        let told = |source, type_name: &str| {
            let details = vec![json!({ "left": 3 })];
            let told =
                TemporalFailure { source, type_name: type_name.to_owned(), non_retryable: true, details };
            of_rpc(&told.to_failure("no funds", serde_json::Map::new()))
        };
        let read = told(TemporalSource::Application, "Declined");
        let expected =
            Failure { details: vec![json!({ "left": 3 })], ..Failure::application("Declined", "no funds") };
        assert_eq!(read, expected.final_());
        let late = told(TemporalSource::Timeout, "TIMEOUT_TYPE_HEARTBEAT");
        assert_eq!((late.kind, late.type_name.as_str()), (FailureKind::Timeout, Failure::HEARTBEAT));
        let handler = told(TemporalSource::Handler, "NOT_FOUND");
        assert_eq!((handler.kind, handler.type_name.as_str()), (FailureKind::Application, "NOT_FOUND"));
        let unknown = nexus_rpc::Failure { details: json!([1]), ..nexus_rpc::Failure::new("?") };
        assert_eq!(
            (of_rpc(&unknown).type_name.as_str(), of_rpc(&unknown).details),
            (UNKNOWN, vec![json!([1])])
        );
        let bare = of_ended(&OperationError::new(End::Canceled, "stopped"));
        assert_eq!(bare.kind, FailureKind::Canceled);
    }

    #[test]
    fn a_refusal_says_whether_to_try_again() {
        for (kind, is_final) in [(HandlerErrorKind::NotFound, true), (HandlerErrorKind::Unavailable, false)] {
            let error = HandlerError::new(kind.clone(), "m");
            let failure = of_refused(&error);
            assert_eq!((failure.type_name.as_str(), failure.non_retryable), (kind.as_str(), is_final));
            let overridden = HandlerError { retryable: Some(is_final), ..error };
            assert_eq!(of_refused(&overridden).non_retryable, !is_final);
        }
    }
}
