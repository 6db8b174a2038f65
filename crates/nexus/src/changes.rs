//! What a reload changed about what can be called.

use std::collections::BTreeMap;
use std::sync::Arc;

use nexus_kernel::Json;
use nexus_kernel::operation::Operation;
use serde_json::json;

/// Ids of workflows that came, went, or look different to callers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// They can be called now.
    pub added: Vec<String>,
    /// They cannot be called any more.
    pub removed: Vec<String>,
    /// Their input, output, description or contract is another one.
    pub changed: Vec<String>,
}

impl Changes {
    /// What is different between two states of the catalogue.
    pub fn between(before: &[Arc<Operation>], after: &[Arc<Operation>]) -> Changes {
        let named = |all: &[Arc<Operation>]| {
            let workflows = all.iter().filter(|operation| operation.is_workflow());
            workflows.map(|operation| (operation.id(), Arc::clone(operation))).collect::<BTreeMap<_, _>>()
        };
        let (before, after) = (named(before), named(after));
        let mut changes = Changes::default();
        for (id, operation) in &after {
            match before.get(id) {
                None => changes.added.push(id.clone()),
                Some(old) if !looks_alike(old, operation) => changes.changed.push(id.clone()),
                Some(_) => {}
            }
        }
        changes.removed = before.into_keys().filter(|id| !after.contains_key(id)).collect();
        changes
    }

    /// Whether callers see no difference.
    pub fn is_empty(&self) -> bool {
        *self == Changes::default()
    }

    /// In a line, for people.
    pub fn told(&self) -> String {
        let parts = [("new", &self.added), ("gone", &self.removed), ("changed", &self.changed)];
        let parts = parts.into_iter().filter(|(_, ids)| !ids.is_empty());
        let parts: Vec<_> = parts.map(|(word, ids)| format!("{word}: {}", ids.join(", "))).collect();
        parts.join("; ")
    }

    /// As the data of an event.
    pub fn to_json(&self) -> Json {
        json!({ "added": self.added, "removed": self.removed, "changed": self.changed })
    }
}

fn looks_alike(old: &Operation, new: &Operation) -> bool {
    old.title == new.title
        && old.doc == new.doc
        && old.input == new.input
        && old.output == new.output
        && old.contract == new.contract
}
