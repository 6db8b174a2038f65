//! The messages that a run has taken in: enough to recognise repetitions and to count.

use std::collections::{BTreeMap, BTreeSet};

use crate::record::Event;

/// Signals and updates of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Messages {
    /// Request ids of the signals.
    signals: BTreeSet<String>,
    /// Ids of the accepted updates, and whether each has its answer. The answers are in history.
    updates: BTreeMap<String, bool>,
    /// Updates that have no answer yet.
    in_flight: usize,
}

impl Messages {
    /// Whether a message is a repetition.
    pub fn knows(&self, event: &Event) -> bool {
        match event {
            Event::WorkflowExecutionSignaled { request_id, .. } => self.signals.contains(request_id),
            Event::WorkflowExecutionUpdateAccepted { id, .. } => self.updates.contains_key(id),
            _ => false,
        }
    }

    /// Whether an update was accepted, and whether it has its answer.
    pub fn update(&self, id: &str) -> Option<bool> {
        self.updates.get(id).copied()
    }

    /// How many signals have arrived.
    pub fn signals(&self) -> usize {
        self.signals.len()
    }

    /// How many updates were accepted.
    pub fn updates(&self) -> usize {
        self.updates.len()
    }

    /// How many updates have no answer yet.
    pub fn updates_in_flight(&self) -> usize {
        self.in_flight
    }

    /// Takes in an event.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::WorkflowExecutionSignaled { request_id, .. } => {
                self.signals.insert(request_id.clone());
            }
            Event::WorkflowExecutionUpdateAccepted { id, .. } => {
                let is_new = self.updates.insert(id.clone(), false).is_none();
                self.in_flight += usize::from(is_new);
            }
            Event::WorkflowExecutionUpdateCompleted { id, .. } => {
                let was_open = self.updates.insert(id.clone(), true) == Some(false);
                self.in_flight -= usize::from(was_open);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_kernel::Json;

    #[test]
    fn repetitions_are_known_and_counted_once() {
        let mut messages = Messages::default();
        let signal =
            Event::WorkflowExecutionSignaled { name: "S".into(), input: Json::Null, request_id: "r".into() };
        let (id, name, input) = ("u".to_owned(), "U".to_owned(), Json::Null);
        let accepted = Event::WorkflowExecutionUpdateAccepted { id: id.clone(), name, input };
        for event in [&signal, &signal, &accepted] {
            messages.apply(event);
        }
        assert!(messages.knows(&signal) && messages.knows(&accepted));
        assert_eq!((messages.signals(), messages.updates(), messages.updates_in_flight()), (1, 1, 1));
        let (seq, result, at) = (1, Json::Null, String::new());
        let completed = Event::WorkflowExecutionUpdateCompleted { seq, id, result, failure: None, at };
        messages.apply(&completed);
        messages.apply(&completed);
        assert_eq!((messages.update("u"), messages.updates_in_flight()), (Some(true), 0));
    }
}
