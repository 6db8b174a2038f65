//! Runs of a function's namespace: which ids requests have, what comes back.

use std::sync::{Arc, Mutex};

use nexus_kernel::error::Error;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::{Namespace, RunId, WorkflowId};
use nexus_kernel::port::workflows::{MessageTo, RunOf, StartOf, Workflows};
use nexus_kernel::{BoxFuture, Json, code};
use nexus_sandbox::{Capabilities, Invocation};
use serde_json::{Value, json};

use crate::fixture::{invocation, sandbox};

/// Runs of one workflow, whatever their id, but for `none`; what was asked for, in order.
pub(crate) struct Runs {
    workflow: &'static str,
    asked: Mutex<Vec<Json>>,
}

impl Runs {
    pub(crate) fn of(workflow: &'static str) -> Runs {
        Runs { workflow, asked: Mutex::default() }
    }

    fn note(&self, asked: Json) {
        self.asked.lock().unwrap().push(asked);
    }

    fn take(&self) -> Vec<Json> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn ready<T: Send + 'static>(value: T) -> BoxFuture<'static, T> {
    Box::pin(std::future::ready(value))
}

impl Workflows for Runs {
    fn workflow_of(
        &self,
        _: &Namespace,
        id: &WorkflowId,
    ) -> BoxFuture<'static, Result<Option<String>, Error>> {
        ready(Ok((id.as_str() != "none").then(|| self.workflow.to_owned())))
    }

    fn start(&self, start: StartOf) -> BoxFuture<'static, Result<RunOf, Error>> {
        self.note(json!([start.namespace, start.request_id, start.workflow_id, start.input]));
        let workflow_id = start.workflow_id.unwrap_or_else(|| WorkflowId::new("made-up").unwrap());
        ready(Ok(RunOf { workflow_id, run_id: RunId::parse("run_0688ab1tdpv3h9m5x7cq2wnk4e").unwrap() }))
    }

    fn signal(&self, message: MessageTo) -> BoxFuture<'static, Result<(), Error>> {
        self.note(json!([message.request_id, message.workflow_id, message.name, message.input]));
        ready(Ok(()))
    }

    fn query(&self, message: MessageTo) -> BoxFuture<'static, Result<Json, Error>> {
        ready(match message.name.as_str() {
            "place" => Ok(json!({ "at": "the dock", "asked": message.input })),
            _ => Err(Error::new(&code::INPUT_INVALID, "there is no such query")),
        })
    }

    fn result(
        &self,
        _: &Namespace,
        id: &WorkflowId,
    ) -> BoxFuture<'static, Result<Result<Json, Failure>, Error>> {
        let failed = Failure::application("OutOfStock", "none left");
        ready(Ok(if id.as_str() == "bad" { Err(failed) } else { Ok(json!("shipped")) }))
    }
}

async fn call(source: &str, runs: &Arc<Runs>) -> Invocation {
    let mut call = invocation(source, Value::Null).await;
    let all = ["workflow:start", "workflow:signal", "workflow:query", "workflow:result"];
    call.capabilities = Capabilities::parse(all).unwrap();
    call.ports.workflows = Some(runs.clone());
    call.context.idempotency_key = Some("o-1/run_1/3".to_owned());
    call
}

#[tokio::test]
async fn a_repeated_attempt_asks_with_the_same_ids() {
    let source = "export async function Main(_, { workflows }) {
        const first = await workflows.start('Ship', { order: 7 }), own = await workflows.start('Ship', { order: 8 }, { id: 'ship-8' });
        await Promise.all([workflows.signal('ship-8', 'packed'), workflows.signal('ship-8', 'packed', [1])]);
        return [first.workflowId, own.workflowId, first.runId.slice(0, 4)] }";
    let runs = Arc::new(Runs::of("Ship"));
    let call = call(source, &runs).await;
    assert_eq!(sandbox().call(call.clone()).await.unwrap().result, json!(["made-up", "ship-8", "run_"]));
    let mut asked = runs.take();
    asked[2..].sort_by_key(Json::to_string);
    assert_eq!(
        json!(asked),
        json!([
            ["default", "o-1/run_1/3/0/start/Ship", null, {"order": 7}],
            ["default", "o-1/run_1/3/1/start/Ship", "ship-8", {"order": 8}],
            ["o-1/run_1/3/2/signal/ship-8/packed", "ship-8", "packed", null],
            ["o-1/run_1/3/3/signal/ship-8/packed", "ship-8", "packed", [1]],
        ])
    );
    sandbox().call(call).await.unwrap();
    let mut again = runs.take();
    again[2..].sort_by_key(Json::to_string);
    assert_eq!(again, asked);
}

#[tokio::test]
async fn runs_are_asked_and_awaited() {
    let source = "export async function Main(_, { workflows }) { const told = [];
        for (const [what, ...args] of [['query', 'a', 'nothing'], ['query', 'none', 'place'], ['result', 'bad'], ['result', 'none'],
            ['signal', 'none', 'x'], ['signal', '', 'x'], ['start', 5], ['start', 'Ship', {}, { id: '' }]])
            await workflows[what](...args).catch((e) => told.push([e.name, e.code ?? null]));
        return [await workflows.query('a', 'place', { x: 1 }), await workflows.result('a'), told] }";
    let runs = Arc::new(Runs::of("Ship"));
    let expected = json!([{"at": "the dock", "asked": {"x": 1}}, "shipped", [
        ["WorkflowError", "NX-2001"], ["WorkflowError", "NX-2003"], ["OutOfStock", "NX-3001"], ["WorkflowError", "NX-2003"],
        ["WorkflowError", "NX-2003"], ["TypeError", null], ["TypeError", null], ["TypeError", null]]]);
    let told = sandbox().call(call(source, &runs).await).await.unwrap().result;
    assert_eq!(told, expected);
}
