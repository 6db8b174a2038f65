//! Ways out: to the engine, to other instances, to the host.

use nexus_sandbox::CallErrorKind;
use serde_json::{Value, json};

use super::assert_well;
use crate::fixture::{invocation, result, sandbox};

#[tokio::test]
async fn constructor_chains_lead_nowhere() {
    let source = "export async function Main(_, ctx) {
        const starts = [ctx, ctx.kv, ctx.kv.get, ctx.log, console.log, crypto.randomUUID, PermissionError, ctx.kv.get('x'), [], '', 1, /x/,
            () => {}, async () => {}, function* () {}, async function* () {}, new Map(), new Error(), Symbol(), 1n, Reflect, JSON, globalThis,
            (() => { try { null.x } catch (e) { return e } })(), await ctx.kv.get('x').catch((e) => e)];
        const made = [];
        for (const start of starts) {
            let at = start;
            for (let depth = 0; at !== null && at !== undefined && depth < 6; depth++) {
                const make = at.constructor;
                if (typeof make === 'function') for (const way of [() => make('return globalThis')(), () => new make('return globalThis')(),
                    () => Reflect.construct(make, ['return globalThis'])(), () => make.call(null, 'return globalThis')()]) {
                    try { if (way() === globalThis) made.push(String(start)) } catch {}
                }
                at = Object.getPrototypeOf(Object(at));
            }
        }
        return made }";
    assert_eq!(result(source).await, json!([]));
}

#[tokio::test]
async fn nothing_of_the_platform_is_there() {
    let names = [
        "process",
        "require",
        "Deno",
        "Bun",
        "WebAssembly",
        "SharedArrayBuffer",
        "Atomics",
        "Worker",
        "fetch",
        "XMLHttpRequest",
        "setTimeout",
        "setInterval",
        "performance",
        "std",
        "os",
        "bjson",
        "scriptArgs",
        "print",
        "gc",
        "load",
        "module",
        "exports",
        "global",
        "window",
    ];
    let source =
        format!("export function Main() {{ return {names:?}.filter((name) => name in globalThis) }}");
    assert_eq!(result(&source).await, json!([]));
}

#[tokio::test]
async fn bytecode_does_not_come_in() {
    // There is no way to hand bytecode in: a module is made from source only, and what looks like bytecode is no source.
    for source in ["\u{1a}\u{2}export function Main() {}", "BJSON\u{1}export function Main() {}", "\u{7f}ELF"]
    {
        let error = sandbox().compile("activities/forged.js", source).await.unwrap_err();
        assert_eq!(error.code.id, "NX-1002", "{source:?}");
    }
    assert_well().await;
}

#[tokio::test]
async fn names_of_exports_are_no_paths() {
    for name in ["__proto__", "constructor", "toString", "then", "default"] {
        let mut call = invocation("export function Main() { return 1 }", Value::Null).await;
        call.export = name.to_owned();
        let error = sandbox().call(call).await.unwrap_err();
        assert!(matches!(error.kind, CallErrorKind::NoExport { .. }), "{name}: {error}");
    }
}
