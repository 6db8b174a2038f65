//! Functions that wait: side by side, for long, until the deadline, after the caller has gone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::port::clock::Clock;
use nexus_kernel::time::Timestamp;
use nexus_kernel::{BoxFuture, Json};
use nexus_sandbox::{
    CallErrorKind, Capabilities, HostFunctions, Invocation, LimitKind, OpError, Options, Overload, Sandbox,
};
use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};

use crate::fixture::{invocation, module, options, run, sandbox};

/// Answers when told to.
#[derive(Default)]
struct Gate {
    waiting: Mutex<Vec<(Json, oneshot::Sender<Json>)>>,
    arrived: Notify,
    dropped: Arc<AtomicUsize>,
    gone: Arc<Notify>,
}

struct CountDrop(Arc<AtomicUsize>, Arc<Notify>);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
        self.1.notify_one();
    }
}

impl HostFunctions for Gate {
    fn call_now(&self, _: &str, arg: Json) -> Result<Json, OpError> {
        Ok(arg)
    }

    fn call(&self, _: &str, arg: Json) -> BoxFuture<'static, Result<Json, OpError>> {
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().unwrap().push((arg, sender));
        self.arrived.notify_one();
        let count = CountDrop(self.dropped.clone(), self.gone.clone());
        Box::pin(async move {
            let _count = count;
            receiver.await.map_err(|_| OpError::new("Closed", "the gate is closed"))
        })
    }
}

impl Gate {
    async fn until_waiting(&self, count: usize) -> Vec<(Json, oneshot::Sender<Json>)> {
        loop {
            let arrived = self.arrived.notified();
            {
                let mut waiting = self.waiting.lock().unwrap();
                if waiting.len() >= count {
                    return std::mem::take(&mut *waiting);
                }
            }
            arrived.await;
        }
    }
}

async fn gated(source: &str, gate: &Arc<Gate>) -> Invocation {
    let mut call = invocation(source, Value::Null).await;
    call.capabilities = Capabilities::parse(["host:*"]).unwrap();
    call.functions = Some(gate.clone());
    call
}

#[tokio::test]
async fn operations_run_side_by_side_and_settle_in_any_order() {
    let gate = Arc::new(Gate::default());
    let source = "export async function Main(_, ctx) {
        const order = [];
        const one = async (n) => { const got = await ctx.host('wait', n); order.push(n); return got };
        const all = await Promise.all([...Array(32).keys()].map(one));
        return { all, order } }";
    let call = tokio::spawn({
        let call = gated(source, &gate).await;
        async move { sandbox().call(call).await }
    });
    let waiting = gate.until_waiting(32).await;
    for (n, sender) in waiting.into_iter().rev() {
        sender.send(json!(n.as_u64().unwrap() * 10)).unwrap();
    }
    let outcome = call.await.unwrap().unwrap();
    let all: Vec<u64> = (0..32).map(|n| n * 10).collect();
    assert_eq!(outcome.result["all"], json!(all));
    assert_eq!(outcome.result["order"].as_array().unwrap().len(), 32);
    assert_eq!(outcome.stats.host_calls, 32);
}

#[tokio::test]
async fn failures_of_operations_can_be_caught_and_raced() {
    let gate = Arc::new(Gate::default());
    let source = "export async function Main(_, ctx) {
        const settled = await Promise.allSettled([ctx.host('a', 1), ctx.kv.get('x')]);
        return settled.map((s) => s.status + (s.reason ? ' ' + s.reason.name : '')) }";
    let call = tokio::spawn({
        let call = gated(source, &gate).await;
        async move { sandbox().call(call).await }
    });
    drop(gate.until_waiting(1).await);
    assert_eq!(call.await.unwrap().unwrap().result, json!(["rejected Closed", "rejected PermissionError"]));
}

#[tokio::test]
async fn waiting_costs_no_thread() {
    let gate = Arc::new(Gate::default());
    let call = gated("export async function Main(_, ctx) { return await ctx.host('wait', 1) }", &gate).await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..150 {
        let call = call.clone();
        calls.spawn(async move { sandbox().call(call).await.unwrap().result });
    }
    let waiting = gate.until_waiting(150).await;
    let quick = run("export function Main() { return 'quick' }", Value::Null).await.unwrap();
    assert_eq!(quick.result, json!("quick"), "while 150 calls wait on two threads");
    for (_, sender) in waiting {
        sender.send(json!(5)).unwrap();
    }
    while let Some(done) = calls.join_next().await {
        assert_eq!(done.unwrap(), json!(5));
    }
}

#[tokio::test]
async fn many_more_wait_than_there_are_instances() {
    let own = Sandbox::start(Options { instances_max: 4, resident_max: 2, ..options() }).unwrap();
    let gate = Arc::new(Gate::default());
    let source = "let calls = 0; const kept = new Map([['a', [1, /x+/g, new Date(5)]]]);
        export async function Main(n, ctx) {
            const big = n % 10 === 0 ? new Uint8Array(6 << 20).fill(7) : [];
            const random = Math.random(), first = await ctx.host('wait', n);
            const more = await Promise.all([ctx.hostNow('echo', n), ctx.host('wait', n)]);
            calls++;
            return [first, more, calls, 'xx'.match(kept.get('a')[1]), kept.get('a')[2].getTime(), big.length ? big.at(-1) : 7,
                Math.random() !== random] }";
    let call = gated(source, &gate).await;
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..200 {
        let (own, mut call) = (own.clone(), call.clone());
        call.input = nexus_sandbox::Input::One(json!(n));
        calls.spawn(async move { (n, own.call(call).await.unwrap()) });
    }
    for _ in 0..2 {
        for (n, sender) in gate.until_waiting(200).await {
            sender.send(n).unwrap();
        }
    }
    let mut spills = 0;
    while let Some(done) = calls.join_next().await {
        let (n, outcome) = done.unwrap();
        assert_eq!(outcome.result, json!([n, [n, n], 1, ["xx"], 5, 7, true]));
        spills += outcome.stats.spills;
    }
    assert!(spills > 300, "{spills}");
}

#[tokio::test]
async fn a_small_function_that_waits_is_kept_in_ten_kibibytes() {
    // Room for three times ten kibibytes, and three functions beyond the one that may keep its instance.
    let own = Sandbox::start(Options {
        instances_max: 2,
        resident_max: 0,
        spilled_bytes_max: 30 << 10,
        ..options()
    })
    .unwrap();
    let gate = Arc::new(Gate::default());
    let call = gated("export async function Main(n, ctx) { return await ctx.host('wait', n) }", &gate).await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let (own, call) = (own.clone(), call.clone());
        calls.spawn(async move { own.call(call).await.unwrap() });
    }
    for (_, sender) in gate.until_waiting(3).await {
        sender.send(json!(1)).unwrap();
    }
    while let Some(done) = calls.join_next().await {
        assert_eq!(done.unwrap().stats.spills, 1);
    }
    let big = "export async function Main(n, ctx) { const b = new Uint8Array(1 << 20).fill(1); await ctx.host('wait', n); return b }";
    let error = own.call(gated(big, &gate).await).await.unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Overloaded(Overload::Parked));
    assert_eq!(error.kind.code().id, "NX-5030");
}

#[tokio::test]
async fn operations_nobody_awaits_are_abandoned_and_told() {
    let gate = Arc::new(Gate::default());
    let source = "export async function Main(_, ctx) { ctx.host('a', 1); await ctx.host('b', 2); ctx.host('c', 3); return 'early' }";
    let call = tokio::spawn({
        let call = gated(source, &gate).await;
        async move { sandbox().call(call).await }
    });
    let mut waiting = gate.until_waiting(2).await;
    let b = waiting.iter().position(|(arg, _)| *arg == json!(2)).unwrap();
    waiting.remove(b).1.send(Value::Null).unwrap();
    let outcome = call.await.unwrap().unwrap();
    assert_eq!(outcome.result, json!("early"));
    assert_eq!(outcome.logs[0].message, "2 operations were still under way and are abandoned; await them");
}

fn simulated() -> (SimClock, Sandbox) {
    simulated_with(options())
}

fn simulated_with(options: Options) -> (SimClock, Sandbox) {
    let clock = SimClock::at(Timestamp::from_millis(1_000_000));
    let own = Sandbox::start(Options { clock: Arc::new(clock.clone()), ..options }).unwrap();
    (clock, own)
}

#[tokio::test]
async fn the_deadline_ends_waiting() {
    let (clock, own) = simulated();
    let gate = Arc::new(Gate::default());
    let mut call =
        gated("export async function Main(_, ctx) { console.log('hi'); await ctx.host('a', 1) }", &gate)
            .await;
    call.deadline = Some(clock.now().plus(Duration::from_secs(5)));
    let running = tokio::spawn(async move { own.call(call).await });
    let _waiting = gate.until_waiting(1).await;
    clock.advance(Duration::from_secs(6));
    let error = running.await.unwrap().unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Deadline);
    assert_eq!(error.kind.code().id, "NX-5008");
    assert_eq!(error.logs[0].message, "hi");
    assert_eq!(error.logs[0].at, Timestamp::from_millis(1_000_000));
}

#[tokio::test]
async fn waiting_has_a_limit_of_its_own() {
    let (clock, own) = simulated();
    let gate = Arc::new(Gate::default());
    let source = "export async function Main(_, ctx) { await ctx.host('a', 1); await ctx.host('b', 2) }";
    let mut call = gated(source, &gate).await;
    (call.limits.suspended_ms_max, call.limits.wall_ms_max) = (10_000, 5_000);
    call.limits.operation_ms_max = 60_000;
    let running = tokio::spawn(async move { own.call(call).await });
    let (_, first) = gate.until_waiting(1).await.pop().unwrap();
    clock.advance(Duration::from_secs(6));
    first.send(Value::Null).unwrap();
    let _second = gate.until_waiting(1).await;
    clock.advance(Duration::from_secs(5));
    let error = running.await.unwrap().unwrap_err();
    let limit = CallErrorKind::Limit { what: LimitKind::Suspended, limit: 10_000, used: 10_000 };
    assert_eq!(error.kind, limit, "the waits together; the five seconds of running have hardly been touched");
    assert_eq!(error.kind.code().id, "NX-5026");
    let failure = error.kind.to_failure();
    assert!(!failure.non_retryable, "slow services may be quicker next time");
    assert_eq!(failure.details[0]["resource"], json!("suspended_ms"));
    assert_eq!(gate.dropped.load(Ordering::SeqCst), 2, "what it waited for has been dropped");
}

#[tokio::test]
async fn an_operation_that_takes_too_long_fails_and_can_be_caught() {
    let (clock, own) = simulated();
    let gate = Arc::new(Gate::default());
    let source = "export async function Main(_, ctx) {
        try { await ctx.host('a', 1) } catch (e) { return [e.name, e.code, e.message, e instanceof Error] } }";
    let mut call = gated(source, &gate).await;
    call.limits.operation_ms_max = 2_000;
    let running = tokio::spawn(async move { own.call(call).await });
    let _waiting = gate.until_waiting(1).await;
    clock.advance(Duration::from_secs(2));
    let expected = json!(["TimeoutError", "NX-5027", "the operation took longer than it may", true]);
    assert_eq!(running.await.unwrap().unwrap().result, expected);
    assert_eq!(gate.dropped.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_deadline_ends_computing() {
    let (clock, own) = simulated();
    own.ready().await.unwrap();
    let mut call =
        invocation("export function Main(_, ctx) { ctx.hostNow('begun'); for (;;); }", Value::Null).await;
    call.capabilities = Capabilities::parse(["host:*"]).unwrap();
    let begun = Arc::new(Begun::default());
    call.functions = Some(begun.clone());
    (call.limits.cpu_slice_ms_max, call.limits.cpu_ms_max) = (60_000, 60_000);
    let running = tokio::spawn(async move { own.call(call).await });
    begun.0.notified().await;
    clock.advance(Duration::from_secs(31));
    assert_eq!(running.await.unwrap().unwrap_err().kind, CallErrorKind::Deadline);
}

#[derive(Default)]
struct Begun(Notify);

impl HostFunctions for Begun {
    fn call_now(&self, _: &str, _: Json) -> Result<Json, OpError> {
        self.0.notify_one();
        Ok(Value::Null)
    }

    fn call(&self, _: &str, arg: Json) -> BoxFuture<'static, Result<Json, OpError>> {
        Box::pin(std::future::ready(Ok(arg)))
    }
}

#[tokio::test]
async fn a_caller_that_leaves_stops_the_operations_and_frees_the_instance() {
    let own = Sandbox::start(Options { instances_max: 1, ..options() }).unwrap();
    let gate = Arc::new(Gate::default());
    let call = gated("export async function Main(_, ctx) { return await ctx.host('a', 1) }", &gate).await;
    let running = tokio::spawn({
        let own = own.clone();
        async move { own.call(call).await }
    });
    let _waiting = gate.until_waiting(1).await;
    running.abort();
    gate.gone.notified().await;
    assert_eq!(gate.dropped.load(Ordering::SeqCst), 1);
    let next = Invocation::new(module("export function Main() { return 'free' }").await, "Main", Value::Null);
    assert_eq!(own.call(next).await.unwrap().result, json!("free"));
}

#[tokio::test]
async fn too_much_waiting_work_is_turned_away() {
    for (options, what, code) in [
        (Options { queued_max: 0, ..options() }, Overload::Queue, "NX-5028"),
        (Options { queued_per_owner_max: 0, ..options() }, Overload::Owner, "NX-5029"),
    ] {
        let own = Sandbox::start(options).unwrap();
        let call = invocation("export function Main() {}", Value::Null).await;
        let error = own.call(call).await.unwrap_err();
        assert_eq!(error.kind, CallErrorKind::Overloaded(what));
        assert_eq!(error.kind.code().id, code);
        assert!(!error.kind.to_failure().non_retryable);
    }
}

#[tokio::test]
async fn a_patient_caller_waits_for_room() {
    let (clock, own) = simulated_with(Options { queued_per_owner_max: 0, ..options() });
    let mut call = invocation("export function Main() {}", Value::Null).await;
    call.patient = true;
    own.ready().await.unwrap();
    let running = tokio::spawn(async move { own.call(call).await });
    // There never is room here: it goes on trying until its time is up.
    while !running.is_finished() {
        clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    assert_eq!(running.await.unwrap().unwrap_err().kind, CallErrorKind::Deadline);
}
