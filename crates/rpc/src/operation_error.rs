//! The end of an operation without a result: it failed, or it was cancelled.

use http::{HeaderMap, Response, StatusCode};
use serde_json::json;

use crate::failure::Failure;
use crate::fields::only;
use crate::handler_error::json_response;

/// The header that says how an operation stands. The specification calls it deprecated on answers; older servers say it
/// nowhere else.
pub(crate) const STATE: &str = "nexus-operation-state";

const KIND: &str = "nexus.OperationError";

/// The key of what says that an end is told by its cause alone. The specification has no word for it; servers of Temporal's
/// say it, and give their programs the cause of whoever says it.
const UNWRAP: &str = "unwrap-error";

/// How an operation ended that has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It failed.
    Failed,
    /// It was cancelled.
    Canceled,
}

impl End {
    /// The word of the protocol.
    pub fn as_str(self) -> &'static str {
        match self {
            End::Failed => "failed",
            End::Canceled => "canceled",
        }
    }

    /// Reads the word of the protocol.
    pub fn parse(text: &str) -> Option<End> {
        [End::Failed, End::Canceled].into_iter().find(|end| end.as_str() == text)
    }
}

/// An operation that ended without a result. It is no fault of the request: trying again would be another operation.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationError {
    /// How it ended.
    pub end: End,
    /// Why.
    pub message: String,
    /// Where, as far as that was told.
    pub stack_trace: String,
    /// What caused it.
    pub cause: Option<Box<Failure>>,
}

impl OperationError {
    /// An end with these words.
    pub fn new(end: End, message: impl Into<String>) -> OperationError {
        OperationError { end, message: message.into(), stack_trace: String::new(), cause: None }
    }

    /// The end as a failure.
    pub fn to_failure(&self) -> Failure {
        let failure = Failure {
            stack_trace: self.stack_trace.clone(),
            cause: self.cause.clone(),
            ..Failure::new(self.message.clone())
        };
        let mut failure = failure.typed(KIND, json!({ "state": self.end.as_str() }));
        if self.is_told_by_its_cause() {
            failure.metadata.insert(UNWRAP.to_owned(), "true".to_owned());
        }
        failure
    }

    /// Whether there is nothing to say that the cause does not say.
    pub fn is_told_by_its_cause(&self) -> bool {
        self.stack_trace.is_empty() && self.cause.as_ref().is_some_and(|cause| cause.message == self.message)
    }

    /// Reads a failure. One that is of another kind is the cause of an end that was told elsewhere: that is how servers
    /// speak that go by the specification of before.
    pub fn of(failure: Failure, told: Option<End>) -> Option<OperationError> {
        let own = failure.details.get("state").and_then(|state| state.as_str()).and_then(End::parse);
        match own.filter(|_| failure.kind() == Some(KIND)) {
            Some(end) => {
                let is_wrapper = failure.metadata.get(UNWRAP).is_some_and(|told| told == "true");
                let told = failure.cause.as_ref().filter(|_| is_wrapper).map(|cause| cause.message.clone());
                let stack_trace = if told.is_some() { String::new() } else { failure.stack_trace };
                let message = told.unwrap_or(failure.message);
                Some(OperationError { end, message, stack_trace, cause: failure.cause })
            }
            None => Some(OperationError {
                cause: Some(Box::new(failure.clone())),
                ..OperationError::new(told?, failure.message)
            }),
        }
    }

    /// The answer to a start that has ended like this already (424).
    pub fn to_http(&self) -> Response<Vec<u8>> {
        let mut response = json_response(StatusCode::FAILED_DEPENDENCY, self.to_failure().to_json());
        let state = http::HeaderValue::from_static(self.end.as_str());
        response.headers_mut().insert(STATE, state);
        response
    }

    /// What the headers of a message say about an end.
    pub(crate) fn told(headers: &HeaderMap) -> Option<End> {
        only(headers, STATE).as_deref().and_then(End::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three_deep() -> OperationError {
        let inner = Failure::new("inner");
        let middle = Failure { cause: Some(Box::new(inner)), ..Failure::new("middle") };
        let outer = Failure { cause: Some(Box::new(middle)), ..Failure::new("outer") };
        OperationError { cause: Some(Box::new(outer)), ..OperationError::new(End::Canceled, "not wanted") }
    }

    #[test]
    fn an_end_comes_back_with_all_that_caused_it() {
        let error = three_deep();
        assert_eq!(OperationError::of(error.to_failure(), None), Some(error.clone()));
        // What it says itself counts more than a header.
        assert_eq!(OperationError::of(error.to_failure(), Some(End::Failed)), Some(error));
    }

    #[test]
    fn an_end_that_only_wraps_its_cause_says_so() {
        let cause = Failure::new("no funds");
        let wrapper =
            OperationError { cause: Some(Box::new(cause)), ..OperationError::new(End::Failed, "no funds") };
        assert!(wrapper.is_told_by_its_cause() && !three_deep().is_told_by_its_cause());
        let written = wrapper.to_failure();
        assert_eq!(written.metadata["unwrap-error"], "true");
        assert!(!three_deep().to_failure().metadata.contains_key("unwrap-error"));
        // The words of a wrapper are nobody's: those of its cause count.
        let written = Failure { message: "operation error".into(), stack_trace: "at a".into(), ..written };
        assert_eq!(OperationError::of(written, None), Some(wrapper));
        let alone = OperationError::new(End::Failed, "m");
        let mut written = alone.to_failure();
        written.metadata.insert(UNWRAP.to_owned(), "true".to_owned());
        assert_eq!(
            OperationError::of(written, None),
            Some(alone),
            "where there is no cause, it has words of its own"
        );
    }

    #[test]
    fn the_form_of_before_is_understood() {
        let foreign =
            Failure::new("no such card").typed("temporal.api.failure.v1.Failure", json!({ "code": 7 }));
        let read = OperationError::of(foreign.clone(), Some(End::Failed)).unwrap();
        assert_eq!((read.end, read.message.as_str()), (End::Failed, "no such card"));
        assert_eq!(read.cause.as_deref(), Some(&foreign));
        assert_eq!(OperationError::of(foreign, None), None, "nobody says how it ended");
    }
}
