//! What HTTP services and processes are sent, and how they say that they failed.

use nexus_kernel::Json;
use nexus_kernel::activity::ActivityTask;
use nexus_kernel::failure::Failure;
use serde::Deserialize;
use serde_json::json;

/// An attempt as others get it: the input, and everything that is to be known about it.
pub(crate) fn request(task: &ActivityTask, input: Json) -> Json {
    json!({
        "input": input,
        "context": {
            "token": task.token().to_string(),
            "activity": task.activity,
            "activity_id": task.activity_id,
            "attempt": task.attempt,
            "idempotency_key": task.idempotency_key(),
            "heartbeat_details": task.heartbeat_details,
            "heartbeat_timeout_ms": task.heartbeat_ms,
            "start_to_close_timeout_ms": task.start_to_close_ms,
            "namespace": task.key.namespace,
            "workflow": task.workflow,
            "workflow_id": task.key.workflow_id,
            "run_id": task.run_id,
            "session_id": task.session,
            "traceparent": task.trace.as_ref().map(nexus_kernel::trace::TraceContext::parent),
        },
    })
}

/// A failure as others say it. Every field may be left out.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Told {
    #[serde(rename = "type")]
    type_name: Option<String>,
    message: Option<String>,
    /// The message of a problem document (RFC 9457).
    detail: Option<String>,
    #[serde(default)]
    details: Vec<Json>,
    non_retryable: Option<bool>,
    next_retry_delay_ms: Option<u64>,
    #[serde(default)]
    benign: bool,
    cause: Option<Box<Told>>,
}

impl Told {
    /// What a JSON value says; nothing when it is no object of these fields.
    pub(crate) fn read(value: Json) -> Option<Told> {
        value.is_object().then(|| serde_json::from_value(value).ok()).flatten()
    }

    /// The failure, with the usual words where nothing is said. The types of problem documents are addresses and say
    /// nothing to a program.
    pub(crate) fn failure(self, usual: Failure) -> Failure {
        let type_name = self.type_name.filter(|name| !name.is_empty() && !name.contains(['/', ':']));
        let delay = self.next_retry_delay_ms.or_else(|| usual.next_retry_delay_ms());
        let failure = Failure {
            type_name: type_name.unwrap_or(usual.type_name),
            message: self.message.or(self.detail).unwrap_or(usual.message),
            details: self.details,
            non_retryable: self.non_retryable.unwrap_or(usual.non_retryable),
            benign: self.benign,
            cause: self.cause.map(|cause| Box::new(cause.failure(Failure::application("Error", "")))),
            ..Failure::new(usual.kind, "", "")
        };
        failure.retry_in_ms(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_taken_as_they_are_said() {
        let usual = || Failure::application("HttpStatus503", "the service answered with 503");
        let read = |value| Told::read(value).unwrap_or_default().failure(usual());
        assert_eq!(read(json!({})), usual());
        let said = read(
            json!({ "type": "OutOfStock", "message": "none left", "non_retryable": true, "details": [1] }),
        );
        assert_eq!(
            (said.type_name.as_str(), said.non_retryable, said.details),
            ("OutOfStock", true, vec![json!(1)])
        );
        let problem = read(json!({ "type": "https://example.com/errors/7", "detail": "try later" }));
        assert_eq!((problem.type_name.as_str(), problem.message.as_str()), ("HttpStatus503", "try later"));
        assert!(Told::read(json!("text")).is_none());
        assert!(Told::read(json!({ "details": 5 })).is_none());
    }
}
