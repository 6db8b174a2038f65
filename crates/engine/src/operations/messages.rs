//! The verbs that talk to a run: signal, query, update, and the two that start it when need be.

use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::call::CallContext;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::{Key, Namespace, WorkflowId};
use nexus_kernel::limits::ID_BYTES_MAX;
use nexus_kernel::operation::{Effect, Operation};
use serde::Deserialize;
use serde_json::json;

use super::address::{Addressed, addressed};
use super::options::{self, OptionFields};
use super::{Verb, object, unknown_workflow};
use crate::engine::{Accepted, EngineHandle, StartRequest};
use crate::input::{Signal, Update};
use crate::record::TraceRecord;
use crate::shard::UpdateOutcome;

/// How long an update is waited for unless the caller says otherwise, in milliseconds.
const WAIT_MS_DEFAULT: u64 = 20_000;

/// What a message for an open run leaves to choose: it goes to that run unless the run is to be ended.
const MESSAGE_CONFLICTS: &[&str] = &["use_existing", "terminate_existing"];

/// The verbs.
pub(super) fn operations(engine: &EngineHandle) -> Vec<Operation> {
    vec![
        signal_verb().handled(engine, signal),
        query_verb().handled(engine, query),
        update_verb().handled(engine, update),
        signal_with_start_verb().handled(engine, signal_with_start),
        update_with_start_verb().handled(engine, update_with_start),
    ]
}

#[derive(Deserialize)]
struct SignalInput {
    #[serde(flatten)]
    run: Addressed,
    name: String,
    #[serde(default)]
    input: Json,
    request_id: Option<String>,
}

fn signal_verb() -> Verb {
    let more = json!({
        "name": { "type": "string", "description": "the signal, as the workflow declares it" },
        "input": arguments(),
        "request_id": identity("equal ids are one signal"),
    });
    Verb {
        name: "run.signal",
        title: "Signal a run",
        doc: "Sends a signal to an open run. It is in the run's history when this answers; its handler runs then.",
        effect: Effect::Write,
        input: addressed(more, &["name"]),
        output: run_output(&json!({})),
    }
}

async fn signal(engine: EngineHandle, input: SignalInput, context: CallContext) -> Result<Json, Error> {
    let request_id = request_id(&engine, input.request_id, &context)?;
    let to = input.run.resolve(&engine).await?;
    let run = engine.signal(&to, Signal { name: input.name, input: input.input, request_id }).await?;
    Ok(json!({ "run_id": run, "workflow_id": to.key.workflow_id, "namespace": to.key.namespace }))
}

#[derive(Deserialize)]
struct QueryInput {
    #[serde(flatten)]
    run: Addressed,
    name: String,
    #[serde(default)]
    input: Json,
}

fn query_verb() -> Verb {
    let more = json!({
        "name": { "type": "string", "description": "the query, as the workflow declares it" },
        "input": arguments(),
    });
    Verb {
        name: "run.query",
        title: "Query a run",
        doc: "Asks a run, open or closed. The answer reflects everything acknowledged before, and changes nothing.",
        effect: Effect::Read,
        input: addressed(more, &["name"]),
        output: json!({
            "type": "object",
            "properties": { "answer": { "description": "what the query returned" } },
            "required": ["answer"],
        }),
    }
}

async fn query(engine: EngineHandle, input: QueryInput, _: CallContext) -> Result<Json, Error> {
    let to = input.run.resolve(&engine).await?;
    Ok(json!({ "answer": engine.query(&to, &input.name, &input.input).await? }))
}

/// Until when a caller of an update waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    /// Until the update is in the run's history.
    Accepted,
    /// Until it is answered.
    #[default]
    Completed,
}

#[derive(Deserialize)]
struct UpdateInput {
    #[serde(flatten)]
    run: Addressed,
    name: String,
    #[serde(default)]
    input: Json,
    update_id: Option<String>,
    #[serde(default)]
    wait: Stage,
    wait_ms: Option<u64>,
}

fn update_verb() -> Verb {
    let more = json!({
        "name": { "type": "string", "description": "the update, as the workflow declares it" },
        "input": arguments(),
        "update_id": identity("equal ids are one update of a run: ask again with it for the same answer"),
        "wait": stage(),
        "wait_ms": patience(),
    });
    Verb {
        name: "run.update",
        title: "Update a run",
        doc: "Sends an update to an open run and waits for its answer. What the run's validator refuses leaves no trace.",
        effect: Effect::Write,
        input: addressed(more, &["name"]),
        output: update_output(),
    }
}

async fn update(engine: EngineHandle, input: UpdateInput, context: CallContext) -> Result<Json, Error> {
    let id = request_id(&engine, input.update_id, &context)?;
    let to = input.run.resolve(&engine).await?;
    let update = Update { id, name: input.name.clone(), input: input.input };
    let (accepted, outcome) = engine.update(&to, update).await?;
    let patience = (input.wait, input.wait_ms);
    answered(&engine, (&to.key, accepted), patience, outcome).await.map_err(|error| named(error, &input.name))
}

/// The answer to an update: its result, or that there is none yet. A failed handler is an error.
async fn answered(
    engine: &EngineHandle,
    (key, accepted): (&Key, Accepted),
    (stage, wait_ms): (Stage, Option<u64>),
    outcome: impl Future<Output = Result<UpdateOutcome, Error>>,
) -> Result<Json, Error> {
    let limit = Duration::from_millis(wait_ms.unwrap_or(WAIT_MS_DEFAULT));
    let known = match stage {
        Stage::Accepted => None,
        Stage::Completed => engine.within(limit, outcome).await.transpose()?,
    };
    let (reached, result) = match known {
        None => ("accepted", Json::Null),
        Some(Ok(result)) => ("completed", result),
        Some(Err(failure)) => {
            return Err(Error::new(&code::UPDATE_FAILED, failure.root().to_string())
                .failure(failure)
                .help(format!("`nexus run history {}` shows what happened", accepted.run))
                .run(accepted.run));
        }
    };
    Ok(json!({
        "run_id": accepted.run,
        "workflow_id": key.workflow_id,
        "namespace": key.namespace,
        "update_id": accepted.id,
        "started": accepted.started,
        "stage": reached,
        "result": result,
    }))
}

/// A failed update says which one it is.
fn named(error: Error, name: &str) -> Error {
    if error.code() != &code::UPDATE_FAILED {
        return error;
    }
    let mut told = Error::new(error.code(), format!("update {name} failed: {}", error.message()));
    if let Some(failure) = error.failure_ref() {
        told = told.failure(failure.clone());
    }
    if let Some(help) = error.help_text() {
        told = told.help(help);
    }
    match error.run_id() {
        Some(run) => told.run(run.clone()),
        None => told,
    }
}

/// The fields that say what is started.
#[derive(Deserialize)]
pub(super) struct StartFields {
    workflow: String,
    workflow_id: Option<String>,
    namespace: Option<String>,
    #[serde(default)]
    input: Json,
    #[serde(flatten)]
    options: OptionFields,
}

impl StartFields {
    /// The request; a workflow without a namespace must be deployed in one only.
    pub(super) fn request(self, engine: &EngineHandle, context: &CallContext) -> Result<StartRequest, Error> {
        let (namespace, workflow) = match self.workflow.split_once('/') {
            Some((namespace, name)) => (Some(namespace.to_owned()), name.to_owned()),
            None => (self.namespace, self.workflow),
        };
        let namespace = match namespace {
            Some(named) => Namespace::new(&named)?,
            None => only_namespace(engine, &workflow)?,
        };
        let mut options = self.options.options()?;
        options.run.session = context.session_in(&namespace)?;
        options.run.trace = context.trace.as_ref().map(TraceRecord::of);
        Ok(StartRequest {
            namespace,
            workflow,
            workflow_id: self.workflow_id.as_deref().map(WorkflowId::new).transpose()?,
            input: if self.input.is_null() { json!({}) } else { self.input },
            idempotency_key: None,
            options,
        })
    }
}

fn only_namespace(engine: &EngineHandle, workflow: &str) -> Result<Namespace, Error> {
    let definition = engine.definition();
    let info = definition.as_ref().and_then(|definition| definition.program.workflow(workflow));
    let places = info.map(|info| info.deployments.as_slice()).unwrap_or_default();
    match places {
        [only] => Namespace::new(&only.namespace),
        [] => Err(unknown_workflow(engine, workflow)),
        _ => Err(Error::new(
            &code::WORKFLOW_AMBIGUOUS,
            format!("several namespaces have a workflow {workflow:?}"),
        )
        .help("say which with `namespace`")),
    }
}

#[derive(Deserialize)]
struct SignalWithStartInput {
    #[serde(flatten)]
    start: StartFields,
    signal: String,
    #[serde(default)]
    signal_input: Json,
    request_id: Option<String>,
}

fn signal_with_start_verb() -> Verb {
    let more = json!({
        "signal": { "type": "string", "description": "the signal, as the workflow declares it" },
        "signal_input": arguments(),
        "request_id": identity("equal ids are one signal and one start"),
    });
    Verb {
        name: "run.signal-with-start",
        title: "Signal a run, starting it when need be",
        doc: "Signals the open run of a workflow id, or starts one that takes in the signal first: one step, not two.",
        effect: Effect::Write,
        input: with_start(more, MESSAGE_CONFLICTS, &["workflow", "workflow_id", "signal"]),
        output: run_output(&json!({ "started": { "type": "boolean" } })),
    }
}

async fn signal_with_start(
    engine: EngineHandle,
    input: SignalWithStartInput,
    context: CallContext,
) -> Result<Json, Error> {
    let request_id = request_id(&engine, input.request_id, &context)?;
    let mut request = input.start.request(&engine, &context)?;
    request.idempotency_key = Some(request_id.clone());
    let signal = Signal { name: input.signal, input: input.signal_input, request_id };
    let (key, run, started) = engine.signal_with_start(request, signal).await?;
    Ok(json!({
        "run_id": run, "workflow_id": key.workflow_id, "namespace": key.namespace, "started": started,
    }))
}

#[derive(Deserialize)]
struct UpdateWithStartInput {
    #[serde(flatten)]
    start: StartFields,
    update: String,
    #[serde(default)]
    update_input: Json,
    update_id: Option<String>,
    #[serde(default)]
    wait: Stage,
    wait_ms: Option<u64>,
}

fn update_with_start_verb() -> Verb {
    let more = json!({
        "update": { "type": "string", "description": "the update, as the workflow declares it" },
        "update_input": arguments(),
        "update_id": identity("equal ids are one update and one start"),
        "wait": stage(),
        "wait_ms": patience(),
    });
    Verb {
        name: "run.update-with-start",
        title: "Update a run, starting it when need be",
        doc: "Updates the open run of a workflow id, or starts one and updates that: one step, not two.",
        effect: Effect::Write,
        input: with_start(more, MESSAGE_CONFLICTS, &["workflow", "workflow_id", "update"]),
        output: update_output(),
    }
}

async fn update_with_start(
    engine: EngineHandle,
    input: UpdateWithStartInput,
    context: CallContext,
) -> Result<Json, Error> {
    let id = request_id(&engine, input.update_id, &context)?;
    let mut request = input.start.request(&engine, &context)?;
    request.idempotency_key = Some(id.clone());
    let update = Update { id, name: input.update.clone(), input: input.update_input };
    let (key, accepted, outcome) = engine.update_with_start(request, update).await?;
    let patience = (input.wait, input.wait_ms);
    answered(&engine, (&key, accepted), patience, outcome).await.map_err(|error| named(error, &input.update))
}

/// The caller's id of a message, or a new one.
pub(super) fn request_id(
    engine: &EngineHandle,
    given: Option<String>,
    context: &CallContext,
) -> Result<String, Error> {
    match given {
        Some(given) if given.is_empty() || given.len() > ID_BYTES_MAX => {
            let message = format!("an id of a message has 1 to {ID_BYTES_MAX} bytes");
            Err(Error::new(&code::INPUT_INVALID, message))
        }
        Some(given) => Ok(given),
        None => Ok(engine.request_id(context.idempotency_key.as_deref())),
    }
}

fn arguments() -> Json {
    json!({ "description": "the arguments: an object by parameter name, or the value of the only parameter" })
}

fn identity(description: &str) -> Json {
    json!({ "type": "string", "minLength": 1, "maxLength": ID_BYTES_MAX, "description": description })
}

fn stage() -> Json {
    json!({
        "enum": ["accepted", "completed"], "default": "completed",
        "description": "answer once the update is accepted, or once it has its answer",
    })
}

fn patience() -> Json {
    json!({
        "type": "integer", "minimum": 0, "default": WAIT_MS_DEFAULT,
        "description": "longest wait for the answer, in milliseconds; ask again with the update_id after that",
    })
}

/// The schema of an input that may start a run.
pub(super) fn with_start(more: Json, conflicts: &[&str], required: &[&str]) -> Json {
    let mut properties = json!({
        "workflow": { "type": "string", "description": "the workflow to start, `Name` or `namespace/Name`" },
        "workflow_id": { "type": "string", "description": "the caller's id for the work" },
        "namespace": { "type": "string", "description": "where, when several namespaces have the workflow" },
        "input": { "description": "the input of a run that is started" },
    });
    if let (Some(fields), Json::Object(more), Json::Object(options)) =
        (properties.as_object_mut(), more, options::properties(conflicts))
    {
        fields.extend(more);
        fields.extend(options);
    }
    object(&properties, required)
}

fn run_output(more: &Json) -> Json {
    let mut properties = json!({
        "run_id": { "type": "string" },
        "workflow_id": { "type": "string" },
        "namespace": { "type": "string" },
    });
    if let (Some(fields), Some(more)) = (properties.as_object_mut(), more.as_object()) {
        fields.extend(more.clone());
    }
    json!({ "type": "object", "properties": properties, "required": ["run_id"] })
}

fn update_output() -> Json {
    run_output(&json!({
        "update_id": { "type": "string" },
        "started": { "type": "boolean" },
        "stage": { "enum": ["accepted", "completed"] },
        "result": { "description": "what the update returned, once it is completed" },
    }))
}
