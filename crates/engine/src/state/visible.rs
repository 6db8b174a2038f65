//! What the list of runs shows of a run: its row, its memo, and what it can be searched by.

use nexus_kernel::Json;
use nexus_kernel::id::Key;
use nexus_kernel::port::runs::{HistorySize, RunRef, RunRow};
use nexus_kernel::time::Timestamp;
use nexus_kernel::visibility::{AttributeValue, Attributes};
use serde_json::Map;

use crate::record::{Event, OriginKind, Started};
use crate::schedule::KEY_PREFIX;
use crate::state::RunState;

/// What a run's starter and program noted about it.
#[derive(Debug, Clone, Default)]
pub struct Visible {
    /// The memo's fields.
    pub memo: Map<String, Json>,
    /// The search attributes as they were given, without types.
    pub search_attributes: Map<String, Json>,
}

impl Visible {
    /// What a run begins with.
    pub fn of(started: &Started) -> Visible {
        let mut visible = Visible::default();
        merge(&mut visible.memo, &started.memo);
        merge(&mut visible.search_attributes, &started.search_attributes);
        visible
    }

    /// Takes in an event. A field that is set to null is taken away.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::WorkflowPropertiesModified { memo, .. } => merge(&mut self.memo, memo),
            Event::UpsertWorkflowSearchAttributes { attributes, .. } => {
                merge(&mut self.search_attributes, attributes);
            }
            _ => {}
        }
    }

    /// The memo as a run's successor begins with it.
    pub fn memo_json(&self) -> Json {
        object_or_null(&self.memo)
    }

    /// The search attributes as a run's successor begins with them.
    pub fn search_attributes_json(&self) -> Json {
        object_or_null(&self.search_attributes)
    }
}

fn merge(into: &mut Map<String, Json>, fields: &Json) {
    for (name, value) in fields.as_object().into_iter().flatten() {
        if value.is_null() {
            into.remove(name);
        } else {
            into.insert(name.clone(), value.clone());
        }
    }
}

fn object_or_null(fields: &Map<String, Json>) -> Json {
    if fields.is_empty() { Json::Null } else { Json::Object(fields.clone()) }
}

/// Whether a run's row changes with an event.
pub fn changes_row(event: &Event) -> bool {
    matches!(
        event,
        Event::WorkflowExecutionStarted(_)
            | Event::WorkflowExecutionPaused { .. }
            | Event::WorkflowExecutionUnpaused { .. }
            | Event::WorkflowPropertiesModified { .. }
            | Event::UpsertWorkflowSearchAttributes { .. }
            | Event::MarkerRecorded { .. }
    ) || event.closes()
}

impl RunState {
    /// When its first task was due.
    pub fn execution_at(&self) -> Timestamp {
        self.started.first_task_at.unwrap_or_else(|| self.created_at())
    }

    /// Its row in the list of runs, with its search attributes as the namespace types them.
    pub fn row(&self, key: &Key, attributes: Attributes) -> RunRow {
        let origin = self.started.origin.as_ref().filter(|origin| origin.kind == OriginKind::Child);
        let parent = origin
            .map(|origin| RunRef { workflow_id: origin.key.workflow_id.clone(), run_id: origin.run.clone() });
        let top = origin.and_then(|origin| origin.root.clone());
        let root = top.map(|(workflow_id, run_id)| RunRef { workflow_id, run_id }).or_else(|| parent.clone());
        let mut attributes = attributes;
        if let Some(schedule) = self.schedule() {
            attributes.set("TemporalScheduledById", AttributeValue::Keyword(schedule.to_owned()));
        }
        self.report_definition(&mut attributes);
        let history = (!self.status.is_open()).then(|| HistorySize {
            events: self.next_event.saturating_sub(1),
            bytes: self.history_bytes,
            transitions: self.transitions,
        });
        RunRow {
            status: self.status,
            execution_at: self.execution_at(),
            closed_at: self.closed_at,
            task_queue: self.started.task_queue.clone(),
            definition: Some(self.definition().clone()),
            history,
            parent,
            root,
            memo: self.visible.memo_json(),
            attributes,
            ..RunRow::started(
                key.clone(),
                self.run_id.clone(),
                self.started.workflow.clone(),
                self.created_at(),
            )
        }
    }

    /// The schedule that started it.
    fn schedule(&self) -> Option<&str> {
        let origin = self.started.origin.as_ref().filter(|origin| origin.kind == OriginKind::Schedule)?;
        origin.key.workflow_id.as_str().strip_prefix(KEY_PREFIX)
    }

    /// The run at the top of its tree, as a child of this run names it; absent when that is this run itself.
    pub fn root(&self) -> Option<(nexus_kernel::id::WorkflowId, nexus_kernel::id::RunId)> {
        let origin = self.started.origin.as_ref().filter(|origin| origin.kind == OriginKind::Child)?;
        let parent = || (origin.key.workflow_id.clone(), origin.run.clone());
        Some(origin.root.clone().unwrap_or_else(parent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_are_merged_and_null_takes_one_away() {
        let mut visible = Visible::default();
        let upsert = |attributes: Json| Event::UpsertWorkflowSearchAttributes {
            seq: 1,
            attributes,
            at: String::new(),
        };
        visible.apply(&upsert(json!({ "Tier": "gold", "Count": 1 })));
        visible.apply(&upsert(json!({ "Tier": null, "Count": 2 })));
        assert_eq!(visible.search_attributes_json(), json!({ "Count": 2 }));
        assert_eq!(visible.memo_json(), Json::Null);
    }
}
