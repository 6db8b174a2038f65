//! Attacks that know the engine: its lazy corners, its C stack, what runs while values are written, what runs late.

use nexus_sandbox::CallErrorKind;
use nexus_sandbox::LimitKind::{Cpu, CpuSlice, HostCalls, Memory, Operations, Stack};
use serde_json::{Value, json};

use super::{assert_well, ended_by, ended_under};
use crate::fixture::{failure, invocation, module, result, run, sandbox};

/// What runs while an argument is written can call the host itself, and changes nothing of what is sent.
#[tokio::test]
async fn side_effects_while_arguments_are_written() {
    let source = "export async function Main(_, ctx) {
        const seen = [], inner = [];
        const sly = { a: 1, toJSON(key) {
            seen.push(key); inner.push(ctx.kv.put('cunning/inner', seen.length)); this.a = 'changed'; return { b: this.a } } };
        await ctx.kv.commit({ put: [{ key: 'cunning/outer', value: sly }, { get key() { seen.push('key'); return 'cunning/k' + seen.length }, value: 2 }] });
        await Promise.all(inner);
        const keys = (await ctx.kv.list('cunning/')).map(({ key, value }) => [key, value]);
        return [seen, keys] }";
    let expected = json!([["key", "value"], [["cunning/inner", 2], ["cunning/k1", 2], ["cunning/outer", { "b": "changed" }]]]);
    assert_eq!(result(source).await, expected);
    let endless = "export async function Main(_, ctx) { const again = { toJSON() { ctx.kv.get('x'); return ctx.kv.put('a', again) } }; await ctx.kv.put('a', again) }";
    ended_by(endless, &[Stack, Operations, HostCalls]).await;
    ended_by("export function Main(_, ctx) { ctx.log({ toJSON() { for (;;); } }) }", &[CpuSlice]).await;
    ended_by(
        "export function Main(_, ctx) { const log = { toString() { ctx.log(log); return 'x' } }; log.toJSON = () => { throw 1 }; ctx.log(log) }",
        &[Stack],
    )
    .await;
}

/// The raw functions of the host are on the stack while an argument is written: no trace may hand them out.
#[tokio::test]
async fn no_trace_hands_out_the_functions_on_the_stack() {
    let source = "export async function Main(_, ctx) {
        const found = new Set();
        Error.stackTraceLimit = 100;
        let frames = 0;
        Error.prepareStackTrace = (_, sites) => {
            for (const site of sites) for (const key of Reflect.ownKeys(Object.getPrototypeOf(site))) {
                frames++;
                const said = typeof site[key] === 'function' && key !== 'constructor' ? site[key]() : undefined;
                if (typeof said === 'function' || (typeof said === 'object' && said !== null)) found.add(said);
            }
            return '' };
        const spy = { toJSON() { new Error().stack; return 1 }, toString() { new Error().stack; return 'x' } };
        await ctx.kv.put('cunning/spy', spy);
        try { ctx.hostNow('x', spy) } catch {}
        ctx.log(spy, Symbol.iterator in spy, { toString: spy.toString, toJSON() { throw spy } });
        try { await ctx.http('https://x.test', spy) } catch {}
        return [frames > 100, [...found].map((f) => `${f.name} ${typeof f}`)] }";
    assert_eq!(result(source).await, json!([true, []]), "a frame says names and numbers");
}

/// A hook of traces runs inside of every operation. It can lie to its own script, loop and recurse, and no more.
#[tokio::test]
async fn a_hook_of_traces_harms_its_own_script_only() {
    let hook = |body: &str| {
        format!(
            "export async function Main(_, ctx) {{ Error.prepareStackTrace = (e, sites) => {{ {body} }}; try {{ return await ctx.kv.get('nothing') ?? 'none' }} catch (e) {{ return String(e) }} }}"
        )
    };
    assert_eq!(result(&hook("throw new TypeError('mine')")).await, json!("none"));
    assert_eq!(result(&hook("return { toString() { throw 1 } }")).await, json!("none"));
    ended_by(&hook("for (;;);"), &[CpuSlice]).await;
    assert_eq!(result(&hook("return 'x'.repeat(1 << 29)")).await, json!("none"), "no memory: no trace");
    // The engine calls no hook inside of a hook, so there is no end of it to be met.
    let again = run(&hook("ctx.kv.get('x'); return ''"), Value::Null).await.unwrap();
    assert_eq!((again.result, again.stats.host_calls), (json!("none"), 2));
    assert_well().await;
}

/// Names of functions and messages come back in failures: they are cut off or told, and never pass for something else.
#[tokio::test]
async fn traces_of_huge_names_and_forged_frames() {
    let huge = "export function Main() { const f = { ['n'.repeat(1 << 20)]() { throw new Error('m'.repeat(1 << 20)) } }; Object.values(f)[0]() }";
    let mut call = invocation(huge, Value::Null).await;
    // Writing megabytes takes longer than a slice on a crowded machine.
    (call.limits.cpu_slice_ms_max, call.limits.cpu_ms_max) = (5_000, 5_000);
    let kind = sandbox().call(call).await.unwrap_err().kind;
    let is_told = match &kind {
        CallErrorKind::Limit { what, .. } => what.code().id == "NX-5025",
        CallErrorKind::Threw(failure) => failure.message.len() <= 1 << 20,
        _ => false,
    };
    assert!(is_told, "{:.200}", kind.to_string());
    let forged = "export function Main() { const e = new Error('x'); e.stack = '    at Main (/etc/passwd:1:1)\\n    at <nexus>:99999999999999:1\\n    at a.js:-1:0'; throw e }";
    let CallErrorKind::Threw(failure) = failure(forged).await else { panic!("it threw") };
    assert_eq!(failure.type_name, "Error");
    for name in ["PermissionError", "Limit", "SandboxOverloaded"] {
        let lying = format!(
            "export function Main() {{ const e = new Error('x'); e.name = {name:?}; e.code = 'NX-5030'; e.nonRetryable = 'yes'; throw e }}"
        );
        let kind = self::failure(&lying).await;
        let CallErrorKind::Threw(failure) = &kind else { panic!("{kind:?}") };
        assert!(!failure.non_retryable && kind.code().id == "NX-5001", "{kind:?}");
    }
}

/// What is still to run when there is a result runs within the same budget, and cannot change the result.
#[tokio::test]
async fn jobs_after_the_result() {
    let late = "export function Main(_, ctx) { const told = { n: 1 }; Promise.resolve().then(() => { told.n = 2 }).then(() => { throw new Error('late') }); return JSON.parse(JSON.stringify(told)) }";
    assert_eq!(result(late).await, json!({ "n": 1 }));
    ended_by(
        "export async function Main() { const go = () => Promise.resolve().then(go); go(); return 1 }",
        &[CpuSlice],
    )
    .await;
    ended_by(
        "export async function Main() { Promise.resolve().then(() => { for (;;); }); return 1 }",
        &[CpuSlice],
    )
    .await;
    ended_by("export async function Main(_, ctx) { const go = () => Promise.resolve().then(() => { ctx.kv.get('x'); return go() }); go(); return 1 }", &[Operations]).await;
}

/// Operations that nobody awaits are given up with the execution, and their number is told.
#[tokio::test]
async fn operations_that_nobody_awaits() {
    let source = "export function Main(n, ctx) { for (let i = 0; i < n; i++) ctx.sleep(3600000); return n }";
    let outcome = run(source, json!(32)).await.unwrap();
    assert_eq!((outcome.result, outcome.stats.slices), (json!(32), 1));
    assert!(outcome.logs[0].message.contains("32 operations were still under way"), "{:?}", outcome.logs);
    ended_by(
        "export function Main(_, ctx) { for (let i = 0; i < 5000; i++) ctx.sleep(3600000); return 1 }",
        &[Operations],
    )
    .await;
    let failing = "export function Main(_, ctx) { for (let i = 0; i < 9; i++) ctx.kv.put('left/' + i, i); throw new Error('gone') }";
    assert!(matches!(failure(failing).await, CallErrorKind::Threw(_)));
    assert_eq!(
        result("export async function Main(_, ctx) { return await ctx.kv.list('left/') }").await,
        json!([])
    );
}

/// Generators and iterators over what the host answers: left in the middle, closed twice, never ending.
#[tokio::test]
async fn generators_over_the_host() {
    let source = "export async function Main(_, ctx) {
        let closed = 0;
        async function* pages() { try { for (let i = 0; ; i++) yield await ctx.kv.list('none/' + i) } finally { closed++; await ctx.kv.get('x') } }
        for await (const page of pages()) { if (page.length === 0) break }
        const held = pages(); await held.next(); await held.return(7); await held.return(8);
        const told = [];
        for (const what of [ctx.kv.list(''), ctx.kv, ctx]) try { for await (const one of what) told.push(one) } catch (e) { told.push(e.name) }
        return [closed, told] }";
    assert_eq!(result(source).await, json!([2, ["TypeError", "TypeError", "TypeError"]]));
    ended_by("export async function Main() { async function* all() { yield* all() } for await (const one of all()); }", &[Stack, Memory, CpuSlice]).await;
    ended_by("export async function Main() { for await (const _ of { [Symbol.asyncIterator]: () => ({ next: () => ({ done: false }) }) }); }", &[CpuSlice]).await;
    let late = "export async function Main() { const it = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => 0) }) }; for await (const _ of it); }";
    assert_eq!(failure(late).await, CallErrorKind::Stuck);
}

/// Collections that make others than they are: what the API makes of them is a plain value all the same.
#[tokio::test]
async fn species_and_own_methods_of_arguments() {
    let source = "export async function Main(_, ctx) {
        class Sly extends Array { static get [Symbol.species]() { return function (n) { return new Proxy([], { set() { return true }, defineProperty() { return true } }) } } }
        const told = [];
        const name = async (work) => { try { await work(); told.push('done') } catch (e) { told.push(e.name) } };
        await name(() => ctx.kv.commit({ put: Sly.from([{ key: 'sly/a', value: 1 }]) }));
        const own = [{ key: 'sly/b', value: 1 }]; own.map = () => [{ key: 'sly/c', value: { key: 'sly/d' } }];
        await name(() => ctx.kv.commit({ put: own }));
        await name(() => ctx.kv.commit({ check: { map: () => 'no array' }, put: [] }));
        await name(() => ctx.kv.commit({ put: { get ['sly/e']() { return 5 } } }));
        await name(() => ctx.kv.put('\\ud800', 1));
        await name(() => ctx.kv.put('sly/nul\\0', 1));
        return [told, (await ctx.kv.list('sly/')).map((entry) => entry.key)] }";
    let told = json!(["done", "done", "TypeError", "done", "TypeError", "done"]);
    assert_eq!(result(source).await, json!([told, ["sly/c", "sly/e", "sly/nul\u{0}"]]));
}

/// Buffers that shrink or go away while they are read.
#[tokio::test]
async fn buffers_that_change_while_they_are_read() {
    let source = "export async function Main(_, ctx) {
        const told = [];
        const name = async (work) => { try { const made = await work(); told.push(typeof made) } catch (e) { told.push(e.name) } };
        const buffer = new ArrayBuffer(1 << 16, { maxByteLength: 1 << 20 }), view = new Uint8Array(buffer);
        Object.defineProperty(view, 'byteLength', { get() { buffer.resize(8); return 1 << 16 } });
        await name(() => ctx.blob.put(view));
        await name(() => crypto.getRandomValues(view));
        const moved = new ArrayBuffer(64); moved.transfer();
        await name(() => ctx.blob.put(moved));
        await name(() => crypto.getRandomValues(new Uint8Array(moved)));
        await name(() => crypto.getRandomValues({ buffer: new ArrayBuffer(8), byteOffset: -1, byteLength: 2 ** 53 }));
        await name(() => ctx.random.bytes({ valueOf() { return 2 ** 40 } }));
        const growing = new ArrayBuffer(8, { maxByteLength: 1 << 16 }), floats = new Float64Array(growing);
        await name(() => floats.sort(() => { growing.resize(0); return 1 }));
        await name(() => new Uint8Array(growing).fill({ valueOf() { growing.resize(0); return 1 } }));
        return told }";
    let answer = result(source).await;
    let told: Vec<&str> = answer.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(told[..2], ["RangeError", "RangeError"], "{told:?}");
    assert_eq!(told[2..6], ["TypeError", "TypeError", "RangeError", "TypeError"], "{told:?}");
    assert_eq!(told[6..], ["object", "object"], "{told:?}");
    assert_well().await;
}

/// What the collector does is the script's own business: nothing of it outlives the call or reaches past the budget.
#[tokio::test]
async fn references_that_the_collector_clears() {
    let source = "export async function Main(_, ctx) {
        let told = 0;
        const registry = new FinalizationRegistry(() => { told++ });
        (() => { for (let i = 0; i < 100; i++) registry.register({ i }, i) })();
        const weak = (() => new WeakRef({ big: 'x'.repeat(1e5) }))();
        await ctx.sleep(0);
        return [told, weak.deref() === undefined] }";
    let first = result(source).await;
    for _ in 0..5 {
        assert_eq!(result(source).await, first, "the same each time: it tells nothing about others");
    }
    ended_by(
        "export async function Main(_, ctx) { const registry = new FinalizationRegistry(() => { for (;;); }); (() => registry.register({}, 1))(); await ctx.sleep(0); await ctx.sleep(0) }",
        &[CpuSlice],
    )
    .await;
}

/// Recursion in the engine's own C code: proxies of proxies, bound functions of bound functions, expressions in brackets.
#[tokio::test]
async fn recursion_in_corners_of_the_engine() {
    let brackets = failure("export function Main() { return new RegExp('(?:'.repeat(1e5)) }").await;
    assert!(brackets.to_string().contains("SyntaxError: stack overflow"), "{brackets}");
    for source in [
        "export function Main() { let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); return p.x }",
        "export function Main() { let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); return p instanceof Map }",
        "export function Main() { let f = () => 1; for (let i = 0; i < 1e5; i++) f = f.bind(null); return f() }",
        "export function Main() { return new RegExp('(?:'.repeat(60) + 'a' + ')*'.repeat(60) + 'b').test('a'.repeat(1e3)) }",
        "export function Main() { let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return a.flat(Infinity).length }",
        "export function Main() { const a = []; a[0] = a; a[1] = a; return a.flat(Infinity) }",
        "export function Main() { let e; for (let i = 0; i < 1e5; i++) e = new Error('x', { cause: e }); return structured(e) } const structured = (e) => 1 + structured(e.cause ?? e)",
        "export function Main() { return JSON.parse('[1]', function again(k, v) { return JSON.parse('[1]', again) }) }",
        "export function Main() { let s = 'x'; for (let i = 0; i < 1e6; i++) s = s + i; const go = (n) => n ? `${go(n - 1)}` : s; return go(1e6) }",
    ] {
        ended_by(source, &[Stack, CpuSlice, Memory]).await;
    }
}

/// Work that hides in one call of a built-in function.
#[tokio::test]
async fn work_inside_of_one_built_in_call() {
    for source in [
        "export function Main() { return /(?<=!(a+)+)c/.test('a'.repeat(40) + 'c') }",
        "export function Main() { return /(?=(a+)+$)x|((a|aa)+)$/u.test('a'.repeat(50) + '!') }",
        "export function Main() { return 'a'.repeat(3e4).replace(/(a*)*?b|a(?=.*c)/g, '$&$&') }",
        "export function Main() { let n = 7n; for (let i = 0; i < 40; i++) n = n ** 3n; return String(n).length }",
        "export function Main() { return (1n << 1000000n).toString(3).length }",
        "export function Main() { return Array.from({ length: 2 ** 32 - 1 }, () => 1).length }",
        "export function Main() { const a = new Array(4294967295); a.reverse(); return a.join('x').length }",
        "export function Main() { return new Uint32Array(7e6).sort((a, b) => b - a).length }",
        "export function Main() { const m = new Map([[0, 0]]); for (const [k] of m) { m.delete(k); m.set(k + 1, 0) } }",
        "export function Main() { outer: for (;;) { for (;;) { continue outer } } }",
        "export function Main() { return 'ﷺ'.repeat(1e6).normalize('NFKD').normalize('NFC').length + Main() }",
    ] {
        ended_by(source, &[CpuSlice, Memory, Stack]).await;
    }
    let slices = "export async function Main(_, ctx) { for (;;) { 'ab'.repeat(2e4).split('').sort(); await ctx.sleep(0) } }";
    ended_under(slices, &[Cpu, HostCalls], |limits| limits.cpu_ms_max = 60).await;
}

/// Nothing about the machine is in dates and numbers.
#[tokio::test]
async fn places_and_languages_of_the_machine() {
    let source = "export function Main() { return [typeof Intl, new Date(0).getTimezoneOffset(), new Date(2026, 6, 1).getHours(),
        new Date(0).toString(), (1234.5).toLocaleString(), new Date(0).toLocaleDateString(), ['b', 'a', 'B'].sort((a, b) => a.localeCompare(b)).join('')] }";
    let expected =
        json!(["undefined", 0, 0, "Thu Jan 01 1970 00:00:00 GMT+0000", "1234.5", "01/01/1970", "Bab"]);
    assert_eq!(result(source).await, expected);
}

/// Shared memory under any name, and clocks made of it.
#[tokio::test]
async fn shared_memory_by_any_path() {
    let source = "export function Main() {
        const tag = (it) => Object.prototype.toString.call(it), found = [];
        const seen = new Set(), look = (at, path) => {
            if ((typeof at !== 'object' && typeof at !== 'function') || at === null || seen.has(at)) return;
            seen.add(at);
            if (/Shared|Atomics|Worker|WebAssembly/.test(path + tag(at) + (Object.getOwnPropertyDescriptor(at, 'name')?.value ?? ''))) found.push(path);
            for (const key of Reflect.ownKeys(at)) { const d = Object.getOwnPropertyDescriptor(at, key); for (const part of ['value', 'get', 'set']) look(d[part], path + '.' + String(key)) }
            look(Object.getPrototypeOf(at), path + '.__proto__');
        };
        look(globalThis, 'globalThis');
        return [found, seen.size > 500] }";
    let mut call = invocation(source, Value::Null).await;
    (call.limits.cpu_slice_ms_max, call.limits.cpu_ms_max) = (5_000, 5_000);
    assert_eq!(sandbox().call(call).await.unwrap().result, json!([[], true]));
}

/// Keys that are names of JavaScript's own machinery are data, wherever they come from and go to.
#[tokio::test]
async fn names_of_the_machinery_in_values() {
    let sly = json!({ "__proto__": { "nonRetryable": true, "isAdmin": true }, "constructor": 1, "then": 1, "toJSON": 1 });
    let source = "export async function Main(input, ctx) {
        await ctx.kv.put('names/__proto__', input);
        const back = await ctx.kv.get('names/__proto__');
        const spread = { ...back }, assigned = Object.assign({}, JSON.parse('{\"own\":1}'));
        return [back.isAdmin === undefined, spread.isAdmin === undefined, Object.getPrototypeOf(back) === Object.prototype, ({}).isAdmin === undefined, assigned.own, back] }";
    let answer = run(source, sly.clone()).await.unwrap().result;
    assert_eq!(answer, json!([true, true, true, true, 1, sly]));
    let call = invocation("export function Main({ own }, ctx) { return [own === undefined, typeof ctx.kv.get, ctx.isAdmin === undefined, ctx.attempt] }", json!({ "__proto__": { "own": 1 } })).await;
    assert_eq!(sandbox().call(call).await.unwrap().result, json!([true, "function", true, 1]));
    let lone = failure("export function Main() { return '\\ud800' }").await;
    assert!(
        matches!(&lone, CallErrorKind::Threw(failure) if failure.message.contains("cannot be written as JSON")),
        "{lone}"
    );
    let deep = "export function Main() { let a = 1; for (let i = 0; i < 1000; i++) a = [a]; return a }";
    let CallErrorKind::Threw(told) = failure(deep).await else { panic!("too deep for the host") };
    assert!(told.message.contains("recursion limit") && told.non_retryable, "{told}");
}

/// No import reaches anything while a function runs, and none names a place outside when it is compiled.
#[tokio::test]
async fn imports_by_address() {
    let places = [
        "file:///etc/passwd",
        "data:text/javascript,export default 1",
        "https://evil.test/x.js",
        "/etc/passwd",
        "../../../etc/passwd",
        "node:fs",
        "std",
        "os",
        "qjs:std",
        "bjson",
    ];
    for place in places {
        let running = format!(
            "export async function Main() {{ try {{ await import({place:?}); return 'in' }} catch (e) {{ return e.name }} }}"
        );
        let told = match sandbox().compile("activities/import.js", &running).await {
            Ok(module) => {
                sandbox()
                    .call(nexus_sandbox::Invocation::new(module, "Main", Value::Null))
                    .await
                    .unwrap()
                    .result
            }
            Err(error) => json!(error.code.id),
        };
        assert_ne!(told, json!("in"), "{place}");
        let text = format!("import it from {place:?}; export const Main = () => it;");
        assert!(sandbox().compile("activities/import.js", &text).await.is_err(), "{place}");
        let json = format!("import it from {place:?} with {{ type: 'json' }}; export const Main = () => it;");
        assert!(sandbox().compile("activities/import.js", &json).await.is_err(), "{place}");
    }
    let computed = module("export async function Main(name) { try { await import(name); return 'in' } catch (e) { return 'out' } }").await;
    for place in places {
        let call = nexus_sandbox::Invocation::new(computed.clone(), "Main", json!(place));
        assert_eq!(sandbox().call(call).await.unwrap().result, json!("out"), "{place}");
    }
}
