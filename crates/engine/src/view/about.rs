//! What a description of a run says beside its status and what it waits for.

use nexus_kernel::Json;
use nexus_kernel::time::Timestamp;
use serde_json::{Map, json};

use crate::decide::limits;
use crate::reset;
use crate::shard::Shared;
use crate::state::{KeyState, RunState};

/// Options, facts, counts and deadlines. What a run does not have is left out.
pub(super) fn about(shared: &Shared, run: &RunState, key: &KeyState) -> Map<String, Json> {
    let started = &run.started;
    let time = |at: Option<Timestamp>| at.map(|at| Json::from(at.to_string()));
    let options = &started.options;
    let ledger = shared.definitions.ledger();
    let version = ledger.of(run.definition());
    let from_here = |it: &&RunState| it.started.reset.as_ref().is_some_and(|reset| reset.run == run.run_id);
    let resets: Vec<_> = key.runs.iter().filter(from_here).map(|it| json!(it.run_id)).collect();
    let fields = [
        ("version", version.map(|version| json!(version.number))),
        ("stayed", run.pinned.stayed.as_ref().map(|(definition, failure)| json!({
            "version": ledger.of(definition).map(|version| version.number),
            "build_id": definition.short(), "failure": failure,
        }))),
        ("task_queue", Some(json!(started.task_queue))),
        ("attempt", Some(json!(started.attempt))),
        ("history_events", Some(json!(run.next_event - 1))),
        ("history_bytes", Some(json!(run.history_bytes))),
        ("signals", Some(json!(run.messages.signals()))),
        ("updates", Some(json!(run.messages.updates()))),
        ("updates_in_flight", Some(json!(run.messages.updates_in_flight()))),
        ("warnings", Some(json!(limits::warnings(run))).filter(|told| *told != json!([]))),
        ("first_run", started.first_run.as_ref().map(|first| json!(first))),
        ("continued_from", started.continued_from.as_ref().map(|from| json!(from))),
        ("imported", run.imported.map(|(at, exported_at)| json!({ "at": at.to_string(), "exported_at": exported_at.to_string() }))),
        ("reset_from", started.reset.as_ref().map(|reset| reset::record::shown(reset))),
        ("reset_to", Some(Json::Array(resets)).filter(|resets| *resets != json!([]))),
        ("parent", started.origin.as_ref().map(|origin| json!({
            "namespace": origin.key.namespace, "workflow_id": origin.key.workflow_id, "run_id": origin.run,
        }))),
        ("first_task_at", time(started.first_task_at)),
        ("run_deadline", time(started.run_deadline)),
        ("execution_deadline", time(started.execution_deadline)),
        ("task_timeout_ms", options.task_timeout_ms.map(Json::from)),
        ("retry_policy", options.retry.as_ref().map(|retry| json!(retry))),
        ("priority", options.priority.as_ref().map(|priority| json!(priority))),
        ("session_id", options.session.as_ref().map(|session| json!(session))),
        ("traceparent", options.trace.as_ref().map(|trace| json!(trace.parent))),
        ("summary", options.summary.as_ref().map(|summary| json!(summary))),
        ("details", run.details.as_ref().map(|details| json!(details))),
        ("last_result", Some(started.last_result.clone()).filter(|it| !it.is_null())),
        ("last_failure", started.last_failure.as_ref().map(|failure| json!(failure))),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
