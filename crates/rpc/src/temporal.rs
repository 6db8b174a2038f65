//! Failures as Temporal writes them: Nexus failures whose details are its own message as JSON.
//!
//! Nexus RPC says nothing of types and details of what applications raise. Most of those who call and are called speak for
//! programs on Temporal, and whoever writes their form is understood by them: programs catch the type that was raised, with
//! its details. Members that Temporal does not know it passes over, so that a sender may add some for others of its kind.

mod payload;

use serde_json::{Map, Value, json};

use crate::failure::Failure;
use payload::{of_value, to_value};

/// The kind of these failures.
const KIND: &str = "temporal.api.failure.v1.Failure";

/// Who failed, by the member of the message that says it.
const SOURCES: [(TemporalSource, &str); 10] = [
    (TemporalSource::Application, "applicationFailureInfo"),
    (TemporalSource::Timeout, "timeoutFailureInfo"),
    (TemporalSource::Canceled, "canceledFailureInfo"),
    (TemporalSource::Terminated, "terminatedFailureInfo"),
    (TemporalSource::Server, "serverFailureInfo"),
    (TemporalSource::Reset, "resetWorkflowFailureInfo"),
    (TemporalSource::Activity, "activityFailureInfo"),
    (TemporalSource::ChildWorkflow, "childWorkflowExecutionFailureInfo"),
    (TemporalSource::Operation, "nexusOperationExecutionFailureInfo"),
    (TemporalSource::Handler, "nexusHandlerFailureInfo"),
];

/// Who or what failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemporalSource {
    /// A program, of its own accord.
    Application,
    /// A deadline passed.
    Timeout,
    /// It was cancelled.
    Canceled,
    /// Somebody ended it.
    Terminated,
    /// The server.
    Server,
    /// A workflow was begun anew from an earlier place.
    Reset,
    /// An activity, for the reason that is its cause.
    Activity,
    /// A child workflow, for the reason that is its cause.
    ChildWorkflow,
    /// A Nexus operation, for the reason that is its cause.
    Operation,
    /// The request of a Nexus operation.
    Handler,
}

/// What such a failure says beside its message.
#[derive(Debug, Clone, PartialEq)]
pub struct TemporalFailure {
    /// Who or what failed.
    pub source: TemporalSource,
    /// What programs catch it by: the type that was raised, of a deadline which one (`TIMEOUT_TYPE_START_TO_CLOSE`), of a
    /// request its kind (`NOT_FOUND`). Empty where there is none.
    pub type_name: String,
    /// Whether trying again is of no use.
    pub non_retryable: bool,
    /// What the program added to it.
    pub details: Vec<Value>,
}

impl TemporalFailure {
    /// What a failure says; nothing when it is not of Temporal's form.
    pub fn of(failure: &Failure) -> Option<TemporalFailure> {
        if failure.kind() != Some(KIND) {
            return None;
        }
        let found = SOURCES.iter().find_map(|(source, name)| Some((*source, failure.details.get(name)?)));
        let (source, info) = found.unwrap_or((TemporalSource::Application, &Value::Null));
        let text = |name: &str| info.get(name).and_then(Value::as_str);
        let type_name = text("type").or_else(|| text("timeoutType")).unwrap_or_default();
        let is = |name: &str| info.get(name).and_then(Value::as_bool).unwrap_or(false);
        let payloads = info.pointer("/details/payloads").and_then(Value::as_array);
        Some(TemporalFailure {
            source,
            type_name: type_name.to_owned(),
            non_retryable: is("nonRetryable"),
            details: payloads.into_iter().flatten().map(to_value).collect(),
        })
    }

    /// What has caused a failure. Temporal writes it beside the details or, in its older form, among them.
    pub fn cause_of(failure: &Failure) -> Option<Failure> {
        let is_one = failure.kind() == Some(KIND);
        let among =
            || failure.details.get("cause").filter(|cause| is_one && cause.is_object()).map(of_message);
        failure.cause.as_deref().cloned().or_else(among)
    }

    /// The failure with this message. `more` are members for whoever knows them, which Temporal does not.
    pub fn to_failure(&self, message: impl Into<String>, more: Map<String, Value>) -> Failure {
        let name = SOURCES.iter().find(|row| row.0 == self.source).map_or(SOURCES[0].1, |row| row.1);
        let mut details = more;
        details.insert(name.to_owned(), self.info());
        Failure::new(message).typed(KIND, details.into())
    }

    fn info(&self) -> Value {
        let mut info = Map::new();
        let type_key = if self.source == TemporalSource::Timeout { "timeoutType" } else { "type" };
        let has_type = matches!(
            self.source,
            TemporalSource::Application | TemporalSource::Timeout | TemporalSource::Handler
        );
        if has_type && !self.type_name.is_empty() {
            info.insert(type_key.to_owned(), json!(self.type_name));
        }
        let has_retry = matches!(self.source, TemporalSource::Application | TemporalSource::Server);
        if has_retry && self.non_retryable {
            info.insert("nonRetryable".to_owned(), json!(true));
        }
        let has_details = matches!(self.source, TemporalSource::Application | TemporalSource::Canceled);
        if has_details && !self.details.is_empty() {
            let payloads: Vec<Value> = self.details.iter().map(of_value).collect();
            info.insert("details".to_owned(), json!({ "payloads": payloads }));
        }
        info.into()
    }
}

/// A message of Temporal's as the failure that it would be by itself.
fn of_message(message: &Value) -> Failure {
    let text = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default();
    let failure = Failure { stack_trace: text("stackTrace").to_owned(), ..Failure::new(text("message")) };
    failure.typed(KIND, message.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Failure {
        Failure::from_json(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_a_server_sent_is_read() {
        // As a worker's `OperationError` that an `ApplicationError` has caused came from Temporal 1.32, in its older form.
        let declined = read(
            r#"{"message":"x is declined","metadata":{"type":"temporal.api.failure.v1.Failure"},"details":{"stackTrace":"at a","cause":
            {"message":"no funds","applicationFailureInfo":{"type":"NoFunds","nonRetryable":true,"details":{"payloads":[
            {"metadata":{"encoding":"anNvbi9wbGFpbg=="},"data":"eyJsZWZ0IjozfQ=="}]}}},"applicationFailureInfo":
            {"type":"OperationError","nonRetryable":true}}}"#,
        );
        let told = TemporalFailure::of(&declined).unwrap();
        assert_eq!((told.type_name.as_str(), told.non_retryable), ("OperationError", true));
        let cause = TemporalFailure::cause_of(&declined).unwrap();
        assert_eq!(cause.message, "no funds");
        let told = TemporalFailure::of(&cause).unwrap();
        assert_eq!((told.source, told.type_name.as_str()), (TemporalSource::Application, "NoFunds"));
        assert_eq!(told.details, [json!({ "left": 3 })]);
        assert_eq!(TemporalFailure::cause_of(&cause), None);

        // As the completion of a cancelled workflow came.
        let canceled = read(
            r#"{"message":"operation canceled","metadata":{"type":"temporal.api.failure.v1.Failure"},"details":{"canceledFailureInfo":{}}}"#,
        );
        assert_eq!(TemporalFailure::of(&canceled).unwrap().source, TemporalSource::Canceled);
    }

    #[test]
    fn what_is_beside_the_details_counts_more_than_what_is_among_them() {
        let text = r#"{"message":"a","metadata":{"type":"temporal.api.failure.v1.Failure"},"details":{"cause":{"message":"b"}},"cause":{"message":"c"}}"#;
        assert_eq!(TemporalFailure::cause_of(&read(text)).unwrap().message, "c");
    }

    #[test]
    fn every_source_comes_back_and_members_of_others_stay() {
        for (source, _) in SOURCES {
            let failure =
                TemporalFailure { source, type_name: String::new(), non_retryable: false, details: vec![] };
            let more = [("nexus".to_owned(), json!({ "kind": "x" }))].into_iter().collect();
            let written = read(std::str::from_utf8(&failure.to_failure("m", more).to_json()).unwrap());
            assert_eq!(TemporalFailure::of(&written), Some(failure));
            assert_eq!((written.message.as_str(), &written.details["nexus"]["kind"]), ("m", &json!("x")));
        }
        let full = TemporalFailure {
            source: TemporalSource::Application,
            type_name: "NoFunds".into(),
            non_retryable: true,
            details: vec![json!({ "left": 3 }), json!(null), json!("text")],
        };
        assert_eq!(TemporalFailure::of(&full.to_failure("m", Map::new())), Some(full));
    }

    #[test]
    fn failures_of_another_form_are_none() {
        let other = Failure::new("m").typed("a.B", json!({ "cause": { "message": "b" } }));
        assert_eq!((TemporalFailure::of(&other), TemporalFailure::cause_of(&other)), (None, None));
        assert_eq!(TemporalFailure::of(&Failure::new("m")), None);
        // What says nothing is a program's.
        let bare = Failure::new("m").typed(KIND, json!(null));
        assert_eq!(TemporalFailure::of(&bare).unwrap().source, TemporalSource::Application);
    }
}
