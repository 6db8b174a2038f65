//! The verb that calls a Nexus operation, for those who are no runs: people, agents, and other servers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nexus_kernel::call::{Answer, CallContext, Caller, Proof, RunAnswer, Wait};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::Namespace;
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::{BoxFuture, Json};
use nexus_lang::twf::moment::parse_duration;
use serde::Deserialize;
use serde_json::json;

use crate::engine::EngineHandle;
use crate::nexus::failure::of_ended;
use crate::nexus::serve::OperationStart;
use crate::operations::{Verb, answer_of, object};
use crate::record::{Callback, CallerInfo, LinkRecord, TraceRecord};
use crate::shard::Outcome;

/// The verbs.
pub(super) fn all(engine: &EngineHandle) -> Vec<Operation> {
    vec![deliver(engine), start(engine), request_cancel(engine)]
}

#[derive(Deserialize)]
struct StartInput {
    endpoint: String,
    service: String,
    operation: String,
    #[serde(default)]
    input: Json,
    #[serde(default)]
    namespace: Namespace,
    request_id: Option<String>,
    timeout: Option<String>,
    callback: Option<CallbackInput>,
    #[serde(default)]
    links: Vec<LinkRecord>,
    #[serde(default)]
    promise: bool,
}

#[derive(Deserialize)]
struct CallbackInput {
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

fn target_fields() -> Json {
    let name =
        |doc: &str| json!({ "type": "string", "minLength": 1, "maxLength": 1_000, "description": doc });
    json!({
        "endpoint": name("the endpoint's name or id"),
        "service": name("the service"),
        "operation": name("the operation"),
        "namespace": {
            "type": "string",
            "default": Namespace::DEFAULT,
            "description": "the namespace in whose name it is called, which the endpoint must allow",
        },
    })
}

fn with(more: &Json) -> Json {
    let mut fields = target_fields();
    if let (Some(all), Some(more)) = (fields.as_object_mut(), more.as_object()) {
        all.extend(more.clone());
    }
    fields
}

fn start(engine: &EngineHandle) -> Operation {
    let fields = with(&json!({
        "input": { "description": "the operation's input" },
        "request_id": { "type": "string", "minLength": 1, "description": "equal ids of one namespace start one operation" },
        "timeout": { "type": "string", "description": "how long the operation may take, for example 30s" },
        "callback": {
            "type": "object",
            "description": "where the end is brought to, as Nexus RPC has it, when it comes later than the answer",
            "properties": {
                "url": { "type": "string", "minLength": 1 },
                "headers": { "type": "object", "additionalProperties": { "type": "string" } },
            },
            "required": ["url"],
            "additionalProperties": false,
        },
        "links": {
            "type": "array",
            "description": "what it is started by",
            "items": {
                "type": "object",
                "properties": { "url": { "type": "string" }, "type": { "type": "string" } },
                "required": ["url", "type"],
                "additionalProperties": false,
            },
        },
        "promise": {
            "type": "boolean",
            "default": false,
            "description": "answer as Nexus RPC does: with an object of the state, and a token at once when a workflow carries the operation out",
        },
    }));
    let verb = Verb {
        name: "operation.start",
        title: "Call a Nexus operation",
        doc: "Calls an operation of a Nexus service through an endpoint, as a run of another namespace would.",
        effect: Effect::Long,
        input: object(&fields, &["endpoint", "service", "operation"]),
        output: json!({}),
    };
    // What the operation does is for its endpoint to allow, not for what the caller may see.
    let engine = engine.clone();
    let handler = move |input: Json, context: CallContext| -> BoxFuture<'static, Result<Answer, Error>> {
        let engine = engine.clone();
        Box::pin(async move {
            let input: StartInput = serde_json::from_value(input)
                .map_err(|error| Error::new(&code::INPUT_INVALID, error.to_string()))?;
            call(&engine, input, &context).await
        })
    };
    verb.with(Arc::new(handler))
}

async fn call(engine: &EngineHandle, input: StartInput, context: &CallContext) -> Result<Answer, Error> {
    let timeout = input.timeout.as_deref().map(duration).transpose()?;
    let (promise, is_async) = (input.promise, matches!(context.wait, Wait::Accepted));
    let start = OperationStart {
        endpoint: input.endpoint,
        service: input.service,
        operation: input.operation,
        input: input.input,
        caller: caller_of(context, input.namespace),
        is_outside: is_outside(&context.caller),
        request_id: input.request_id.or_else(|| context.idempotency_key.clone()),
        callback: input.callback.map(|it| Callback { url: it.url, headers: it.headers }),
        timeout,
        links: input.links,
        trace: context.trace.as_ref().map(TraceRecord::of),
    };
    let patience = match context.wait {
        Wait::AtMost(limit) => Some(limit),
        Wait::Accepted => Some(Duration::ZERO),
        Wait::Done => None,
    };
    let run = engine.start_operation(start, (patience, !promise && !is_async)).await?;
    let answer = RunAnswer {
        namespace: run.key.namespace.clone(),
        workflow_id: run.key.workflow_id.clone(),
        run_id: run.run_id.clone(),
        workflow: run.workflow.clone(),
        status: RunStatus::Running,
        failure: None,
    };
    context.started.note(&answer);
    if promise {
        let status = run.outcome.as_ref().map_or(RunStatus::Running, |outcome| outcome.status);
        let answer = RunAnswer { status, ..answer };
        return Ok(Answer { run: Some(answer), ..Answer::of(run.to_json()) });
    }
    match run.outcome.clone() {
        None => Ok(Answer { run: Some(answer), ..Answer::of(Json::Null) }),
        Some(Outcome { run_id, status, result, failure, .. }) => {
            answer_of(RunAnswer { run_id, status, failure, ..answer }, result)
        }
    }
}

/// Who calls, as the run that carries the operation out is told.
fn caller_of(context: &CallContext, namespace: Namespace) -> CallerInfo {
    let identity = Some(context.caller.identity.to_string());
    let acting = context.acting.as_deref();
    let workflow_id = acting.map(|run| run.workflow_id.clone());
    CallerInfo { namespace, workflow_id, run_id: acting.map(|run| run.run_id.clone()), identity }
}

/// Whether somebody is none of this project: whoever has to show a credential is.
fn is_outside(caller: &Caller) -> bool {
    !matches!(caller.proof, Proof::Local)
}

fn duration(text: &str) -> Result<Duration, Error> {
    let millis = parse_duration(text).ok().and_then(|ms| u64::try_from(ms).ok());
    millis.map(Duration::from_millis).ok_or_else(|| {
        Error::new(&code::INPUT_INVALID, "the input does not fit")
            .fault("/timeout", format!("{text:?} is no duration such as 30s or 5m"))
    })
}

#[derive(Deserialize)]
struct CancelInput {
    endpoint: String,
    service: String,
    operation: String,
    token: String,
    #[serde(default)]
    namespace: Namespace,
}

fn request_cancel(engine: &EngineHandle) -> Operation {
    let token = json!({ "token": { "type": "string", "minLength": 1, "description": "what its start was answered with" } });
    let verb = Verb {
        name: "operation.request-cancel",
        title: "Ask for the cancellation of a Nexus operation",
        doc: "Asks whoever carries an operation out to cancel it, as its caller: by the token that its start was answered with.",
        effect: Effect::Write,
        input: object(&with(&token), &["endpoint", "service", "operation", "token"]),
        output: json!({ "type": "object" }),
    };
    verb.handled(engine, |engine: EngineHandle, input: CancelInput, context: CallContext| async move {
        let caller = caller_of(&context, input.namespace);
        let target = (input.endpoint.as_str(), input.service.as_str(), input.operation.as_str());
        let caller = (&caller, is_outside(&context.caller));
        engine.cancel_operation(target, caller, &input.token).await?;
        Ok(json!({}))
    })
}

#[derive(Deserialize)]
struct DeliverInput {
    headers: BTreeMap<String, String>,
    token: Option<String>,
    #[serde(default)]
    links: Vec<LinkRecord>,
    #[serde(default)]
    result: Json,
    failure: Option<Json>,
}

fn deliver(engine: &EngineHandle) -> Operation {
    let fields = json!({
        "headers": {
            "type": "object",
            "additionalProperties": { "type": "string" },
            "description": "what the callback asked to be repeated: it shows that the completion was asked for",
        },
        "token": { "type": "string", "description": "what the operation is called by whoever carries it out" },
        "links": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": { "url": { "type": "string" }, "type": { "type": "string" } },
                "required": ["url", "type"],
                "additionalProperties": false,
            },
        },
        "result": { "description": "the result, when there is one" },
        "failure": { "type": "object", "description": "why there is none, as Nexus RPC has it" },
    });
    let verb = Verb {
        name: "operation.deliver",
        title: "Deliver the completion of a Nexus operation",
        doc: "Brings the end of an operation that was carried out elsewhere to the run that waits for it.",
        effect: Effect::Write,
        input: object(&fields, &["headers"]),
        output: json!({ "type": "object" }),
    };
    verb.handled(engine, |engine: EngineHandle, input: DeliverInput, _: CallContext| async move {
        let outcome = match input.failure {
            None => Ok(input.result),
            Some(failure) => Err(failure_of(&failure)?),
        };
        engine.complete_operation(&input.headers, (input.token, input.links), outcome).await?;
        Ok(json!({}))
    })
}

/// Why an operation has no result, as the completion says.
fn failure_of(failure: &Json) -> Result<Failure, Error> {
    let read = nexus_rpc::Failure::from_json(failure.to_string().as_bytes());
    let error = read.and_then(|failure| nexus_rpc::OperationError::of(failure, None));
    error.map(|error| of_ended(&error)).ok_or_else(|| {
        Error::new(&code::INPUT_INVALID, "the input does not fit")
            .fault("/failure", "it is no failure of an operation, as Nexus RPC has it")
    })
}
