//! Kept answers and changes of tags as they are stored: pairs of the system's namespace.
//!
//! An answer is two pairs. The one under its key holds it; the one under its end says when it is over and how large it is, so
//! that what is over is found without reading any.

use nexus_kernel::Json;
use nexus_kernel::call::RunAnswer;
use nexus_kernel::id::{Namespace, RunId, WorkflowId};
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::entry::{Entry, size};
use super::tags::TagId;

/// The form of stored answers. One of another form is none.
const VERSION: u8 = 1;

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct StoredAnswer {
    v: u8,
    output: Json,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<StoredRun>,
    pub(super) made: Timestamp,
    pub(super) ends: Timestamp,
    tags: Vec<(String, u64)>,
}

/// The run that made it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct StoredRun {
    namespace: Namespace,
    workflow_id: WorkflowId,
    run_id: RunId,
    workflow: String,
}

impl StoredAnswer {
    /// As this server's store keeps it.
    pub(super) fn of(entry: &Entry, ends: Timestamp) -> StoredAnswer {
        StoredAnswer::under(entry, ends, entry.made_under.iter())
    }

    /// As all servers find it: what the tags of one server's store are says nothing to others.
    pub(super) fn shared(entry: &Entry, ends: Timestamp) -> StoredAnswer {
        StoredAnswer::under(entry, ends, entry.shared())
    }

    fn under<'a>(
        entry: &Entry,
        ends: Timestamp,
        tags: impl Iterator<Item = &'a (TagId, u64)>,
    ) -> StoredAnswer {
        let run = entry.run.as_ref().map(|run| StoredRun {
            namespace: run.namespace.clone(),
            workflow_id: run.workflow_id.clone(),
            run_id: run.run_id.clone(),
            workflow: run.workflow.clone(),
        });
        let tags = tags.map(|(tag, generation)| (tag.as_str().to_owned(), *generation));
        StoredAnswer {
            v: VERSION,
            output: entry.output.clone(),
            run,
            made: entry.made,
            ends,
            tags: tags.collect(),
        }
    }

    pub(super) fn entry(self) -> Entry {
        let run = self.run.map(|run| RunAnswer {
            namespace: run.namespace,
            workflow_id: run.workflow_id,
            run_id: run.run_id,
            workflow: run.workflow,
            status: RunStatus::Completed,
            failure: None,
        });
        let made_under = self.tags.iter().map(|(tag, generation)| (TagId::stored(tag), *generation));
        let bytes = size(&self.output);
        Entry { made_under: made_under.collect(), run, made: self.made, bytes, output: self.output }
    }

    /// Reads one; nothing when it has another form.
    pub(super) fn read(value: Json) -> Option<StoredAnswer> {
        serde_json::from_value(value).ok().filter(|answer: &StoredAnswer| answer.v == VERSION)
    }

    pub(super) fn to_json(&self) -> Json {
        serde_json::to_value(self).unwrap_or_default() // it is made of JSON
    }
}

/// The change of a tag. Its generation is the version of the pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Renewed {
    pub(super) at: Timestamp,
}

impl Renewed {
    pub(super) fn read(value: &Json) -> Option<Renewed> {
        Renewed::deserialize(value).ok()
    }

    pub(super) fn to_json(&self) -> Json {
        serde_json::to_value(self).unwrap_or_default() // a number
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_stored_has_a_form_that_stays() {
        let entry = Entry {
            output: json!({ "total": 7 }),
            run: Some(RunAnswer {
                namespace: Namespace::new("shop").unwrap(),
                workflow_id: WorkflowId::new("w-1").unwrap(),
                run_id: RunId::parse("run_0688ab1tdpv3h9m5x7cq2wnk4e").unwrap(),
                workflow: "Price".into(),
                status: RunStatus::Completed,
                failure: None,
            }),
            made: Timestamp::from_millis(1_800_000_000_000),
            made_under: vec![(TagId::stored("00ff"), 3)],
            bytes: 11,
        };
        let stored = StoredAnswer::of(&entry, Timestamp::from_millis(1_800_000_060_000)).to_json();
        let renewed = Renewed { at: Timestamp::from_millis(1_800_000_000_000) }.to_json();
        insta::assert_json_snapshot!(json!([stored, renewed]));
        assert_eq!(StoredAnswer::read(stored).unwrap().entry(), entry);
    }

    #[test]
    fn another_form_is_none() {
        assert!(
            StoredAnswer::read(json!({ "v": 2, "output": 1, "made": 1, "ends": 2, "tags": [] })).is_none()
        );
        assert!(StoredAnswer::read(json!("x")).is_none());
        assert!(Renewed::read(&json!([])).is_none());
    }
}
