//! Scripts that mean harm. Each is stopped by the limit that is meant for it, and the next call is none the worse.

use nexus_sandbox::{CallErrorKind, LimitKind};
use serde_json::{Value, json};

use crate::fixture::{invocation, limit_of, result, run, sandbox};

/// Processor time past the budget that a stopped script may have used, in milliseconds: one tick, and what the machine
/// adds when its threads are crowded.
const OVERSHOOT_MS_MAX: u64 = 10;

async fn assert_alive() {
    assert_eq!(result("export function Main() { return 1 }").await, json!(1));
}

/// Runs `Main` until it is stopped by one of these.
async fn stopped_by(source: &str, expected: &[LimitKind]) -> u64 {
    let error = run(source, Value::Null).await.expect_err(source);
    let limit = limit_of(&error.kind);
    assert!(limit.is_some_and(|limit| expected.contains(&limit)), "{source}: {error}");
    assert_alive().await;
    error.stats.cpu_us
}

#[tokio::test]
async fn endless_work_is_stopped_at_its_budget() {
    for source in [
        "export function Main() { for (;;); }",
        "for (;;); export function Main() {}",
        "export function Main() { for (;;) try { for (;;); } finally { continue } }",
        "export async function Main() { for (;;) await null }",
        "export function Main() { const go = () => Promise.resolve().then(go); return go() }",
        "export function Main() { return { toJSON() { for (;;); } } }",
        "export function Main() { throw { get message() { for (;;); } } }",
        "export function Main() { return new Proxy({}, { ownKeys() { for (;;); } }) }",
        "export function Main() { return /^(a+)+$/.test('a'.repeat(40) + 'b') }",
        "export function Main() { return /(x*)*y/.test('x'.repeat(64)) }",
        "export function Main() { let n = 3n; for (;;) n *= n; }",
        "export function Main() { return (1n << 1000000n).toString().length + (3n ** 600000n).toString().length }",
        "export function Main() { const a = []; a[4294967294] = 1; return a.indexOf(2) + a.fill(1).length }",
        "export function Main() { let o = {}; for (;;) { o = Object.create(o) ; if (Math.random() < 1e-9) break } return o.x }",
        "export function Main() { for (;;) { const a = {}; a.a = a } }",
        "export function Main() { return Array(5e4).fill(0).sort(() => { for (let i = 0; i < 1e4; i++); return Math.random() - .5 }) }",
    ] {
        let bound_us = (nexus_sandbox::CPU_SLICE_MS_MAX + OVERSHOOT_MS_MAX) * 1_000;
        // Time that the machine's processors were lent to others counts: one run in five has to be without.
        let mut least_us = u64::MAX;
        for _ in 0..5 {
            least_us = least_us.min(stopped_by(source, &[LimitKind::CpuSlice, LimitKind::Memory]).await);
            if least_us < bound_us {
                break;
            }
        }
        assert!(least_us < bound_us, "{source} used {least_us} us");
    }
}

#[tokio::test]
async fn work_in_many_slices_is_stopped_by_the_total() {
    let source = "export async function Main(_, ctx) {
        for (;;) { for (let i = 0; i < 2e5; i++); await ctx.kv.get('x') } }";
    let mut call = invocation(source, Value::Null).await;
    (call.limits.cpu_slice_ms_max, call.limits.cpu_ms_max) = (5_000, 60);
    let error = sandbox().call(call).await.unwrap_err();
    assert_eq!(limit_of(&error.kind), Some(LimitKind::Cpu), "{error}");
    assert_eq!(error.kind.code().id, "NX-5002");
    assert!(error.stats.slices > 1, "{:?}", error.stats);
}

#[tokio::test]
async fn recursion_can_be_caught_and_is_told_when_not() {
    let caught = result(
        "function f() { return f() + 1 } export function Main() { try { f() } catch (e) { return e.name } }",
    );
    assert_eq!(caught.await, json!("RangeError"));
    for source in [
        "function f() { return f() + 1 } export function Main() { return f() }",
        "export function Main() { return JSON.parse('['.repeat(200000)) }",
        "export function Main() { let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return String(a) }",
        "export function Main() { let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return JSON.stringify(a) }",
    ] {
        stopped_by(source, &[LimitKind::Stack, LimitKind::CpuSlice]).await;
    }
    let catch_all = "export function Main() { const f = () => { try { f() } catch { f() } }; f() }";
    stopped_by(catch_all, &[LimitKind::CpuSlice, LimitKind::Stack]).await;
}

#[tokio::test]
async fn memory_ends_at_its_limit() {
    for source in [
        "export function Main() { return new ArrayBuffer(2 ** 30).byteLength }",
        "export function Main() { return 'x'.repeat(2 ** 29).length }",
        "export function Main() { const a = []; for (;;) a.push(new Uint8Array(1 << 20)) }",
        "export function Main() { const a = []; for (;;) a.push('x'.repeat(1 << 20) + a.length) }",
    ] {
        stopped_by(source, &[LimitKind::Memory, LimitKind::CpuSlice]).await;
    }
    let caught = "export function Main() { try { return new ArrayBuffer(2 ** 30).byteLength } catch (e) { return e.message } }";
    assert_eq!(result(caught).await, json!("out of memory"));
    let again = "export function Main() { let n = 0;
        for (let i = 0; i < 3; i++) try { const a = []; for (;;) a.push(new Uint8Array(4 << 20)) } catch { n++ } return n }";
    let mut call = invocation(again, Value::Null).await;
    // Touching so much memory can take longer than a slice on a crowded machine.
    (call.limits.cpu_slice_ms_max, call.limits.cpu_ms_max) = (5_000, 5_000);
    assert_eq!(sandbox().call(call).await.unwrap().result, json!(3));
}

#[tokio::test]
async fn a_lower_memory_limit_holds() {
    let source = "export function Main() { return new Uint8Array(8 << 20).length }";
    assert_eq!(result(source).await, json!(8 << 20));
    let mut call = invocation(source, Value::Null).await;
    call.limits.memory_bytes_max = 8 << 20;
    let error = sandbox().call(call).await.unwrap_err();
    assert_eq!(limit_of(&error.kind), Some(LimitKind::Memory), "{error}");
}

#[tokio::test]
async fn floods_meet_their_quota() {
    let calls = "export async function Main(_, ctx) { for (;;) await ctx.kv.get('a') }";
    stopped_by(calls, &[LimitKind::HostCalls]).await;
    let caught = "export async function Main() { for (;;) try { crypto.randomUUID() } catch {} }";
    stopped_by(caught, &[LimitKind::HostCalls]).await;
    let at_once = "export async function Main(_, ctx) { for (;;) ctx.kv.get('a') }";
    stopped_by(at_once, &[LimitKind::Operations]).await;
    let lines = "export function Main() { for (;;) console.log('x'.repeat(1000)) }";
    stopped_by(lines, &[LimitKind::LogBytes]).await;
    let empty = "export function Main() { for (;;) console.log('') }";
    stopped_by(empty, &[LimitKind::LogLines]).await;
    let line = "export function Main() { console.log('x'.repeat(1 << 20)) }";
    stopped_by(line, &[LimitKind::LogBytes]).await;
    let argument = "export async function Main(_, ctx) { await ctx.kv.put('a', 'x'.repeat(300000)) }";
    stopped_by(argument, &[LimitKind::ArgumentBytes]).await;
    let arguments =
        "export async function Main(_, ctx) { for (;;) await ctx.kv.put('a', 'x'.repeat(200000)) }";
    stopped_by(arguments, &[LimitKind::PassedBytes]).await;
    let result = "export function Main() { return 'x'.repeat(1 << 20) }";
    stopped_by(result, &[LimitKind::ResultBytes]).await;
}

#[tokio::test]
async fn exactly_the_allowed_number_of_calls_passes() {
    let source = "export function Main(n) { for (let i = 0; i < n; i++) crypto.randomUUID(); return n }";
    let mut call = invocation(source, json!(10)).await;
    call.limits.host_calls_max = 10;
    assert_eq!(sandbox().call(call.clone()).await.unwrap().stats.host_calls, 10);
    call.input = nexus_sandbox::Input::One(json!(11));
    let error = sandbox().call(call).await.unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Limit { what: LimitKind::HostCalls, limit: 10, used: 11 });
}

#[tokio::test]
async fn an_input_that_is_too_large_is_not_sent() {
    let call = invocation("export function Main() {}", json!("x".repeat(300_000))).await;
    let error = sandbox().call(call).await.unwrap_err();
    assert_eq!(limit_of(&error.kind), Some(LimitKind::ArgumentBytes));
    assert_eq!(error.kind.code().id, "NX-5024");
}

#[tokio::test]
async fn waiting_for_nothing_is_noticed() {
    for source in [
        "export function Main() { return new Promise(() => {}) }",
        "await new Promise(() => {}); export function Main() {}",
        "export async function Main(_, ctx) { await ctx.kv.get('a'); await new Promise(() => {}) }",
    ] {
        let error = run(source, Value::Null).await.unwrap_err();
        assert_eq!(error.kind, CallErrorKind::Stuck, "{source}");
        assert_eq!(error.kind.code().id, "NX-5006");
    }
}
