//! Nothing of one call is left for the next.

use serde_json::{Value, json};

use crate::fixture::{result, run, sandbox};

#[tokio::test]
async fn globals_and_prototypes_do_not_outlive_a_call() {
    let pollute = "globalThis.leak = 1; export function Main() {
        globalThis.JSON = null; globalThis.console = null; globalThis.Array = class {}; delete globalThis.Promise;
        Main.leak = 1; return [leak, typeof Promise] }";
    assert_eq!(result(pollute).await, json!([1, "undefined"]));
    let look = "export function Main() { return [typeof leak, Main.leak ?? null, Array.of(1), typeof Promise, JSON.stringify([1])] }";
    assert_eq!(result(look).await, json!(["undefined", null, [1], "function", "[1]"]));
}

#[tokio::test]
async fn module_state_begins_anew() {
    let source = "let n = 0; export function Main() { return ++n }";
    for _ in 0..5 {
        assert_eq!(result(source).await, json!(1));
    }
}

/// Touching so much memory can take longer than a slice on a crowded machine.
async fn patiently(source: &str, input: Value) -> Value {
    let mut call = crate::fixture::invocation(source, input).await;
    (call.limits.cpu_slice_ms_max, call.limits.cpu_ms_max) = (5_000, 5_000);
    sandbox().call(call).await.unwrap().result
}

#[tokio::test]
async fn no_byte_of_a_call_is_found_in_the_next_ones() {
    let write = "export function Main(secret) {
        globalThis.keep = [];
        for (let i = 0; i < 8; i++) { const b = new Uint32Array(1 << 19); b.fill(0x5ec2e7a5); keep.push(b, secret + i) }
        return keep.length }";
    // Memory that a script gets from the allocator shows what the pages held before: nothing but zeros is allowed,
    // and typed arrays are zeroed by the engine; so the whole heap is asked for, and the figures of growth compared.
    let grow = "export function Main() { let found = 0;
        for (let i = 0; i < 6; i++) { const b = new Uint32Array(1 << 19); for (let j = 0; j < b.length; j += 64) if (b[j] === 0x5ec2e7a5) found++ }
        return found }";
    for _ in 0..20 {
        assert_eq!(patiently(write, json!("CANARY-31337-")).await, json!(16));
        assert_eq!(patiently(grow, Value::Null).await, json!(0));
    }
    let fresh = run("export function Main() { return 1 }", Value::Null).await.unwrap();
    assert_eq!(fresh.stats.memory_bytes, 4 << 20, "a slot that grew starts small again");
}

#[tokio::test]
async fn many_calls_at_once_do_not_meet() {
    let source = "let mine; export async function Main(n, ctx) { mine = n; await ctx.kv.get('a'); await ctx.kv.get('b'); return mine }";
    let module = crate::fixture::module(source).await;
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..100 {
        let mut call = nexus_sandbox::Invocation::new(module.clone(), "Main", json!(n));
        call.capabilities = nexus_sandbox::Capabilities::of_project();
        calls.spawn(async move { (n, sandbox().call(call).await.unwrap()) });
    }
    while let Some(done) = calls.join_next().await {
        let (n, outcome) = done.unwrap();
        assert_eq!(outcome.result, json!(n));
        assert_eq!(outcome.stats.slices, 3);
    }
}
