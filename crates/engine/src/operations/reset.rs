//! `run.reset`: a run begun anew from an earlier workflow task.

use nexus_kernel::Json;
use nexus_kernel::call::CallContext;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::limits::ID_BYTES_MAX;
use nexus_kernel::operation::{Effect, Operation};
use serde::Deserialize;
use serde_json::json;

use super::Verb;
use super::address::{Addressed, addressed};
use super::messages::request_id;
use crate::engine::EngineHandle;
use crate::reset::{Pin, Reapply, ResetRequest, Target};

/// Names of tasks that a caller need not know the event of.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Task {
    FirstTask,
    LastTask,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DefinitionWord {
    #[default]
    Current,
    Pinned,
}

#[derive(Deserialize)]
struct ResetInput {
    #[serde(flatten)]
    run: Addressed,
    event: Option<u64>,
    to: Option<Task>,
    build_id: Option<String>,
    #[serde(default)]
    current_run_only: bool,
    reason: Option<String>,
    #[serde(default)]
    exclude: Vec<Reapply>,
    #[serde(default)]
    definition: DefinitionWord,
    request_id: Option<String>,
}

/// The verb.
pub(super) fn operation(engine: &EngineHandle) -> Operation {
    let verb = Verb {
        name: "run.reset",
        title: "Reset a run",
        doc: "Begins a run anew from an earlier workflow task: a new run takes over the history up to there, does the \
              task again, and is given the signals and updates that came later. An open run is ended for it.",
        effect: Effect::Write,
        input: addressed(properties(), &[]),
        output: json!({
            "type": "object",
            "properties": {
                "run_id": { "type": "string", "description": "the new run" },
                "workflow_id": { "type": "string" },
                "namespace": { "type": "string" },
                "existing": { "type": "boolean", "description": "whether an equal request made it earlier" },
            },
            "required": ["run_id"],
        }),
    };
    verb.handled(engine, reset)
}

fn properties() -> Json {
    json!({
        "event": {
            "type": "integer", "minimum": 1,
            "description": "the event that ended a workflow task, which is done again; what is before it is kept",
        },
        "to": { "enum": ["first_task", "last_task"], "description": "instead of `event`: which task is done again" },
        "build_id": {
            "type": "string", "minLength": 4,
            "description": "instead of `event`: the first task that this definition handled, by the beginning of its hash",
        },
        "current_run_only": {
            "type": "boolean", "default": false,
            "description": "look for `build_id` in the run itself only, not in those that it continues",
        },
        "reason": { "type": "string", "description": "kept in the histories of both runs" },
        "exclude": {
            "type": "array", "items": { "enum": Reapply::NAMES },
            "description": "what came after the point and is not applied again",
        },
        "definition": {
            "enum": ["current", "pinned"], "default": "current",
            "description": "whether the run goes on with the definition that new runs get, or with the one it had",
        },
        "request_id": {
            "type": "string", "minLength": 1, "maxLength": ID_BYTES_MAX, "description": "equal ids are one reset",
        },
    })
}

async fn reset(engine: EngineHandle, input: ResetInput, context: CallContext) -> Result<Json, Error> {
    let given = request_id(&engine, input.request_id.clone(), &context)?;
    let to = input.run.resolve(&engine).await?;
    let request = ResetRequest {
        run: None,
        target: target(&input)?,
        reason: input.reason.unwrap_or_else(|| "reset by request".to_owned()),
        exclude: input.exclude,
        pin: match input.definition {
            DefinitionWord::Current => Pin::Current,
            DefinitionWord::Pinned => Pin::Pinned,
        },
        // A start and a reset may have equal keys without being one request.
        request_id: format!("reset:{given}"),
    };
    let (run, existing) = engine.reset(&to, request).await?;
    Ok(json!({
        "run_id": run,
        "workflow_id": to.key.workflow_id,
        "namespace": to.key.namespace,
        "existing": existing,
    }))
}

fn target(input: &ResetInput) -> Result<Target, Error> {
    match (input.event, input.to, &input.build_id) {
        (Some(event), None, None) => Ok(Target::Event(event)),
        (None, Some(Task::FirstTask), None) => Ok(Target::FirstTask),
        (None, Some(Task::LastTask), None) => Ok(Target::LastTask),
        (None, None, Some(id)) => {
            Ok(Target::Build { id: id.clone(), current_run_only: input.current_run_only })
        }
        _ => Err(Error::new(&code::INPUT_INVALID, "the input names no place to reset to, or several")
            .fault("/to", "give one of `event`, `to` and `build_id`")
            .help("`nexus run history` shows the events; `to: last_task` does the last task again")),
    }
}
