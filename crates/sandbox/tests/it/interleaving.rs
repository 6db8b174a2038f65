//! A thousand functions that wait, answered and left in any order, on any thread, with and without an instance: each gets
//! its own answers, once.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use nexus_kernel::{BoxFuture, Json};
use nexus_sandbox::{
    CallError, CallErrorKind, Capabilities, HostFunctions, Input, Invocation, OpError, Options, Outcome,
    Sandbox,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::fixture::{module, options};

/// Three rounds: one operation, three at once of which one fails, and one again. What is held across the waits comes back
/// with the answers.
const SOURCE: &str = "let calls = 0;
    export async function Main(n, ctx) {
        calls++;
        const held = { n, list: [n, [n]], text: 'x' + n, map: new Map([[n, n]]), rest: Math.random() };
        const first = await ctx.host('one', [n, 1]);
        const many = await Promise.allSettled([ctx.host('two', [n, 2]), ctx.host('fail', [n, 3]), ctx.host('two', [n, 4])]);
        const last = await ctx.host('three', [n, 5]);
        return [first, many.map((m) => m.value ?? m.reason.message), last, held.list[1][0], held.map.get(n), held.text, calls] }";

type Asked = (Json, oneshot::Sender<Result<Json, OpError>>);

/// Hands every operation out.
struct Desk(mpsc::UnboundedSender<Asked>);

impl HostFunctions for Desk {
    fn call_now(&self, _: &str, arg: Json) -> Result<Json, OpError> {
        Ok(arg)
    }

    fn call(&self, _: &str, arg: Json) -> BoxFuture<'static, Result<Json, OpError>> {
        let (answer, answered) = oneshot::channel();
        let _ = self.0.send((arg, answer)); // nobody listens any more at the end
        Box::pin(
            async move { answered.await.unwrap_or_else(|_| Err(OpError::new("Gone", "nobody answers"))) },
        )
    }
}

fn answer(arg: &Json) -> Result<Json, OpError> {
    let (n, step) = (arg[0].as_u64().unwrap(), arg[1].as_u64().unwrap());
    if step == 3 { Err(OpError::new("Refused", format!("no {n}"))) } else { Ok(json!(n * 10 + step)) }
}

fn expected(n: u64) -> Value {
    json!([n * 10 + 1, [n * 10 + 2, format!("no {n}"), n * 10 + 4], n * 10 + 5, n, n, format!("x{n}"), 1])
}

/// What is drawn: how many may keep instances, who is left alone, and the order of the answers.
#[derive(Debug, Clone)]
struct Plan {
    count: u64,
    resident_max: u32,
    left_every: u64,
    order: u64,
}

fn plan() -> impl Strategy<Value = Plan> {
    (200_u64..=1_000, 0_u32..40, 5_u64..50, any::<u64>())
        .prop_map(|(count, resident_max, left_every, order)| Plan { count, resident_max, left_every, order })
}

type Running = HashMap<u64, JoinHandle<Result<Outcome, CallError>>>;

impl Plan {
    fn is_left(&self, n: u64) -> bool {
        n.is_multiple_of(self.left_every)
    }

    /// Everybody begins.
    async fn begin(&self, sandbox: &Sandbox, desk: Desk) -> Running {
        let mut call = Invocation::new(module(SOURCE).await, "Main", Value::Null);
        call.capabilities = Capabilities::parse(["host:*"]).unwrap();
        call.functions = Some(Arc::new(desk));
        (call.limits.cpu_slice_ms_max, call.limits.cpu_ms_max) = (5_000, 5_000);
        let begin = |n: u64| {
            let (sandbox, mut call) = (sandbox.clone(), call.clone());
            call.input = Input::One(json!(n));
            (n, tokio::spawn(async move { sandbox.call(call).await }))
        };
        (0..self.count).map(begin).collect()
    }

    /// Answers what is asked in the drawn order, until everybody who stays has had five answers.
    async fn answer(&self, running: &Running, asked: &mut mpsc::UnboundedReceiver<Asked>) {
        let (mut waiting, mut random) = (Vec::new(), self.order | 1);
        let mut missing = 5 * (0..self.count).filter(|n| !self.is_left(*n)).count();
        while missing > 0 {
            if waiting.is_empty() {
                waiting.push(asked.recv().await.unwrap());
            }
            waiting.extend(std::iter::from_fn(|| asked.try_recv().ok()));
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let at = usize::try_from(random % waiting.len() as u64).unwrap();
            let (arg, sender) = waiting.swap_remove(at);
            let n = arg[0].as_u64().unwrap();
            if self.is_left(n) {
                // The caller goes away in the middle; whatever is answered afterwards reaches nobody.
                running[&n].abort();
                drop(sender.send(answer(&arg)));
                continue;
            }
            sender.send(answer(&arg)).unwrap();
            missing -= 1;
        }
    }
}

async fn play(plan: Plan) {
    let threads = NonZeroUsize::new(3);
    let sizes = Options { instances_max: 50, resident_max: plan.resident_max, threads, ..options() };
    let sandbox = Sandbox::start(sizes).unwrap();
    let (sender, mut asked) = mpsc::unbounded_channel();
    let running = plan.begin(&sandbox, Desk(sender)).await;
    plan.answer(&running, &mut asked).await;
    let mut spills = 0;
    for (n, call) in running {
        if plan.is_left(n) {
            assert!(call.await.is_err_and(|error| error.is_cancelled()), "{n}");
            continue;
        }
        let outcome = call.await.unwrap().unwrap_or_else(|error| panic!("{n}: {error}"));
        assert_eq!((outcome.result, outcome.stats.host_calls), (expected(n), 5));
        spills += outcome.stats.spills;
    }
    assert!(spills > 0, "{plan:?}");
    let after = Invocation::new(module("export function Main() { return 1 }").await, "Main", Value::Null);
    assert_eq!(sandbox.call(after).await.unwrap().result, json!(1));
}

#[test]
fn any_interleaving_gives_everybody_their_own_answers() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 3, max_shrink_iters: 0, ..Config::default() });
    runner
        .run(&plan(), |plan| {
            runtime.block_on(play(plan));
            Ok(())
        })
        .unwrap();
    runtime.block_on(play(Plan { count: 1_000, resident_max: 0, left_every: 7, order: 42 }));
}

#[tokio::test]
async fn an_answer_after_the_end_reaches_nobody() {
    let (sender, mut asked) = mpsc::unbounded_channel();
    let source = "export async function Main(n, ctx) { ctx.host('late', [n, 1]); return await ctx.host('soon', [n, 2]) }";
    let mut call = Invocation::new(module(source).await, "Main", json!(1));
    call.capabilities = Capabilities::parse(["host:*"]).unwrap();
    call.functions = Some(Arc::new(Desk(sender)));
    let running = tokio::spawn(async move { crate::fixture::sandbox().call(call).await });
    let mut both = vec![asked.recv().await.unwrap(), asked.recv().await.unwrap()];
    both.sort_by_key(|(arg, _)| arg[1].as_u64());
    let (soon, late) = (both.pop().unwrap(), both.pop().unwrap());
    soon.1.send(answer(&soon.0)).unwrap();
    assert_eq!(running.await.unwrap().unwrap().result, json!(12));
    assert!(late.1.is_closed(), "what nobody waits for any more has been dropped");
    let stuck =
        crate::fixture::failure("export async function Main(_, ctx) { await new Promise(() => {}) }").await;
    assert_eq!(stuck, CallErrorKind::Stuck);
}
