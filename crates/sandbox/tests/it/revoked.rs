//! Grants that are taken back while a function runs or waits: its next operation is refused.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use nexus_kernel::{BoxFuture, Json};
use nexus_sandbox::{Capabilities, Granter, HostFunctions, Invocation, Lease, OpError, Options, Sandbox};
use serde_json::json;

use crate::fixture::{options, sandbox};

/// An operator: grants what it has at hand, and counts how often it was asked.
struct Operator {
    generation: AtomicU64,
    grants: Mutex<Capabilities>,
    asked: AtomicU64,
}

impl Granter for Operator {
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    fn granted(&self) -> Capabilities {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.grants.lock().unwrap().clone()
    }
}

impl Operator {
    fn grants(tokens: &[&str]) -> Arc<Operator> {
        let grants = Mutex::new(read(tokens));
        Arc::new(Operator { generation: AtomicU64::new(7), grants, asked: AtomicU64::new(0) })
    }

    fn change(&self, arg: &Json) {
        let tokens: Vec<&str> = arg.as_array().unwrap().iter().map(|token| token.as_str().unwrap()).collect();
        *self.grants.lock().unwrap() = read(&tokens);
        self.generation.fetch_add(1, Ordering::SeqCst);
    }
}

fn read(tokens: &[&str]) -> Capabilities {
    Capabilities::parse(tokens.iter().copied()).unwrap()
}

/// The function itself says when its operator changes what, so that the moment is certain.
struct Changing(Arc<Operator>);

impl HostFunctions for Changing {
    fn call_now(&self, _: &str, arg: Json) -> Result<Json, OpError> {
        self.0.change(&arg);
        Ok(Json::Null)
    }

    fn call(&self, _: &str, arg: Json) -> BoxFuture<'static, Result<Json, OpError>> {
        let operator = self.0.clone();
        Box::pin(async move {
            tokio::task::yield_now().await;
            operator.change(&arg);
            Ok(Json::Null)
        })
    }
}

async fn under(operator: &Arc<Operator>, sandbox: &Sandbox, source: &str) -> Json {
    let prelude = "const name = async (work) => { try { await work(); return 'done' } catch (e) { return e.name + ' ' + e.code } };\n";
    let module = sandbox.compile("activities/test.js", &format!("{prelude}{source}")).await.unwrap();
    let mut call = Invocation::new(module, "Main", Json::Null);
    call.capabilities = operator.grants.lock().unwrap().clone();
    call.lease = Some(Lease::new(operator.clone(), operator.generation()));
    call.functions = Some(Arc::new(Changing(operator.clone())));
    sandbox.call(call).await.unwrap().result
}

const DENIED: &str = "PermissionError NX-5005";

#[tokio::test]
async fn a_function_that_waits_finds_its_grants_taken_back() {
    let source = "export async function Main(_, ctx) {
      const told = [await name(() => ctx.kv.put('a', 1))];
      await ctx.host('change', ['host:change', 'kv:read:a']);
      for (const work of [() => ctx.kv.put('a', 2), () => ctx.kv.get('a'), () => ctx.kv.list('a'), () => ctx.kv.list(''), () => ctx.random.uuid(), () => ctx.workflows.result('x')])
        told.push(await name(work));
      await ctx.host('change', []);
      told.push(await name(() => ctx.host('change', ['kv:read'])), await name(() => ctx.kv.get('a')));
      return told }";
    let expected = json!([
        "done", DENIED, "done", DENIED, DENIED, DENIED, DENIED, // of the second stage
        DENIED, DENIED
    ]);
    let spilling = Sandbox::start(Options { resident_max: 0, ..options() }).unwrap();
    for sandbox in [sandbox(), spilling] {
        let operator = Operator::grants(&["host:change", "kv:read", "kv:write", "crypto:random"]);
        assert_eq!(under(&operator, &sandbox, source).await, expected);
    }
}

#[tokio::test]
async fn a_function_that_computes_finds_them_taken_back_in_the_same_slice() {
    let source = "export async function Main(_, ctx) {
      ctx.random.uuid(); ctx.hostNow('change', []);
      return [await name(() => ctx.random.uuid()), await name(() => ctx.hostNow('change', ['crypto:random']))] }";
    let operator = Operator::grants(&["host:change", "crypto:random"]);
    assert_eq!(under(&operator, &sandbox(), source).await, json!([DENIED, DENIED]));
}

#[tokio::test]
async fn what_is_granted_anew_holds_as_well_and_nobody_is_asked_without_a_change() {
    let calls = "for (let i = 0; i < 50; i++) await ctx.kv.get('k');";
    let operator = Operator::grants(&["host:change", "kv:read"]);
    let source = format!("export async function Main(_, ctx) {{ {calls} return 1 }}");
    assert_eq!(under(&operator, &sandbox(), &source).await, json!(1));
    assert_eq!(operator.asked.load(Ordering::SeqCst), 0, "comparing a number was enough");
    let source = "export async function Main(_, ctx) {
      const told = [await name(() => ctx.random.uuid())];
      await ctx.host('change', ['crypto:random']);
      return [...told, await name(() => ctx.random.uuid()), await name(() => ctx.kv.get('k'))] }";
    assert_eq!(under(&operator, &sandbox(), source).await, json!([DENIED, "done", DENIED]));
    assert_eq!(operator.asked.load(Ordering::SeqCst), 2);
}
