//! The verbs of schedules.

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::time::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::{Verb, object};
use crate::engine::EngineHandle;
use crate::schedule::{Definition, NewSchedule, Overlap, view};

/// Every verb.
pub(super) fn schedules(engine: &EngineHandle) -> Vec<Operation> {
    vec![
        create(engine),
        update(engine),
        list(engine),
        show(engine),
        pause(engine, true),
        pause(engine, false),
        trigger(engine),
        backfill(engine),
        delete(engine),
    ]
}

/// Which schedule.
#[derive(Deserialize)]
struct Which {
    schedule_id: String,
    #[serde(default)]
    namespace: Namespace,
    note: Option<String>,
    overlap: Option<Overlap>,
}

fn properties(more: &Json) -> Json {
    let mut all = json!({
        "schedule_id": { "type": "string", "minLength": 1, "description": "the schedule's id in its namespace" },
        "namespace": { "type": "string", "default": Namespace::DEFAULT, "description": "where it starts its runs" },
    });
    if let (Some(all), Some(more)) = (all.as_object_mut(), more.as_object()) {
        all.extend(more.clone());
    }
    all
}

fn overlap() -> Json {
    json!({ "enum": Overlap::NAMES, "description": "what to do when an earlier run has not ended" })
}

/// The parts of a schedule that its owner says.
fn parts() -> Json {
    let texts = |what: &str| json!({ "type": "array", "items": { "type": "string" }, "description": what });
    let calendar = json!({
        "type": "object",
        "description": "fields `second`, `minute`, `hour` (0 when absent), `day_of_month`, `month`, `year`, `day_of_week` (any when absent): numbers or texts such as `1-5`, `*/15`, `mon-fri`",
    });
    let calendars = |what: &str| json!({ "type": "array", "items": calendar, "description": what });
    json!({
        "spec": {
            "type": "object",
            "description": "when it acts",
            "additionalProperties": false,
            "properties": {
                "intervals": {
                    "type": "array",
                    "description": "every so often, counted from 1970-01-01T00:00:00Z: `{every: \"90m\", phase: \"5m\"}`",
                    "items": { "type": "object", "required": ["every"] },
                },
                "calendars": calendars("by the fields of the wall clock"),
                "cron": texts("cron expressions of 5 to 7 fields, `@daily` and the like, `CRON_TZ=Zone ..`"),
                "exclude": calendars("but not then"),
                "start_at": { "type": "string", "description": "not before" },
                "end_at": { "type": "string", "description": "not after" },
                "jitter": { "type": "string", "description": "up to this much later" },
                "time_zone": { "type": "string", "description": "of calendars and cron; UTC when absent" },
            },
        },
        "action": {
            "type": "object",
            "description": "what it starts",
            "additionalProperties": false,
            "required": ["workflow"],
            "properties": {
                "workflow": { "type": "string" },
                "input": { "description": "the input of every run" },
                "workflow_id": { "type": "string", "description": "what the ids of its runs begin with" },
                "run_timeout": { "type": "string", "description": "longest time of a run" },
            },
        },
        "policies": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "overlap": overlap(),
                "catchup_window": { "type": "string", "description": "how late an action may be taken; a year when absent" },
                "pause_on_failure": { "type": "boolean" },
                "keep_original_workflow_id": { "type": "boolean" },
            },
        },
    })
}

fn verb(name: &'static str, (title, doc): (&'static str, &'static str), input: Json) -> Verb {
    let effect = if matches!(name, "schedule.list" | "schedule.show") { Effect::Read } else { Effect::Write };
    Verb { name, title, doc, effect, input, output: json!({ "type": "object" }) }
}

#[derive(Deserialize)]
struct CreateInput {
    #[serde(flatten)]
    which: Which,
    #[serde(flatten)]
    definition: Json,
    #[serde(default)]
    paused: bool,
    remaining_actions: Option<u64>,
}

/// What a schedule does, out of the input of a verb: an error names the part that cannot be read.
fn definition(input: &Json) -> Result<Definition, Error> {
    let part = |name: &str| input.get(name).cloned().filter(|it| !it.is_null());
    let mut parts = json!({ "spec": part("spec"), "action": part("action") });
    if let (Some(policies), Some(parts)) = (part("policies"), parts.as_object_mut()) {
        parts.insert("policies".into(), policies);
    }
    serde_json::from_value(parts).map_err(|error| {
        Error::new(&code::SCHEDULE_INVALID, error.to_string())
            .help("`nexus explain NX-2102` shows an example")
    })
}

fn create(engine: &EngineHandle) -> Operation {
    let mut more = parts();
    if let Some(more) = more.as_object_mut() {
        more.insert(
            "paused".into(),
            json!({ "type": "boolean", "description": "whether it does nothing at first" }),
        );
        more.insert("note".into(), json!({ "type": "string", "description": "kept with it" }));
        let limit = json!({ "type": "integer", "minimum": 1, "description": "how often it acts, when that is limited" });
        more.insert("remaining_actions".into(), limit);
    }
    let input = object(&properties(&more), &["schedule_id", "spec", "action"]);
    let texts = ("Create a schedule", "Starts runs of a workflow whenever their time comes.");
    verb("schedule.create", texts, input).handled(
        engine,
        |engine: EngineHandle, input: CreateInput, _| async move {
            let definition = definition(&input.definition)?;
            let CreateInput { which, paused, remaining_actions, .. } = input;
            let (id, note) = (which.schedule_id, which.note.unwrap_or_default());
            let new = NewSchedule { id, definition, paused, note, remaining_actions };
            let made = engine.create_schedule(which.namespace.clone(), new).await?;
            Ok(view(&which.namespace, &made))
        },
    )
}

#[derive(Deserialize)]
struct UpdateInput {
    #[serde(flatten)]
    which: Which,
    #[serde(flatten)]
    definition: Json,
    version: Option<u64>,
}

fn update(engine: &EngineHandle) -> Operation {
    let mut more = parts();
    if let Some(more) = more.as_object_mut() {
        let version = json!({ "type": "integer", "description": "refuse when the schedule is no longer at this version" });
        more.insert("version".into(), version);
    }
    let input = object(&properties(&more), &["schedule_id"]);
    let texts = ("Update a schedule", "Replaces the parts that are given: `spec`, `action`, `policies`.");
    verb("schedule.update", texts, input).handled(
        engine,
        |engine: EngineHandle, input: UpdateInput, _| async move {
            let UpdateInput { which, definition: given, version } = input;
            let now = engine.show_schedule(which.namespace.clone(), &which.schedule_id).await?;
            let mut parts =
                serde_json::to_value(&now.definition).map_err(|it| Error::internal(it.to_string()))?;
            for name in ["spec", "action", "policies"] {
                if let (Some(part), Some(parts)) = (given.get(name), parts.as_object_mut()) {
                    parts.insert(name.into(), part.clone());
                }
            }
            // Between looking and changing nobody else may have changed it.
            let update = (definition(&parts)?, Some(version.unwrap_or(now.version)));
            let changed = engine.update_schedule(which.namespace.clone(), &which.schedule_id, update).await?;
            Ok(view(&which.namespace, &changed))
        },
    )
}

#[derive(Deserialize)]
struct ListInput {
    namespace: Option<Namespace>,
}

fn list(engine: &EngineHandle) -> Operation {
    let namespace =
        json!({ "namespace": { "type": "string", "description": "only schedules of this namespace" } });
    let texts = ("List schedules", "Every schedule with what it does and when it acts next.");
    let verb = verb("schedule.list", texts, object(&namespace, &[]));
    verb.handled(engine, |engine: EngineHandle, input: ListInput, _| async move {
        let found = engine.list_schedules(input.namespace.as_ref()).await?;
        Ok(json!({ "schedules": found.iter().map(|(namespace, it)| view(namespace, it)).collect::<Vec<_>>() }))
    })
}

fn show(engine: &EngineHandle) -> Operation {
    let texts = ("Show a schedule", "What a schedule does, its runs, what it has done and will do.");
    let verb = verb("schedule.show", texts, object(&properties(&json!({})), &["schedule_id"]));
    verb.handled(engine, |engine: EngineHandle, input: Which, _| async move {
        let found = engine.show_schedule(input.namespace.clone(), &input.schedule_id).await?;
        Ok(view(&input.namespace, &found))
    })
}

fn pause(engine: &EngineHandle, paused: bool) -> Operation {
    let (name, texts) = if paused {
        (
            "schedule.pause",
            ("Pause a schedule", "It does nothing until it is let go on. Its open runs go on."),
        )
    } else {
        ("schedule.unpause", ("Let a schedule go on", "What came while it was paused is not made up for."))
    };
    let note = json!({ "note": { "type": "string", "description": "why; kept with it" } });
    let verb = verb(name, texts, object(&properties(&note), &["schedule_id"]));
    if paused {
        verb.handled(engine, |engine: EngineHandle, input: Which, _| set_paused(engine, input, true))
    } else {
        verb.handled(engine, |engine: EngineHandle, input: Which, _| set_paused(engine, input, false))
    }
}

async fn set_paused(engine: EngineHandle, input: Which, paused: bool) -> Result<Json, Error> {
    let change = (paused, input.note.unwrap_or_default());
    let changed = engine.pause_schedule(input.namespace.clone(), &input.schedule_id, change).await?;
    Ok(view(&input.namespace, &changed))
}

fn trigger(engine: &EngineHandle) -> Operation {
    let texts = ("Trigger a schedule", "Takes its action now, also while it is paused.");
    let more = json!({ "overlap": overlap() });
    let verb = verb("schedule.trigger", texts, object(&properties(&more), &["schedule_id"]));
    verb.handled(engine, |engine: EngineHandle, input: Which, _| async move {
        let changed =
            engine.trigger_schedule(input.namespace.clone(), &input.schedule_id, input.overlap).await?;
        Ok(view(&input.namespace, &changed))
    })
}

#[derive(Deserialize)]
struct BackfillInput {
    #[serde(flatten)]
    which: Which,
    from: String,
    to: String,
}

fn backfill(engine: &EngineHandle) -> Operation {
    let texts = ("Backfill a schedule", "Takes its actions for all moments between two, both included.");
    let more = json!({
        "from": { "type": "string", "description": "the first moment, such as `2026-11-01T00:00:00Z`" },
        "to": { "type": "string", "description": "the last moment" },
        "overlap": overlap(),
    });
    let verb = verb("schedule.backfill", texts, object(&properties(&more), &["schedule_id", "from", "to"]));
    verb.handled(engine, |engine: EngineHandle, input: BackfillInput, _| async move {
        let moment = |what: &str, text: &str| {
            Timestamp::parse(text).ok_or_else(|| {
                Error::new(&code::SCHEDULE_INVALID, format!("{what}: {text:?} is no moment"))
                    .help("write it like 2026-11-01T00:00:00Z")
            })
        };
        let span = (moment("from", &input.from)?, moment("to", &input.to)?, input.which.overlap);
        let which = input.which;
        let changed = engine.backfill_schedule(which.namespace.clone(), &which.schedule_id, span).await?;
        Ok(view(&which.namespace, &changed))
    })
}

fn delete(engine: &EngineHandle) -> Operation {
    let texts = ("Delete a schedule", "It acts no more; runs that it has started go on.");
    let verb = verb("schedule.delete", texts, object(&properties(&json!({})), &["schedule_id"]));
    verb.handled(engine, |engine: EngineHandle, input: Which, _| async move {
        engine.delete_schedule(input.namespace, &input.schedule_id).await?;
        Ok(json!({}))
    })
}
