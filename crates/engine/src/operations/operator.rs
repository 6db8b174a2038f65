//! What operators do to a run: cancel, terminate, pause and unpause it, and look where its program stands.

use nexus_kernel::Json;
use nexus_kernel::call::CallContext;
use nexus_kernel::error::Error;
use nexus_kernel::id::RunId;
use nexus_kernel::operation::{Effect, Operation};
use serde::Deserialize;
use serde_json::json;

use super::Verb;
use super::address::{Addressed, addressed};
use crate::engine::EngineHandle;
use crate::input::Input;

#[derive(Deserialize)]
struct Acting {
    #[serde(flatten)]
    run: Addressed,
    reason: Option<String>,
}

/// The verbs.
pub(super) fn operations(engine: &EngineHandle) -> Vec<Operation> {
    vec![
        acting("run.cancel", "Cancel a run", "Asks an open run to stop; its program may clean up first.")
            .handled(engine, |engine, input, _| {
                act(engine, input, "cancelled by request", |run, reason| Input::Cancel { run, reason })
            }),
        acting("run.terminate", "Terminate a run", "Ends an open run at once, without asking its program.")
            .handled(engine, |engine, input, _| {
                act(engine, input, "terminated by request", |run, reason| Input::Terminate { run, reason })
            }),
        acting("run.pause", "Pause a run", PAUSE).handled(engine, |engine, input, _| {
            act(engine, input, "paused by request", |run, reason| Input::Pause { run, reason, ends: false })
        }),
        acting(
            "run.unpause",
            "Unpause a run",
            "Lets a paused run go on with everything that has come together.",
        )
        .handled(engine, |engine, input, _| {
            act(engine, input, "unpaused by request", |run, reason| Input::Pause { run, reason, ends: true })
        }),
        stack_verb().handled(engine, stack),
    ]
}

const PAUSE: &str = "Stops the program of an open run for now. Timers, results and signals are kept for later, no \
                     further attempt of an activity begins, updates are refused; timeouts still hold.";

fn acting(name: &'static str, title: &'static str, doc: &'static str) -> Verb {
    let more = json!({ "reason": { "type": "string", "description": "kept in the history" } });
    let (input, output) = (addressed(more, &[]), json!({ "type": "object" }));
    Verb { name, title, doc, effect: Effect::Write, input, output }
}

async fn act(
    engine: EngineHandle,
    input: Acting,
    reason: &'static str,
    what: fn(Option<RunId>, String) -> Input,
) -> Result<Json, Error> {
    let to = input.run.resolve(&engine).await?;
    let reason = input.reason.unwrap_or_else(|| reason.to_owned());
    engine.operate(&to, what(to.run.clone(), reason)).await?;
    Ok(json!({}))
}

fn stack_verb() -> Verb {
    Verb {
        name: "run.stack",
        title: "Show where a run stands",
        doc: "The statements of an open run that wait, each with its line, its source and what it waits for.",
        effect: Effect::Read,
        input: addressed(json!({}), &[]),
        output: json!({
            "type": "object",
            "properties": {
                "run_id": { "type": "string" },
                "status": { "type": "string" },
                "stack": { "type": "array", "items": { "type": "object" } },
                "blocked": { "description": "why the program cannot go on, when it cannot" },
            },
            "required": ["run_id", "status", "stack"],
        }),
    }
}

async fn stack(engine: EngineHandle, input: Acting, _: CallContext) -> Result<Json, Error> {
    let to = input.run.resolve(&engine).await?;
    let view = engine.show_at(&to).await?;
    Ok(json!({
        "run_id": view.row.run_id,
        "status": view.row.status,
        "stack": view.waits,
        "blocked": view.blocked,
    }))
}
