//! Keeping secrets out of texts: whatever an execution read with `ctx.secret` is taken out of what leaves it by itself.
//!
//! Log lines, failures and results, heartbeats, and what starts or signals a run are looked through. A secret is found
//! as it stands and as JSON writes it. One that a script takes apart or encodes is not: what a function does with a
//! secret that it was granted is its author's to answer for.

use std::sync::{Mutex, MutexGuard, PoisonError};

use nexus_kernel::Json;
use nexus_kernel::failure::Failure;
use nexus_kernel::port::secret::Secret;

use crate::error::CallErrorKind;
use crate::outcome::LogLine;

/// The secrets that an execution has read.
#[derive(Default)]
pub(crate) struct Redactions(Mutex<Vec<Reading>>);

struct Reading {
    name: String,
    secret: Secret,
    /// The secret as it may stand in a text: itself, and the way JSON writes it.
    forms: Vec<String>,
}

impl Redactions {
    /// A secret was read; from now on it is taken out.
    pub(crate) fn add(&self, name: &str, secret: &Secret) {
        let mut readings = self.lock();
        if readings.iter().any(|reading| reading.secret == *secret) {
            return;
        }
        let quoted = Json::from(secret.reveal()).to_string();
        let mut forms = vec![quoted.trim_matches('"').to_owned(), secret.reveal().to_owned()];
        forms.dedup();
        readings.push(Reading { name: name.to_owned(), secret: secret.clone(), forms });
        // A secret may be part of another one: the longest goes first.
        readings.sort_by_key(|reading| std::cmp::Reverse(reading.secret.reveal().len()));
    }

    /// Whether any was read.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Takes secrets out of a text; true when there was one.
    pub(crate) fn text(&self, text: &mut String) -> bool {
        let readings = self.lock();
        let mut found = false;
        for reading in readings.iter() {
            for form in reading.forms.iter().filter(|form| !form.is_empty()) {
                if text.contains(form.as_str()) {
                    found = true;
                    *text = text.replace(form.as_str(), &format!("[secret {}]", reading.name));
                }
            }
        }
        found
    }

    /// Takes secrets out of a value, names of fields included; true when there was one.
    pub(crate) fn json(&self, value: &mut Json) -> bool {
        if self.is_empty() {
            return false;
        }
        match value {
            Json::String(text) => self.text(text),
            Json::Array(values) => values.iter_mut().fold(false, |found, value| self.json(value) | found),
            Json::Object(fields) => {
                let mut found = false;
                let old = std::mem::take(fields);
                for (mut name, mut value) in old {
                    found |= self.text(&mut name) | self.json(&mut value);
                    fields.insert(name, value);
                }
                found
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => false,
        }
    }

    /// Takes secrets out of lines.
    pub(crate) fn lines(&self, lines: &mut [LogLine]) {
        if self.is_empty() {
            return;
        }
        for line in lines {
            self.text(&mut line.message);
        }
    }

    /// Takes secrets out of why a call failed.
    pub(crate) fn kind(&self, kind: CallErrorKind) -> CallErrorKind {
        if self.is_empty() {
            return kind;
        }
        match kind {
            CallErrorKind::Threw(failure) => CallErrorKind::Threw(Box::new(self.failure(*failure))),
            CallErrorKind::Denied(failure) => CallErrorKind::Denied(Box::new(self.failure(*failure))),
            CallErrorKind::Failed(mut text) => {
                self.text(&mut text);
                CallErrorKind::Failed(text)
            }
            other => other,
        }
    }

    fn failure(&self, mut failure: Failure) -> Failure {
        self.text(&mut failure.type_name);
        self.text(&mut failure.message);
        failure.details.iter_mut().for_each(|detail| {
            self.json(detail);
        });
        failure.cause = failure.cause.take().map(|cause| Box::new(self.failure(*cause)));
        failure
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Reading>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_taken_out_wherever_they_stand() {
        let redactions = Redactions::default();
        let mut untouched = json!({"a": "sesame"});
        assert!(!redactions.json(&mut untouched));
        redactions.add("door", &Secret::new("sesame"));
        redactions.add("gate", &Secret::new("open \"sesame\"\n"));
        let mut value = json!({"sesame": [1, "a sesame b", null, {"x": "open \"sesame\"\n"}], "y": "{\"p\":\"open \\\"sesame\\\"\\n\"}"});
        assert!(redactions.json(&mut value));
        let expected = json!({"[secret door]": [1, "a [secret door] b", null, {"x": "[secret gate]"}], "y": "{\"p\":\"[secret gate]\"}"});
        assert_eq!(value, expected);
    }

    #[test]
    fn failures_are_looked_through_with_their_causes() {
        let redactions = Redactions::default();
        redactions.add("door", &Secret::new("sesame"));
        let mut failure = Failure::application("E-sesame", "no sesame");
        failure.details = vec![json!(["sesame"])];
        failure.cause = Some(Box::new(Failure::application("Error", "deep sesame")));
        let CallErrorKind::Threw(told) = redactions.kind(CallErrorKind::Threw(Box::new(failure))) else {
            panic!("another kind");
        };
        assert!(!serde_json::to_string(&told).unwrap().contains("sesame"), "{told:?}");
        assert_eq!(format!("{:?}", Secret::new("sesame")), "Secret(…)");
    }
}
