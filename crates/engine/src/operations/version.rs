//! The versions of a project: what was deployed, and which version new runs get.

use nexus_kernel::Json;
use nexus_kernel::call::CallContext;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::time::Timestamp;
use serde::Deserialize;
use serde_json::{Map, json};

use super::address::{Addressed, addressed};
use super::{Verb, object};
use crate::engine::EngineHandle;
use crate::version::{Choice, Ledger, Percentage, RunsOf, Version};

/// The verbs.
pub(super) fn operations(engine: &EngineHandle) -> Vec<Operation> {
    let promote = change(
        "workflow.promote",
        "Promote a version",
        "Gives new runs this version of the project, although its files are of another one. Open runs keep theirs.",
        ("the version: its number, or its build id or the beginning of it", &["version"]),
    );
    let roll_back = change(
        "workflow.rollback",
        "Roll back to an earlier version",
        "Gives new runs the version that was current before, or the one that is named. Open runs keep theirs.",
        ("the version; the one that was current before when none is named", &[]),
    );
    vec![
        versions_verb().handled(engine, versions),
        upgrade_verb().handled(engine, upgrade),
        promote.handled(engine, promote_it),
        roll_back.handled(engine, roll_it_back),
        ramp_verb().handled(engine, ramp),
    ]
}

#[derive(Deserialize)]
struct VersionsInput {
    workflow: Option<String>,
    namespace: Option<Namespace>,
}

fn versions_verb() -> Verb {
    let input = object(
        &json!({
            "workflow": { "type": "string", "description": "only versions that have this workflow, and its runs" },
            "namespace": { "type": "string", "description": "count runs of this namespace only" },
        }),
        &[],
    );
    let output = json!({
        "type": "object",
        "properties": { "versions": { "type": "array", "items": { "type": "object" } } },
        "required": ["versions"],
    });
    Verb {
        name: "workflow.versions",
        title: "List versions",
        doc: "Every version of the project that is still known, the newest first: when it was deployed, which files \
              changed, whether new runs get it or a part of them, and how many runs it has.",
        effect: Effect::Read,
        input,
        output,
    }
}

async fn versions(engine: EngineHandle, input: VersionsInput, _: CallContext) -> Result<Json, Error> {
    let runs = engine.runs_by_version(input.namespace.as_ref(), input.workflow.as_deref()).await?;
    let ledger = engine.versions();
    let mut shown = Vec::new();
    for version in ledger.versions.iter().rev() {
        let runs = runs.get(version.build_id()).copied().unwrap_or_default();
        let mut fields = described(&ledger, version, runs);
        if let Some(workflow) = &input.workflow {
            let has_none = runs == RunsOf::default();
            match file_of(&engine, version, workflow).await {
                Some(None) if has_none => continue,
                Some(Some(file)) => {
                    let changes = &version.changes;
                    let changed = changes.added.contains(&file) || changes.changed.contains(&file);
                    fields.insert("file".into(), json!(file));
                    fields.insert("file_changed".into(), json!(changed));
                }
                _ => {}
            }
        }
        shown.push(Json::Object(fields));
    }
    Ok(json!({ "versions": shown }))
}

/// The file of a workflow in a version; nothing inside when it has no such workflow, nothing at all when the version
/// cannot be read.
async fn file_of(engine: &EngineHandle, version: &Version, workflow: &str) -> Option<Option<String>> {
    let definition = engine.definition_of(version).await.ok()?;
    let found = definition.program.workflow(workflow);
    Some(found.and_then(|found| Some(definition.sources.get(found.span.source)?.path.to_string())))
}

fn described(ledger: &Ledger, version: &Version, runs: RunsOf) -> Map<String, Json> {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let is_current = version.number == ledger.current;
    let fields = json!({
        "version": version.number,
        "build_id": version.build_id(),
        "definition": version.definition,
        "current": is_current,
        "held": is_current && ledger.held,
        "ramping": ledger.ramping(version.number),
        "is_files": version.number == ledger.files,
        "deployed_at": version.deployed_at.to_string(),
        "promoted_at": time(version.promoted_at),
        "replaced_at": time(version.replaced_at),
        "added": version.changes.added,
        "changed": version.changes.changed,
        "removed": version.changes.removed,
        "open_runs": runs.open,
        "closed_runs": runs.closed,
    });
    match fields {
        Json::Object(fields) => fields,
        _ => Map::new(),
    }
}

#[derive(Deserialize)]
struct UpgradeInput {
    #[serde(flatten)]
    run: Addressed,
    version: Option<Json>,
}

fn upgrade_verb() -> Verb {
    let version = json!({
        "version": {
            "type": ["string", "integer"],
            "description": "the version: its number or build id; the current one when none is named",
        },
    });
    Verb {
        name: "run.upgrade",
        title: "Move a run to another version",
        doc: "Lets an open run go on with another version of the project, after its whole history was replayed on it. A run \
              whose program cannot go on tries again. A run that would differ from its history keeps its version.",
        effect: Effect::Write,
        input: addressed(version, &[]),
        output: json!({
            "type": "object",
            "properties": { "version": { "type": "integer" }, "build_id": { "type": "string" } },
            "required": ["version", "build_id"],
        }),
    }
}

async fn upgrade(engine: EngineHandle, input: UpgradeInput, _: CallContext) -> Result<Json, Error> {
    let to = input.run.resolve(&engine).await?;
    let version = engine.upgrade(&to, input.version.map(named).as_deref()).await?;
    Ok(json!({ "version": version.number, "build_id": version.build_id() }))
}

/// How a version was named.
fn named(version: Json) -> String {
    match version {
        Json::String(name) => name,
        number => number.to_string(),
    }
}

fn hold() -> Json {
    json!({
        "type": "boolean",
        "description": "whether it stays current although files change, until another one is promoted",
    })
}

fn change(
    name: &'static str,
    title: &'static str,
    doc: &'static str,
    (version, required): (&str, &[&str]),
) -> Verb {
    let version = json!({ "type": ["string", "integer"], "description": version });
    let input = object(&json!({ "version": version, "hold": hold() }), required);
    Verb { name, title, doc, effect: Effect::Write, input, output: routing() }
}

#[derive(Deserialize)]
struct PromoteInput {
    version: Json,
    #[serde(default)]
    hold: bool,
}

async fn promote_it(engine: EngineHandle, input: PromoteInput, _: CallContext) -> Result<Json, Error> {
    let version = named(input.version);
    chosen(&engine, Choice::Promote { version: &version, hold: input.hold }).await
}

#[derive(Deserialize)]
struct RollBackInput {
    version: Option<Json>,
    #[serde(default)]
    hold: bool,
}

async fn roll_it_back(engine: EngineHandle, input: RollBackInput, _: CallContext) -> Result<Json, Error> {
    let version = input.version.map(named);
    chosen(&engine, Choice::RollBack { version: version.as_deref(), hold: input.hold }).await
}

#[derive(Deserialize)]
struct RampInput {
    version: Json,
    percentage: Percentage,
}

fn ramp_verb() -> Verb {
    let input = object(
        &json!({
            "version": {
                "type": ["string", "integer"],
                "description": "the version: its number, or its build id or the beginning of it",
            },
            "percentage": {
                "type": "number",
                "minimum": 0,
                "maximum": 100,
                "description": "how many of all workflow ids get it, to a hundredth of a percent",
            },
        }),
        &["version", "percentage"],
    );
    Verb {
        name: "workflow.ramp",
        title: "Ramp a version",
        doc: "Gives new runs of a part of all workflow ids this version, beside the current one; open runs that follow newer \
              versions go with them. A larger part keeps the ids of a smaller one. It ends when a version is promoted or \
              rolled back; changed files wait until then.",
        effect: Effect::Write,
        input,
        output: routing(),
    }
}

async fn ramp(engine: EngineHandle, input: RampInput, _: CallContext) -> Result<Json, Error> {
    let version = named(input.version);
    chosen(&engine, Choice::Ramp { version: &version, percentage: input.percentage }).await
}

/// The schema of what new runs get.
fn routing() -> Json {
    json!({
        "type": "object",
        "properties": {
            "version": { "type": "integer" },
            "build_id": { "type": "string" },
            "before": { "type": ["integer", "null"] },
            "held": { "type": "boolean" },
            "ramping": { "type": ["integer", "null"] },
            "percentage": { "type": ["number", "null"] },
            "ramping_before": { "type": ["integer", "null"] },
        },
        "required": ["version", "build_id", "held"],
    })
}

async fn chosen(engine: &EngineHandle, choice: Choice<'_>) -> Result<Json, Error> {
    let done = engine.choose_version(choice).await?;
    Ok(json!({
        "version": done.current.number,
        "build_id": done.current.build_id(),
        "before": done.before.map(|before| before.number),
        "held": done.held,
        "ramping": done.ramp.as_ref().map(|ramp| ramp.version),
        "percentage": done.ramp.map(|ramp| ramp.percentage),
        "ramping_before": done.ramp_before.map(|ramp| ramp.version),
    }))
}
