//! What a function sees and gives back.

use nexus_sandbox::{CallContext, CallErrorKind, Input, LogLevel};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::fixture::{failure, invocation, module, result, run, sandbox};

#[tokio::test]
async fn a_function_gets_input_and_gives_a_result() {
    let outcome =
        run("export async function Main(order) { return { ok: true, n: order.n + 1 } }", json!({"n": 41}));
    let outcome = outcome.await.unwrap();
    assert_eq!(outcome.result, json!({"ok": true, "n": 42}));
    assert_eq!(outcome.stats.slices, 1);
    assert_eq!(outcome.stats.host_calls, 0);
    assert!(outcome.stats.cpu_us > 0 && outcome.stats.memory_bytes >= 4 << 20);
}

#[tokio::test]
async fn all_kinds_of_functions_can_be_called() {
    for source in [
        "export function Main() { return 7 }",
        "export const Main = async () => 7",
        "export const Main = () => ({ then(resolve) { resolve(7) } })",
        "const f = () => Promise.resolve(7); export { f as Main }",
        "const seven = await Promise.resolve(7); export function Main() { return seven }",
        "export function Main() { return new Promise((resolve) => queueMicrotask(() => resolve(7))) }",
    ] {
        assert_eq!(result(source).await, json!(7), "{source}");
    }
}

#[tokio::test]
async fn nothing_is_null() {
    for source in [
        "export function Main() {}",
        "export async function Main() { return undefined }",
        "export function Main() { return null }",
        "export function Main() { return () => 1 }",
    ] {
        assert_eq!(result(source).await, Value::Null, "{source}");
    }
}

#[tokio::test]
async fn several_arguments_come_before_the_context() {
    let source = "export function Main(a, b, ctx) { return [a, b, ctx.attempt] }";
    let mut call = invocation(source, Value::Null).await;
    call.input = Input::Many(vec![json!("x"), json!({"y": 1})]);
    assert_eq!(sandbox().call(call).await.unwrap().result, json!(["x", {"y": 1}, 1]));
}

#[tokio::test]
async fn the_context_says_where_it_runs() {
    let source = "export function Main(_, ctx) { return { ...ctx } }";
    let mut call = invocation(source, Value::Null).await;
    call.context = CallContext {
        workflow: Some("Checkout".into()),
        workflow_id: Some("order-7".into()),
        run: Some("run_1".into()),
        activity: Some("Charge".into()),
        activity_id: Some(3),
        attempt: 2,
        idempotency_key: Some("order-7/run_1/3".into()),
        ..CallContext::default()
    };
    let expected = json!({
        "namespace": "default", "workflow": "Checkout", "workflowId": "order-7", "run": "run_1",
        "activity": "Charge", "activityId": 3, "attempt": 2, "idempotencyKey": "order-7/run_1/3",
    });
    assert_eq!(sandbox().call(call).await.unwrap().result, expected);
}

#[tokio::test]
async fn exports_are_known_without_running_anything() {
    let module =
        module("throw new Error('ran'); export async function B() {} export const A = 1; export default 2")
            .await;
    assert_eq!(module.exports(), ["B", "A", "default"]);
    let error = sandbox().call(nexus_sandbox::Invocation::new(module, "b", Value::Null)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "activities/test.js has no export \"b\"; did you mean \"A\"? [NX-5010]".replace("\"A\"", "\"B\"")
    );
}

#[tokio::test]
async fn an_export_that_is_no_function_is_told() {
    let CallErrorKind::Threw(failure) = failure("export const Main = 5").await else { panic!() };
    assert_eq!(failure.message, "the export Main is number, not a function");
}

#[tokio::test]
async fn log_lines_come_back_with_their_levels() {
    let source = "export function Main(_, ctx) {
        console.log('a', 1, { b: [2] }); console.warn('careful'); ctx.log('info only');
        ctx.log('error', 'bad', 3); ctx.log.debug(undefined); console.error(new TypeError('no'));
        throw new Error('after logging') }";
    let error = run(source, Value::Null).await.unwrap_err();
    let lines: Vec<(LogLevel, &str)> =
        error.logs.iter().map(|line| (line.level, line.message.as_str())).collect();
    let expected = [
        (LogLevel::Info, "a 1 {\"b\":[2]}"),
        (LogLevel::Warn, "careful"),
        (LogLevel::Info, "info only"),
        (LogLevel::Error, "bad 3"),
        (LogLevel::Debug, "undefined"),
        (LogLevel::Error, "TypeError: no"),
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn dangerous_globals_are_gone() {
    let source = "export function Main() {
        const throws = (f) => { try { f(); return false } catch (e) { return e instanceof TypeError } };
        return {
            absent: ['SharedArrayBuffer', 'Atomics', 'performance', 'WebAssembly', 'process', 'require', 'fetch', 'nx']
                .filter((name) => name in globalThis),
            eval: throws(() => eval('1')), indirect: throws(() => (0, eval)('1')),
            Function: throws(() => new Function('return 1')),
            constructor: throws(() => (async () => {}).constructor('return 1')),
            generator: throws(() => (function* () {}).constructor('yield 1')),
        } }";
    let expected = json!({"absent": [], "eval": true, "indirect": true, "Function": true, "constructor": true, "generator": true});
    assert_eq!(result(source).await, expected);
}

#[tokio::test]
async fn time_has_whole_milliseconds() {
    let source = "export function Main() { const t = Date.now(); return [Number.isInteger(t), t > 1.6e12, new Date(0).getTimezoneOffset()] }";
    assert_eq!(result(source).await, json!([true, true, 0]));
}

#[tokio::test]
async fn chance_differs_between_instances_and_repeats_for_a_seed() {
    let source = "export function Main() { return Math.random() }";
    assert_ne!(result(source).await, result(source).await);
    let mut call = invocation(source, Value::Null).await;
    call.seed = Some(7);
    let first = sandbox().call(call.clone()).await.unwrap().result;
    assert_eq!(sandbox().call(call).await.unwrap().result, first);
}

#[tokio::test]
async fn random_bytes_and_ids() {
    let source = "export function Main() {
        const bytes = crypto.getRandomValues(new Uint8Array(64));
        return { uuid: crypto.randomUUID(), different: new Set(bytes).size } }";
    let got = result(source).await;
    assert!(got["different"].as_u64().unwrap() > 20, "{got}");
    let uuid = got["uuid"].as_str().unwrap();
    assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"), "{uuid}");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        // Odd eighths: exact in every reader, and never an integer, which would come back as one.
        any::<i32>().prop_map(|n| Value::from(f64::from(n) / 4.0 + 0.125)),
        "\\PC{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map("[a-z\\PC]{1,8}", inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

#[test]
fn json_goes_through_a_function_unchanged() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let module = runtime.block_on(module("export async function Main(x) { return x }"));
    let config = ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() };
    let through = |input: Value| {
        let call = nexus_sandbox::Invocation::new(module.clone(), "Main", input.clone());
        let outcome = runtime.block_on(sandbox().call(call)).unwrap();
        prop_assert_eq!(outcome.result, input);
        Ok(())
    };
    TestRunner::new(config).run(&any_json(), through).unwrap();
}

#[tokio::test]
async fn a_sleep_waits_as_long_as_it_should() {
    let source = "export async function Main(_, { sleep, time }) {
        const began = time.now(); await Promise.all([sleep(30), sleep(10)]); const both = time.now() - began;
        const wrong = []; for (const ms of ['1', -1, NaN, undefined]) await sleep(ms).catch((e) => wrong.push(e.name));
        return { both: both >= 30 && both < 1000, zero: await sleep(0) === undefined, wrong } }";
    let expected =
        json!({"both": true, "zero": true, "wrong": ["TypeError", "TypeError", "TypeError", "TypeError"]});
    assert_eq!(result(source).await, expected);
}

#[tokio::test]
async fn random_bytes_come_by_both_names() {
    let source = "export async function Main(_, { random }) { const a = random.bytes(16), b = crypto.getRandomValues(new Uint32Array(4));
        return [a.length, a.some((x) => x), b.some((x) => x > 255), random.uuid() === crypto.randomUUID(), random.uuid().length] }";
    assert_eq!(result(source).await, json!([16, true, true, false, 36]));
}
