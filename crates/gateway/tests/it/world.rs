//! A server with a small catalogue of operations that tests call.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nexus_gateway::breaker::{Breakers, Rules};
use nexus_gateway::limit::policy::Policy;
use nexus_gateway::limit::{Limiter, MemoryCounters, Proxies};
use nexus_gateway::{Check, Gateway, Keys, Options, Pipeline, Sessions, bind};
use nexus_kernel::call::{Answer, CallContext, RunAnswer, Wait};
use nexus_kernel::catalogue::Catalogue;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::failure::{Failure, FailureKind};
use nexus_kernel::id::{Namespace, RunId, WorkflowId};
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::rng::SeededRng;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::operation::{Effect, Handler, Operation};
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::task::Shutdown;
use nexus_kernel::time::Timestamp;
use nexus_kernel::{BoxFuture, Json};
use serde_json::json;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::client::{self, Reply};

pub(crate) const RUN: &str = "run_0688ab1tdpv3h9m5x7cq2wnk4e";

/// A running server.
pub(crate) struct World {
    address: SocketAddr,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) keys: Keys,
    pub(crate) pipeline: Pipeline,
    pub(crate) catalogue: Catalogue,
    pub(crate) clock: SimClock,
    pub(crate) shutdown: Shutdown,
    pub(crate) running: JoinHandle<Result<(), Error>>,
    /// Lets calls of `Slow` go on.
    pub(crate) gate: Arc<Notify>,
    /// Told when a call of `Slow` has begun.
    pub(crate) begun: Arc<Notify>,
}

impl World {
    pub(crate) async fn new() -> World {
        World::with(|options| options).await
    }

    pub(crate) async fn with(change: impl FnOnce(Options) -> Options) -> World {
        World::made(Policy::default(), change).await
    }

    /// A world with limits.
    pub(crate) async fn limited(policy: Policy) -> World {
        World::made(policy, |options| options.proxies(Proxies::new(vec!["127.0.0.0/8".parse().unwrap()])))
            .await
    }

    async fn made(policy: Policy, change: impl FnOnce(Options) -> Options) -> World {
        let (gate, begun) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let catalogue = Catalogue::new();
        let clock = SimClock::at(Timestamp::from_millis(1_800_000_000_000));
        let rng = Arc::new(SeededRng::new(1));
        let (time, store) = (Arc::new(clock.clone()), Arc::new(MemoryStore::new()));
        let sessions = Sessions::new(store.clone(), time.clone(), rng.clone());
        let verbs = operations(&gate, &begun).into_iter().chain(sessions.operations());
        catalogue.replace(verbs.collect()).unwrap();
        let keys = Keys::new(store.clone(), time.clone());
        let limiter = Limiter::new(Arc::new(MemoryCounters::default()), policy, time.clone(), &*rng);
        let pipeline = Pipeline::new(catalogue.clone(), time, rng);
        let pipeline = pipeline.remembering(keys.clone()).with_sessions(sessions).limited(limiter);
        let breakers = Breakers::new(Rules::default(), Arc::new(clock.clone()));
        let pipeline = pipeline.breaking(breakers.clone());
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0)), false).await.unwrap();
        let options = change(Options::new(listener, pipeline.clone()).breakers(breakers).version("9.9.9"));
        let gateway = Gateway::new(options).unwrap();
        let (address, shutdown) = (gateway.address().unwrap(), Shutdown::new());
        let running = nexus_kernel::task::spawn(gateway.run(shutdown.clone()));
        World { address, store, keys, pipeline, catalogue, clock, shutdown, running, gate, begun }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Reply {
        client::raw(self.address(), &client::request(method, path, headers, body)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], b"").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Json) -> Reply {
        let json = ["content-type: application/json"];
        self.send("POST", path, &json, body.to_string().as_bytes()).await
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}

/// An operation made of a function.
pub(crate) fn operation<F, R>(id: &str, effect: Effect, input: Json, output: Json, work: F) -> Operation
where
    F: Fn(Json, CallContext) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Answer, Error>> + Send + 'static,
{
    let (namespace, name) = match id.split_once('/') {
        Some((namespace, name)) => (Some(Namespace::new(namespace).unwrap()), name),
        None => (None, id),
    };
    let handler = move |input: Json, context: CallContext| -> BoxFuture<'static, Result<Answer, Error>> {
        Box::pin(work(input, context))
    };
    Operation {
        contract: nexus_kernel::contract::Contract::default(),
        input_bytes_max: nexus_kernel::limits::PAYLOAD_BYTES_MAX,
        name: name.into(),
        namespace,
        title: format!("The title of {name}"),
        doc: format!("What {name} does."),
        input,
        output,
        effect,
        permission: format!("{name}:call"),
        defined_at: None,
        handler: Arc::new(handler) as Arc<dyn Handler>,
    }
}

/// The schema that `Total` takes: a nested object with most kinds of constraints.
fn order() -> Json {
    json!({
        "type": "object",
        "properties": {
            "amount": { "type": "integer", "minimum": 1, "maximum": 1000 },
            "note": { "type": ["string", "null"], "maxLength": 20 },
            "items": { "type": "array", "maxItems": 4, "items": { "$ref": "#/$defs/Item" } },
            "status": { "enum": ["open", "closed"] },
        },
        "required": ["amount"],
        "additionalProperties": false,
        "$defs": { "Item": {
            "type": "object",
            "properties": { "sku": { "type": "string" }, "count": { "type": "number" } },
            "required": ["sku"],
            "additionalProperties": false,
        } },
    })
}

fn any_object() -> Json {
    json!({ "type": "object" })
}

pub(crate) fn run_answer(workflow: &str, context: &CallContext, status: RunStatus) -> RunAnswer {
    let default = || WorkflowId::new("made-up").unwrap();
    RunAnswer {
        namespace: Namespace::new("shop").unwrap(),
        workflow_id: context.workflow_id.clone().unwrap_or_else(default),
        run_id: RunId::parse(RUN).unwrap(),
        workflow: workflow.into(),
        status,
        failure: None,
    }
}

async fn total(input: Json, context: CallContext) -> Result<Answer, Error> {
    let run = run_answer("Total", &context, RunStatus::Completed);
    Ok(Answer { run: Some(run), ..Answer::of(json!({ "seen": input })) })
}

async fn decline(_: Json, _: CallContext) -> Result<Answer, Error> {
    let cause = Failure::application("CardDeclined", "insufficient funds").final_();
    let failure =
        Failure::new(FailureKind::Activity, "ActivityFailure", "ChargeCard failed").caused_by(cause);
    let error = Error::new(&code::RUN_FAILED, "Decline failed: CardDeclined: insufficient funds");
    let help = format!("`nexus run history {RUN}` shows what happened");
    Err(error.help(help).failure(failure).run(RunId::parse(RUN).unwrap()))
}

/// Shows what the context of a call was.
async fn context(_: Json, context: CallContext) -> Result<Answer, Error> {
    let wait = match context.wait {
        Wait::Accepted => json!("accepted"),
        Wait::Done => json!("done"),
        Wait::AtMost(most) => json!(most.as_millis()),
    };
    Ok(Answer::of(json!({
        "wait": wait,
        "channel": context.channel.to_string(),
        "caller": context.caller.identity,
        "request_id": context.request_id,
        "workflow_id": context.workflow_id.map(|id| id.to_string()),
        "idempotency_key": context.idempotency_key,
        "session": context.session,
        "session_namespace": context.session_namespace,
    })))
}

fn slow(gate: &Arc<Notify>, begun: &Arc<Notify>) -> Operation {
    let (gate, begun) = (Arc::clone(gate), Arc::clone(begun));
    operation("shop/Slow", Effect::Long, any_object(), json!({ "type": "string" }), move |_, context| {
        let (gate, begun) = (Arc::clone(&gate), Arc::clone(&begun));
        async move {
            let open = run_answer("Slow", &context, RunStatus::Running);
            let short = matches!(context.wait, Wait::AtMost(most) if most < Duration::from_mins(1));
            if context.wait == Wait::Accepted || short {
                return Ok(Answer { run: Some(open), ..Answer::of(Json::Null) });
            }
            begun.notify_one();
            gate.notified().await;
            let run = RunAnswer { status: RunStatus::Completed, ..open };
            Ok(Answer { run: Some(run), ..Answer::of(json!("done")) })
        }
    })
}

fn operations(gate: &Arc<Notify>, begun: &Arc<Notify>) -> Vec<Operation> {
    let echo = |input: Json, _: CallContext| async { Ok(Answer::of(input)) };
    let run_id = json!({
        "type": "object",
        "properties": {
            "run_id": { "type": "string" }, "workflow_id": { "type": "string" }, "wait_ms": { "type": "integer" },
        },
        "additionalProperties": false,
    });
    let filters = json!({
        "type": "object",
        "properties": { "limit": { "type": "integer", "minimum": 1 }, "status": { "enum": ["running", "failed"] } },
        "additionalProperties": false,
    });
    let named =
        json!({ "type": "object", "properties": { "name": {}, "namespace": {} }, "required": ["name"] });
    let panics = |_: Json, _: CallContext| async {
        assert!(std::hint::black_box(false), "a secret that callers must not see");
        Ok(Answer::of(Json::Null))
    };
    vec![
        operation("shop/Total", Effect::Long, order(), any_object(), total),
        operation("shop/Decline", Effect::Long, any_object(), json!({}), decline),
        operation(
            "shop/Count",
            Effect::Long,
            any_object(),
            json!({ "type": "integer" }),
            |input, context| async move {
                let count = input.as_object().map_or(0, serde_json::Map::len);
                let run = run_answer("Count", &context, RunStatus::Completed);
                Ok(Answer { run: Some(run), ..Answer::of(json!(count)) })
            },
        ),
        slow(gate, begun),
        operation("shop/Refund", Effect::Long, any_object(), any_object(), echo),
        operation("bank/Refund", Effect::Long, any_object(), any_object(), echo),
        operation("run.list", Effect::Read, filters, any_object(), echo),
        operation("run.show", Effect::Read, run_id.clone(), any_object(), echo),
        operation("run.history", Effect::Read, run_id.clone(), any_object(), echo),
        operation("run.cancel", Effect::Write, run_id, any_object(), echo),
        operation("run.signal", Effect::Write, any_object(), any_object(), echo),
        operation("run.query", Effect::Read, any_object(), any_object(), echo),
        operation("run.update", Effect::Write, any_object(), any_object(), echo),
        operation("event.list", Effect::Read, any_object(), any_object(), echo),
        operation("workflow.list", Effect::Read, any_object(), any_object(), echo),
        operation("workflow.show", Effect::Read, named, any_object(), echo),
        operation("test.context", Effect::Read, any_object(), any_object(), context),
        operation("test.panic", Effect::Read, any_object(), any_object(), panics),
    ]
}

/// A health check with this outcome.
pub(crate) fn check(name: &str, outcome: Result<(), String>) -> Check {
    let checking = move || -> BoxFuture<'static, Result<(), String>> {
        let outcome = outcome.clone();
        Box::pin(async move { outcome })
    };
    Check { name: name.into(), checking: Arc::new(checking), is_needed: true }
}
