//! `workflow.check`: which open runs could go on with a version, or with files that are not deployed yet.

use std::sync::Arc;

use nexus_kernel::Json;
use nexus_kernel::call::CallContext;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::operation::{Effect, Operation};
use nexus_lang::text::diagnostic::Severity;
use nexus_lang::text::source::Sources;
use nexus_lang::twf::check::{CheckOptions, KnownEndpoints};
use serde::Deserialize;
use serde_json::json;

use super::{Verb, object};
use crate::definition::Definition;
use crate::engine::EngineHandle;
use crate::version::{CheckOf, Checked, Problem};

/// Runs that are tried unless the caller wants more.
const RUNS_DEFAULT: usize = 1_000;

/// Runs that one call tries at most.
const RUNS_MAX: usize = 100_000;

#[derive(Deserialize)]
struct CheckInput {
    files: Option<Vec<FileInput>>,
    version: Option<Json>,
    namespace: Option<Namespace>,
    workflow: Option<String>,
    #[serde(default)]
    pinned: bool,
    limit: Option<usize>,
}

#[derive(Deserialize)]
struct FileInput {
    path: String,
    text: String,
}

/// The verb.
pub(super) fn operation(engine: &EngineHandle) -> Operation {
    let file = json!({
        "type": "object",
        "properties": { "path": { "type": "string" }, "text": { "type": "string" } },
        "required": ["path", "text"],
        "additionalProperties": false,
    });
    let input = object(
        &json!({
            "files": { "type": "array", "items": file, "description": "all workflow files of a project that is not deployed" },
            "version": { "type": ["string", "integer"], "description": "instead of files: a version; else the current one" },
            "namespace": { "type": "string", "description": "only runs of this namespace" },
            "workflow": { "type": "string", "description": "only runs of this workflow" },
            "pinned": { "type": "boolean", "description": "try runs that keep their version, too" },
            "limit": {
                "type": "integer", "minimum": 1, "maximum": RUNS_MAX,
                "description": format!("most runs to try; {RUNS_DEFAULT} when absent"),
            },
        }),
        &[],
    );
    let figure = json!({ "type": "integer" });
    let output = json!({
        "type": "object",
        "properties": {
            "build_id": { "type": "string" },
            "open": figure, "have": figure, "pinned": figure, "follow": figure, "stay": figure, "left_out": figure,
            "problems": { "type": "array", "items": { "type": "object" } },
        },
        "required": ["build_id", "open", "have", "pinned", "follow", "stay", "left_out", "problems"],
    });
    let verb = Verb {
        name: "workflow.check",
        title: "Check open runs against a version",
        doc: "Replays the histories of open runs on a version, or on files that are not deployed, and tells which runs \
              could go on with it and where the others would do something else. Nothing is changed.",
        effect: Effect::Read,
        input,
        output,
    };
    verb.handled(engine, check)
}

async fn check(engine: EngineHandle, input: CheckInput, _: CallContext) -> Result<Json, Error> {
    let definition = definition(&engine, &input).await?;
    let limit = input.limit.unwrap_or(RUNS_DEFAULT).min(RUNS_MAX);
    let CheckInput { namespace, workflow, pinned, .. } = input;
    let checked = engine.check_runs(&definition, &CheckOf { namespace, workflow, pinned, limit }).await?;
    Ok(told(&definition, &checked))
}

async fn definition(engine: &EngineHandle, input: &CheckInput) -> Result<Arc<Definition>, Error> {
    if let Some(files) = &input.files {
        return compiled(files);
    }
    let none = || Error::new(&code::VERSION_UNKNOWN, "no project is deployed");
    match &input.version {
        None => engine.definition().ok_or_else(none),
        Some(Json::String(name)) => engine.definition_of(&engine.version(name)?).await,
        Some(number) => engine.definition_of(&engine.version(&number.to_string())?).await,
    }
}

fn compiled(files: &[FileInput]) -> Result<Arc<Definition>, Error> {
    let mut sources = Sources::new();
    for file in files {
        sources.add(&file.path, &file.text);
    }
    // Which endpoints there are says the configuration beside these files, and they were checked with it.
    let endpoints = KnownEndpoints::any();
    let options = CheckOptions { lenient: false, endpoints: &endpoints };
    let (definition, sources, found) = Definition::compile_checked(sources, options);
    definition.ok_or_else(|| {
        let mut error = Error::new(&code::PROJECT_INVALID, "the files have errors");
        for found in found.iter().filter(|found| found.severity == Severity::Error) {
            let place = found.span.map(|span| sources.locate(span).to_string()).unwrap_or_default();
            error = error.fault(place, format!("{} [{}]", found.message, found.code));
        }
        error.help("`nexus check` shows them with their lines")
    })
}

fn told(definition: &Definition, checked: &Checked) -> Json {
    json!({
        "build_id": definition.hash.short(),
        "open": checked.open,
        "have": checked.have,
        "pinned": checked.pinned,
        "follow": checked.follow,
        "stay": checked.stay,
        "left_out": checked.left_out,
        "problems": checked.problems.iter().map(problem).collect::<Vec<_>>(),
    })
}

fn problem(problem: &Problem) -> Json {
    let Problem { row, failure } = problem;
    json!({
        "run_id": row.run_id,
        "workflow_id": row.key.workflow_id,
        "namespace": row.key.namespace,
        "workflow": row.workflow,
        "at": failure.at,
        "type": failure.type_name,
        "message": failure.message,
        "details": failure.details.first(),
    })
}
