//! What the engine contributes to the catalogue: a verb or two for each noun, and one operation for each workflow.

pub(crate) mod address;
mod handlers;
mod history;
mod messages;
mod operator;
mod options;
mod playback;
mod replay_check;
mod reset;
mod result;
mod schedule;
mod start;
mod transfer;
mod version;
mod visibility;

use std::sync::Arc;
use std::time::Duration;

use nexus_kernel::call::{Answer, CallContext, OnDisconnect, RunAnswer, Wait};
use nexus_kernel::code;
use nexus_kernel::contract::Contract;
use nexus_kernel::error::Error;
use nexus_kernel::id::{Namespace, RunId};
use nexus_kernel::limits::PAYLOAD_BYTES_MAX;
use nexus_kernel::operation::{Effect, Handler, Operation};
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::task;
pub(crate) use nexus_kernel::verb::{Verb, object};
use nexus_kernel::{BoxFuture, Json};
use nexus_lang::twf::program::WorkflowInfo;
use serde::Deserialize;
use serde_json::json;

use crate::definition::Definition;
use crate::engine::{EngineHandle, StartRequest};
use crate::record::TraceRecord;
use crate::shard::Outcome;
use crate::view::handlers::of as handlers_of;
use address::{Addressed, addressed};

/// Every operation of an engine with this definition deployed.
pub fn operations(engine: &EngineHandle, definition: &Definition) -> Result<Vec<Operation>, Error> {
    let mut operations = vec![
        visibility::run_list(engine),
        visibility::run_count(engine),
        visibility::run_attributes(engine),
        run_show(engine),
        result::operation(engine),
        history::run_history(engine),
        handlers::operation(engine),
        start::operation(engine),
        visibility::run_delete(engine),
    ];
    operations.extend(operator::operations(engine));
    operations.extend(messages::operations(engine));
    operations.extend([workflow_list(engine), workflow_show(engine)]);
    operations.extend(version::operations(engine));
    operations.push(replay_check::operation(engine));
    operations.push(playback::run_replay(engine));
    operations.push(reset::operation(engine));
    operations.extend(transfer::operations(engine));
    operations.extend(schedule::schedules(engine));
    operations.extend(crate::activity::operations::all(engine));
    operations.extend(crate::queue::operations::all(engine));
    operations.extend(crate::batch::operations::all(engine));
    operations.extend(crate::event::operations::all(engine));
    operations.extend(crate::nexus::operations(engine));
    operations.extend(workflows(definition, |workflow, namespace| {
        Arc::new(StartWorkflow { engine: engine.clone(), name: workflow.name.clone(), namespace })
    })?);
    Ok(operations)
}

/// The operations that the workflows of a definition become, without an engine to carry them out: for whoever checks what
/// is said of them.
pub fn undeployed(definition: &Definition) -> Result<Vec<Operation>, Error> {
    workflows(definition, |_, _| Arc::new(NotDeployed))
}

fn workflows(
    definition: &Definition,
    handler: impl Fn(&WorkflowInfo, Namespace) -> Arc<dyn Handler>,
) -> Result<Vec<Operation>, Error> {
    let mut operations = Vec::new();
    for workflow in definition.program.workflows() {
        for place in &workflow.deployments {
            let namespace = Namespace::new(&place.namespace)?;
            let handler = handler(workflow, namespace.clone());
            operations.push(workflow_operation(definition, workflow, namespace, handler));
        }
    }
    Ok(operations)
}

/// Stands where an operation is looked at and never called.
struct NotDeployed;

impl Handler for NotDeployed {
    fn call(&self, _: Json, _: CallContext) -> BoxFuture<'static, Result<Answer, Error>> {
        Box::pin(std::future::ready(Err(Error::internal("a workflow that is not deployed was called"))))
    }
}

#[derive(Deserialize)]
struct ShowInput {
    #[serde(flatten)]
    run: Addressed,
    wait_ms: Option<u64>,
}

fn run_show(engine: &EngineHandle) -> Operation {
    let wait = json!({ "wait_ms": {
        "type": "integer", "minimum": 0,
        "description": "wait this many milliseconds for the run to end before answering",
    } });
    let (title, doc) = ("Show a run", "What is known of a run: status, result, and what it waits for.");
    let (input, output) = (addressed(wait, &[]), json!({ "type": "object" }));
    Verb { name: "run.show", title, doc, effect: Effect::Read, input, output }.handled(engine, show_run)
}

async fn show_run(engine: EngineHandle, input: ShowInput, _: CallContext) -> Result<Json, Error> {
    let run = input.run.run(&engine).await?;
    if let Some(wait) = input.wait_ms {
        let row = engine.row(&run).await?;
        // Whether the run ended, the wait did, or the server is stopping: what is known then is the answer.
        let _ = engine.within(Duration::from_millis(wait), engine.wait(&row)).await;
    }
    Ok(engine.show(&run).await?.to_json())
}

#[derive(Deserialize)]
struct WorkflowInput {
    name: Option<String>,
    namespace: Option<Namespace>,
}

fn workflow_list(engine: &EngineHandle) -> Operation {
    let namespace =
        json!({ "namespace": { "type": "string", "description": "only workflows in this namespace" } });
    let output = json!({
        "type": "object",
        "properties": { "workflows": { "type": "array", "items": { "type": "object" } } },
        "required": ["workflows"],
    });
    let (title, doc) = ("List workflows", "Every workflow that is deployed.");
    let input = object(&namespace, &[]);
    let verb = Verb { name: "workflow.list", title, doc, effect: Effect::Read, input, output };
    verb.handled(engine, |engine: EngineHandle, input: WorkflowInput, _| async move {
        let found = described(&engine, |_, namespace| {
            input.namespace.as_ref().is_none_or(|n| n.as_str() == namespace)
        });
        Ok(json!({ "workflows": found }))
    })
}

fn workflow_show(engine: &EngineHandle) -> Operation {
    let properties = json!({
        "name": { "type": "string", "description": "the workflow's name" },
        "namespace": { "type": "string", "description": "where, when several namespaces have it" },
    });
    let (title, doc) = (
        "Show a workflow",
        "A workflow's documentation, schemas, signals, queries, updates, and place in the sources.",
    );
    let (input, output) = (object(&properties, &["name"]), json!({ "type": "object" }));
    let verb = Verb { name: "workflow.show", title, doc, effect: Effect::Read, input, output };
    verb.handled(engine, |engine: EngineHandle, input: WorkflowInput, _| async move {
        let name = input.name.unwrap_or_default();
        let wanted = |namespace: &str| input.namespace.as_ref().is_none_or(|n| n.as_str() == namespace);
        let mut found = described(&engine, |workflow, namespace| workflow == name && wanted(namespace));
        match (found.pop(), found.is_empty()) {
            (Some(only), true) => Ok(with_handlers(&engine, only)),
            (Some(_), false) => Err(Error::new(
                &code::WORKFLOW_AMBIGUOUS,
                format!("several namespaces have a workflow {name:?}"),
            )
            .help("say which with `namespace`")),
            (None, _) => Err(unknown_workflow(&engine, &name)),
        }
    })
}

fn unknown_workflow(engine: &EngineHandle, name: &str) -> Error {
    let error = Error::new(&code::WORKFLOW_UNKNOWN, format!("there is no workflow {name:?}"));
    let definition = engine.definition();
    let names = definition.iter().flat_map(|definition| definition.program.workflows());
    match nexus_kernel::suggest::nearest(name, names.map(|workflow| workflow.name.as_str())) {
        Some(near) => error.help(format!("did you mean {near:?}?")),
        None => error.help("`nexus workflow list` shows what is deployed"),
    }
}

fn described(engine: &EngineHandle, fits: impl Fn(&str, &str) -> bool) -> Vec<Json> {
    let Some(definition) = engine.definition() else { return Vec::new() };
    let mut found = Vec::new();
    for workflow in definition.program.workflows() {
        let places = workflow.deployments.iter().filter(|place| fits(&workflow.name, &place.namespace));
        let places = places.filter(|place| engine.sees_place(&workflow.name, &place.namespace));
        found.extend(places.map(|place| {
            json!({
                "name": workflow.name,
                "namespace": place.namespace,
                "task_queue": place.task_queue,
                "doc": workflow.doc,
                "defined_at": definition.place(workflow.span),
                "definition": definition.hash,
                "input": workflow.input_schema,
                "output": opened(workflow.result_schema.clone()),
            })
        }));
    }
    found
}

/// A description with what can be said to runs of the workflow.
fn with_handlers(engine: &EngineHandle, mut described: Json) -> Json {
    let definition = engine.definition();
    let name = described.get("name").and_then(Json::as_str).unwrap_or_default();
    let found = definition.as_ref().and_then(|definition| definition.program.workflow(name)).map(handlers_of);
    if let (Some(fields), Some(found)) = (described.as_object_mut(), found) {
        fields.extend(found);
    }
    described
}

/// A schema of what comes out. A result may hold more than its type says, for example what an activity in JavaScript adds;
/// what goes in may not.
fn opened(mut schema: Json) -> Json {
    match &mut schema {
        Json::Object(fields) => {
            if fields.get("additionalProperties") == Some(&Json::Bool(false)) {
                fields.shift_remove("additionalProperties");
            }
            fields.values_mut().for_each(|value| *value = opened(value.take()));
        }
        Json::Array(items) => items.iter_mut().for_each(|item| *item = opened(item.take())),
        _ => {}
    }
    schema
}

fn workflow_operation(
    definition: &Definition,
    workflow: &WorkflowInfo,
    namespace: Namespace,
    handler: Arc<dyn Handler>,
) -> Operation {
    let first_line = workflow.doc.lines().next().unwrap_or_default();
    Operation {
        name: workflow.name.clone(),
        title: if first_line.is_empty() { workflow.name.clone() } else { first_line.to_owned() },
        doc: workflow.doc.clone(),
        input: workflow.input_schema.clone(),
        output: opened(workflow.result_schema.clone()),
        contract: Contract::default(),
        input_bytes_max: PAYLOAD_BYTES_MAX,
        effect: Effect::Long,
        permission: format!("workflow:{}:execute", workflow.name),
        defined_at: Some(definition.place(workflow.span)),
        handler,
        namespace: Some(namespace),
    }
}

/// Starts runs of one workflow in one namespace.
struct StartWorkflow {
    engine: EngineHandle,
    name: String,
    namespace: Namespace,
}

impl Handler for StartWorkflow {
    fn call(&self, input: Json, context: CallContext) -> BoxFuture<'static, Result<Answer, Error>> {
        let (engine, workflow, namespace) = (self.engine.clone(), self.name.clone(), self.namespace.clone());
        Box::pin(async move {
            let mut request = StartRequest::new(namespace, workflow, input);
            request.options.run.session = context.session_in(&request.namespace)?;
            request.options.run.trace = context.trace.as_ref().map(TraceRecord::of);
            request.workflow_id.clone_from(&context.workflow_id);
            request.idempotency_key.clone_from(&context.idempotency_key);
            run_to(&engine, request, &context).await
        })
    }
}

/// A caller that waits. When it is dropped before it was told the outcome, its caller has gone away.
struct Leaving {
    engine: EngineHandle,
    run: Option<RunId>,
}

impl Leaving {
    fn of(engine: &EngineHandle, run: &RunAnswer, context: &CallContext) -> Leaving {
        let matters = context.on_disconnect == Some(OnDisconnect::Cancel) && context.wait != Wait::Accepted;
        Leaving { engine: engine.clone(), run: matters.then(|| run.run_id.clone()) }
    }

    /// The caller is still there.
    fn stays(mut self) {
        self.run = None;
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        let Some(run) = self.run.take() else { return };
        let engine = self.engine.clone();
        task::spawn_if_running(async move {
            // A run that has ended by itself meanwhile needs no cancellation.
            if let Err(error) = engine.cancel(&run, "the caller has gone away").await {
                tracing::debug!(%run, %error, "a run that nobody waits for any more was not cancelled");
            }
        });
    }
}

/// Starts a run and waits as long as its caller wants to.
async fn run_to(
    engine: &EngineHandle,
    request: StartRequest,
    context: &CallContext,
) -> Result<Answer, Error> {
    let (namespace, workflow) = (request.namespace.clone(), request.workflow.clone());
    let started = engine.start(request).await?;
    let (workflow_id, run_id) = (started.key.workflow_id.clone(), started.run_id.clone());
    let run =
        RunAnswer { namespace, workflow_id, run_id, workflow, status: RunStatus::Running, failure: None };
    context.started.note(&run);
    let leaving = Leaving::of(engine, &run, context);
    let outcome = match context.wait {
        Wait::Accepted => None,
        Wait::AtMost(limit) => engine.within(limit, engine.end(started)).await.transpose()?,
        Wait::Done => Some(engine.end(started).await?),
    };
    leaving.stays();
    match outcome {
        None => Ok(Answer { run: Some(run), ..Answer::of(Json::Null) }),
        Some(outcome) => {
            let Outcome { run_id, status, result, failure, .. } = outcome;
            answer_of(RunAnswer { run_id, status, failure, ..run }, result)
        }
    }
}

/// What a caller is told of a run: its output so far, or its failure as an error.
pub fn answer_of(run: RunAnswer, output: Json) -> Result<Answer, Error> {
    let code = match run.status {
        RunStatus::Running if run.failure.is_some() => &code::RUN_BLOCKED,
        RunStatus::Running | RunStatus::Paused | RunStatus::Completed | RunStatus::ContinuedAsNew => {
            return Ok(Answer { run: Some(run), ..Answer::of(output) });
        }
        RunStatus::Failed => &code::RUN_FAILED,
        RunStatus::Canceled | RunStatus::Terminated | RunStatus::TimedOut => &code::RUN_STOPPED,
    };
    let failure = crate::failures::of_closed(run.status, run.failure.as_ref());
    let root = failure.root();
    let is_blocked = run.status.is_open();
    let verb = if is_blocked { "cannot go on" } else { "failed" };
    let message = format!("{} {verb}: {}: {}", run.workflow, root.type_name, root.message);
    let help = if is_blocked {
        format!("the run stays open; `nexus run terminate {}` ends it", run.run_id)
    } else {
        format!("`nexus run history {}` shows what happened", run.run_id)
    };
    Err(Error::new(code, message).help(help).failure(failure).run(run.run_id))
}
