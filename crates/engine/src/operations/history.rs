//! `run.history`: the events of a run, all of them or those that are new.

use std::time::Duration;

use nexus_kernel::operation::{Effect, Operation};
use serde::Deserialize;
use serde_json::json;

use super::Verb;
use super::address::{Addressed, addressed};
use crate::engine::EngineHandle;

#[derive(Deserialize)]
struct HistoryInput {
    #[serde(flatten)]
    run: Addressed,
    #[serde(default)]
    after: u64,
    #[serde(default)]
    wait_ms: u64,
}

/// The verb.
pub(super) fn run_history(engine: &EngineHandle) -> Operation {
    let more = json!({
        "after": { "type": "integer", "minimum": 0, "description": "only events after this one" },
        "wait_ms": {
            "type": "integer", "minimum": 0,
            "description": "wait this many milliseconds for an event, unless there is one or the run has ended",
        },
    });
    let output = json!({
        "type": "object",
        "properties": { "events": { "type": "array", "items": { "type": "object" } } },
        "required": ["events"],
    });
    let (title, doc) = (
        "Show a run's history",
        "Every event of a run, in order. To follow a run, ask again with the number of the last event and a wait.",
    );
    let input = addressed(more, &[]);
    let verb = Verb { name: "run.history", title, doc, effect: Effect::Read, input, output };
    verb.handled(engine, |engine: EngineHandle, input: HistoryInput, _| async move {
        let run = input.run.run(&engine).await?;
        let limit = Duration::from_millis(input.wait_ms);
        Ok(engine.news(&run, input.after, limit).await?.to_json())
    })
}
