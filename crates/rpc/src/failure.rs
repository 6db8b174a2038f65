//! Failures: why something did not work, with what caused it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::wire::FailureWire;

/// A failure. What it means is in its metadata, whose key `type` names its kind; kinds that nobody here knows are carried on
/// as they are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Failure {
    /// What happened, for people.
    pub message: String,
    /// Where it happened, as far as that was told.
    pub stack_trace: String,
    /// What kind of failure it is, under `type`, and whatever else was said.
    pub metadata: BTreeMap<String, String>,
    /// More of it, in the form of its kind.
    pub details: Value,
    /// What caused it.
    pub cause: Option<Box<Failure>>,
}

impl Failure {
    /// A failure of no particular kind.
    pub fn new(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), ..Failure::default() }
    }

    /// The kind, where it says one.
    pub fn kind(&self) -> Option<&str> {
        self.metadata.get("type").map(String::as_str)
    }

    /// Reads a failure. Nothing when the text is no object of JSON.
    pub fn from_json(bytes: &[u8]) -> Option<Failure> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        // An empty object is a failure that says nothing; a list or a number is none.
        value.is_object().then(|| serde_json::from_value(value).ok())?.map(Failure::of)
    }

    /// The failure as it is sent.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.wire()).unwrap_or_default() // texts and JSON have a form
    }

    /// The same failure, of a kind, with that kind's details.
    pub(crate) fn typed(mut self, kind: &str, details: Value) -> Failure {
        self.metadata.insert("type".to_owned(), kind.to_owned());
        Failure { details, ..self }
    }

    fn of(wire: FailureWire) -> Failure {
        Failure {
            message: wire.message,
            stack_trace: wire.stack_trace,
            metadata: wire.metadata,
            details: wire.details,
            cause: wire.cause.map(|cause| Box::new(Failure::of(*cause))),
        }
    }

    fn wire(&self) -> FailureWire {
        FailureWire {
            message: self.message.clone(),
            stack_trace: self.stack_trace.clone(),
            metadata: self.metadata.clone(),
            details: self.details.clone(),
            cause: self.cause.as_ref().map(|cause| Box::new(cause.wire())),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn any_failure() -> impl Strategy<Value = Failure> {
        let leaf = (
            ".{0,9}",
            ".{0,9}",
            prop::collection::btree_map("[a-z]{1,4}", ".{0,4}", 0..3),
            any::<Option<i32>>(),
        );
        let leaf = leaf.prop_map(|(message, stack_trace, metadata, details)| Failure {
            message,
            stack_trace,
            metadata,
            details: json!(details),
            cause: None,
        });
        leaf.prop_recursive(4, 8, 1, |inner| {
            (inner.clone(), inner)
                .prop_map(|(failure, cause)| Failure { cause: Some(Box::new(cause)), ..failure })
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(failure in any_failure()) {
            prop_assert_eq!(Failure::from_json(&failure.to_json()), Some(failure));
        }

        #[test]
        fn no_bytes_are_a_surprise(bytes: Vec<u8>) {
            let _ = Failure::from_json(&bytes);
        }
    }

    #[test]
    fn names_are_those_of_the_specification() {
        let cause = Failure::new("inner");
        let failure =
            Failure { stack_trace: "at a".into(), cause: Some(Box::new(cause)), ..Failure::new("outer") };
        let text = String::from_utf8(failure.typed("a.B", json!({ "x": 1 })).to_json()).unwrap();
        let expected = r#"{"message":"outer","stackTrace":"at a","metadata":{"type":"a.B"},"details":{"x":1},"cause":{"message":"inner"}}"#;
        assert_eq!(text, expected);
    }

    #[test]
    fn what_is_unknown_is_passed_over_and_what_is_none_is_none() {
        let read = Failure::from_json(br#"{"message":"m","later":true,"cause":null}"#).unwrap();
        assert_eq!(read, Failure::new("m"));
        assert_eq!(Failure::from_json(b"{}"), Some(Failure::default()));
        for text in
            ["", "[]", "1", "\"text\"", "null", "<html>", r#"{"message":1}"#, r#"{"metadata":{"a":1}}"#]
        {
            assert_eq!(Failure::from_json(text.as_bytes()), None, "{text}");
        }
        let deep = "{\"cause\":".repeat(100_000) + "{}" + &"}".repeat(100_000);
        assert_eq!(Failure::from_json(deep.as_bytes()), None, "too deep is none, and harms nobody");
    }
}
