//! `run.export` and `run.import`.

use nexus_kernel::Json;
use nexus_kernel::call::CallContext;
use nexus_kernel::error::Error;
use nexus_kernel::limits::EXPORT_BYTES_MAX;
use nexus_kernel::operation::{Effect, Operation};
use serde::Deserialize;
use serde_json::json;

use super::address::{Addressed, addressed};
use super::{Verb, object};
use crate::engine::{EngineHandle, Imported};
use crate::transfer::OpenRun;

/// The verbs.
pub(super) fn operations(engine: &EngineHandle) -> Vec<Operation> {
    let import = import_verb().handled(engine, import);
    vec![export_verb().handled(engine, export), Operation { input_bytes_max: EXPORT_BYTES_MAX, ..import }]
}

#[derive(Deserialize)]
struct ExportInput {
    #[serde(flatten)]
    run: Addressed,
}

fn export_verb() -> Verb {
    Verb {
        name: "run.export",
        title: "Export a run",
        doc: "A run as one text: its history, notes and definition, with a checksum. `run.import` takes it in elsewhere.",
        effect: Effect::Read,
        input: addressed(json!({}), &[]),
        output: json!({
            "type": "object",
            "properties": { "export": { "type": "string", "description": "JSON lines" } },
            "required": ["export"],
        }),
    }
}

async fn export(engine: EngineHandle, input: ExportInput, _: CallContext) -> Result<Json, Error> {
    let of = input.run.resolve(&engine).await?;
    Ok(json!({ "export": engine.export(&of).await? }))
}

#[derive(Deserialize)]
struct ImportInput {
    export: String,
    #[serde(default)]
    open: OpenRun,
}

fn import_verb() -> Verb {
    let properties = json!({
        "export": { "type": "string", "description": "what `run.export` gave" },
        "open": {
            "enum": OpenRun::NAMES, "default": "refuse",
            "description": "what becomes of a run that was open: it is refused, goes on here, or is terminated here",
        },
    });
    Verb {
        name: "run.import",
        title: "Import a run",
        doc: "Takes in a run that was exported elsewhere, under its own ids: to be shown, listed, replayed and reset.",
        effect: Effect::Write,
        input: object(&properties, &["export"]),
        output: json!({
            "type": "object",
            "properties": {
                "run_id": { "type": "string" },
                "workflow_id": { "type": "string" },
                "namespace": { "type": "string" },
                "replays": {
                    "type": "boolean",
                    "description": "whether its program does again what its history says",
                },
            },
            "required": ["run_id", "replays"],
        }),
    }
}

async fn import(engine: EngineHandle, input: ImportInput, _: CallContext) -> Result<Json, Error> {
    let Imported { key, run, replays } = engine.import(&input.export, input.open).await?;
    Ok(json!({
        "run_id": run,
        "workflow_id": key.workflow_id,
        "namespace": key.namespace,
        "replays": replays,
    }))
}
