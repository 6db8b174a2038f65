//! `run.replay`: a run step by step.

use nexus_kernel::id::RunId;
use nexus_kernel::operation::{Effect, Operation};
use serde::Deserialize;
use serde_json::json;

use super::{Verb, object, run_id_property};
use crate::engine::EngineHandle;

#[derive(Deserialize)]
struct ReplayInput {
    run_id: String,
    to: Option<u64>,
}

/// The verb.
pub(super) fn run_replay(engine: &EngineHandle) -> Operation {
    let mut properties = run_id_property();
    if let Some(fields) = properties.as_object_mut() {
        let to = json!({ "type": "integer", "minimum": 1, "description": "the last event to play; all when absent" });
        fields.insert("to".into(), to);
    }
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
    let verb = Verb {
        name: "run.replay",
        title,
        doc,
        effect: Effect::Read,
        input: object(&properties, &["run_id"]),
        output,
    };
    verb.handled(engine, |engine: EngineHandle, input: ReplayInput, _| async move {
        engine.playback(&RunId::parse(&input.run_id)?, input.to).await
    })
}
