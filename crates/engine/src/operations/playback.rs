//! `run.replay`: a run step by step.

use nexus_kernel::operation::{Effect, Operation};
use serde::Deserialize;
use serde_json::json;

use super::Verb;
use super::address::{Addressed, addressed};
use crate::engine::EngineHandle;

#[derive(Deserialize)]
struct ReplayInput {
    #[serde(flatten)]
    run: Addressed,
    to: Option<u64>,
}

/// The verb.
pub(super) fn run_replay(engine: &EngineHandle) -> Operation {
    let to = json!({ "to": { "type": "integer", "minimum": 1, "description": "the last event to play; all when absent" } });
    let output = json!({
        "type": "object",
        "properties": {
            "events": { "type": "array", "items": { "type": "object" }, "description": "each with `changes` and `waits` where a task ended" },
            "variables": { "type": "object", "description": "what the variables hold after the last of them" },
            "waits": { "type": "array", "items": { "type": "object" }, "description": "what the program waits for then" },
        },
        "required": ["events", "variables", "waits"],
    });
    let (title, doc) = (
        "Replay a run",
        "Steps through a run in time: what each event changed, what the program waited for.",
    );
    let verb =
        Verb { name: "run.replay", title, doc, effect: Effect::Read, input: addressed(to, &[]), output };
    verb.handled(engine, |engine: EngineHandle, input: ReplayInput, _| async move {
        engine.playback(&input.run.run(&engine).await?, input.to).await
    })
}
