//! Failures of runs as Nexus RPC carries them, and back.
//!
//! What goes out is read by anybody: a message, a cause, and in the details what only another Nexus makes use of. What
//! comes in from elsewhere keeps its words, and its type where the sender is known to say it.

use nexus_kernel::Json;
use nexus_kernel::failure::{Failure, FailureKind};
use nexus_rpc::{End, HandlerError, HandlerErrorKind, OperationError};
use serde_json::json;

/// The type of a failure that a run of a Nexus server has ended with.
const OURS: &str = "nexus.RunFailure";

/// The type of a failure of Temporal's (Nexus page, A3).
const TEMPORAL: &str = "temporal.api.failure.v1.Failure";

/// The type that a failure has of which nothing is known.
const UNKNOWN: &str = "NexusFailure";

/// A failure for whoever is outside. Where in the source it happened is nobody's business there.
pub(crate) fn to_rpc(failure: &Failure) -> nexus_rpc::Failure {
    let details = json!({
        "kind": failure.kind.as_str(),
        "type": failure.type_name,
        "details": failure.details,
        "nonRetryable": failure.non_retryable,
    });
    nexus_rpc::Failure {
        metadata: [("type".to_owned(), OURS.to_owned())].into(),
        details,
        cause: failure.cause.as_deref().map(|cause| Box::new(to_rpc(cause))),
        ..nexus_rpc::Failure::new(&failure.message)
    }
}

/// A failure of somebody outside.
pub(crate) fn of_rpc(failure: &nexus_rpc::Failure) -> Failure {
    let details = &failure.details;
    let text = |place: &str| details.pointer(place).and_then(Json::as_str);
    let is = |place: &str| details.pointer(place).and_then(Json::as_bool).unwrap_or(false);
    let mut made = match failure.kind() {
        Some(OURS) => Failure {
            details: details.get("details").and_then(Json::as_array).cloned().unwrap_or_default(),
            non_retryable: is("/nonRetryable"),
            ..Failure::new(
                FailureKind::from_wire(text("/kind").unwrap_or_default()),
                text("/type").unwrap_or(UNKNOWN),
                &failure.message,
            )
        },
        Some(TEMPORAL) => Failure {
            non_retryable: is("/applicationFailureInfo/nonRetryable"),
            ..Failure::application(text("/applicationFailureInfo/type").unwrap_or(UNKNOWN), &failure.message)
        },
        _ => {
            let kept = (!details.is_null()).then(|| details.clone());
            Failure { details: kept.into_iter().collect(), ..Failure::application(UNKNOWN, &failure.message) }
        }
    };
    made.cause = failure.cause.as_deref().map(|cause| Box::new(of_rpc(cause)));
    made
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
        let foreign = nexus_rpc::Failure {
            metadata: [("type".to_owned(), TEMPORAL.to_owned())].into(),
            details: json!({ "applicationFailureInfo": { "type": "Declined", "nonRetryable": true } }),
            ..nexus_rpc::Failure::new("no funds")
        };
        let read = of_rpc(&foreign);
        assert_eq!((read.type_name.as_str(), read.non_retryable), ("Declined", true));
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
