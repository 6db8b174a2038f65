//! Results and errors that do something when they are looked at.

use nexus_sandbox::CallErrorKind;
use nexus_sandbox::LimitKind::{ArgumentBytes, CpuSlice, Memory, ResultBytes};
use serde_json::json;

use super::{assert_well, ended_by};
use crate::fixture::{failure, result};

#[tokio::test]
async fn a_getter_in_a_result() {
    ended_by("export function Main() { return { get a() { for (;;); } } }", &[CpuSlice]).await;
    assert_eq!(
        result("export function Main() { let n = 0; return { get a() { return ++n } } }").await,
        json!({"a": 1})
    );
}

#[tokio::test]
async fn a_proxy_in_a_result() {
    ended_by("export function Main() { return new Proxy({}, { ownKeys() { for (;;); } }) }", &[CpuSlice])
        .await;
    // One that has more properties whenever it is asked.
    let endless = "const more = () => new Proxy({}, { ownKeys: () => ['a'], get: (_, key) => key === 'toJSON' ? undefined : more(),
        getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }) }); export const Main = more;";
    let kind = failure(endless).await;
    assert!(matches!(kind, CallErrorKind::Limit { .. } | CallErrorKind::Threw(_)), "{kind}");
    assert_well().await;
}

#[tokio::test]
async fn a_proxy_as_an_argument_and_as_an_error() {
    let source = "export async function Main(_, ctx) {
        const proxy = new Proxy({}, { get(_, key) { throw new Error('touched') } });
        try { await ctx.kv.put('proxy', proxy) } catch (e) { return e.message } }";
    assert_eq!(result(source).await, json!("touched"));
    ended_by("export function Main() { throw new Proxy(new Error(), { get() { for (;;); } }) }", &[CpuSlice])
        .await;
    ended_by("export function Main() { throw { get message() { for (;;); } } }", &[CpuSlice]).await;
}

#[tokio::test]
async fn a_thenable_that_never_answers() {
    for source in [
        "export function Main() { return { then() {} } }",
        "export function Main() { return { get then() { return () => {} } } }",
    ] {
        assert_eq!(failure(source).await, CallErrorKind::Stuck, "{source}");
    }
    ended_by("export function Main() { return { then(resolve) { resolve(this) } } }", &[CpuSlice]).await;
}

#[tokio::test]
async fn a_cyclic_value() {
    let kind = failure("export function Main() { const a = []; a.push(a); return a }").await;
    let CallErrorKind::Threw(failure) = &kind else { panic!("{kind}") };
    assert!(failure.message.contains("circular") && failure.non_retryable, "{failure}");
    let argument = "export async function Main(_, ctx) { const a = {}; a.a = a;
        try { await ctx.kv.put('cycle', a) } catch (e) { return e.name } }";
    assert_eq!(result(argument).await, json!("TypeError"));
    assert_well().await;
}

#[tokio::test]
async fn a_huge_value() {
    ended_by("export function Main() { return 'x'.repeat(1 << 20) }", &[ResultBytes]).await;
    ended_by("export function Main() { return Array(1e5).fill('xxxxxxxx') }", &[ResultBytes, CpuSlice]).await;
    let shared =
        "export function Main() { let a = ['x']; for (let i = 0; i < 40; i++) a = [a, a]; return a }";
    ended_by(shared, &[CpuSlice, Memory]).await;
    let argument = "export async function Main(_, ctx) { await ctx.kv.put('huge', 'x'.repeat(1 << 20)) }";
    ended_by(argument, &[ArgumentBytes]).await;
}

#[tokio::test]
async fn values_that_json_does_not_have() {
    for (value, expected) in [
        ("undefined", json!(null)),
        ("[undefined, () => 1, Symbol('s'), NaN, Infinity, -0]", json!([null, null, null, null, null, 0])),
        ("({ f() {}, u: undefined, d: new Date(0) })", json!({ "d": "1970-01-01T00:00:00.000Z" })),
        ("JSON.parse('{\"__proto__\": {\"polluted\": 1}}')", json!({ "__proto__": { "polluted": 1 } })),
        ("new Map([[1, 2]])", json!({})),
    ] {
        assert_eq!(
            result(&format!("export function Main() {{ return {value} }}")).await,
            expected,
            "{value}"
        );
    }
}
