//! Limits as a contract: what is allowed passes, one more does not, and each limit says its own name.

use nexus_kernel::Json;
use nexus_sandbox::{CallErrorKind, Input, Invocation, LimitKind, Limits};
use serde_json::{Value, json};

use crate::fixture::{invocation, result, sandbox};

/// Calls `Main(input)` under limits.
async fn under(source: &str, input: Json, set: impl FnOnce(&mut Limits)) -> Result<Json, CallErrorKind> {
    let mut call: Invocation = invocation(source, input).await;
    // A crowded machine must not meet another limit first.
    (call.limits.cpu_slice_ms_max, call.limits.cpu_ms_max) = (5_000, 5_000);
    set(&mut call.limits);
    sandbox().call(call).await.map(|outcome| outcome.result).map_err(|error| error.kind)
}

/// The limit passes at `most` and strikes at one more, with its code and its name for programs.
async fn strikes_beyond(
    source: &str,
    most: u64,
    (kind, code, resource): (LimitKind, &str, &str),
    set: impl Fn(&mut Limits) + Copy,
) {
    under(source, json!(most), set).await.unwrap_or_else(|error| panic!("{resource} at its limit: {error}"));
    let error = under(source, json!(most + 1), set).await.unwrap_err();
    let CallErrorKind::Limit { what, limit, used } = error else { panic!("{resource}: {error}") };
    assert_eq!((what, error.code().id, what.resource()), (kind, code, resource));
    let failure = error.to_failure();
    assert!(failure.non_retryable, "{resource}");
    let told = json!({ "code": code, "resource": resource, "limit": limit, "used": used });
    assert_eq!(failure.details, [told], "{resource}");
    assert!(used > limit || used == limit && matches!(kind, LimitKind::Memory | LimitKind::Stack), "{used}");
}

#[tokio::test]
async fn host_calls() {
    let source =
        "export function Main(n) { for (let i = 0; i < n; i++) try { crypto.randomUUID() } catch {} }";
    let limit = (LimitKind::HostCalls, "NX-5004", "host_calls");
    strikes_beyond(source, 7, limit, |limits| limits.host_calls_max = 7).await;
    let awaited = "export async function Main(n, ctx) { for (let i = 0; i < n; i++) await ctx.kv.get('x') }";
    strikes_beyond(awaited, 7, limit, |limits| limits.host_calls_max = 7).await;
}

#[tokio::test]
async fn operations_at_once() {
    let source = "export async function Main(n, ctx) {
        for (let turn = 0; turn < 3; turn++) await Promise.all([...Array(n).keys()].map(() => ctx.kv.get('x'))) }";
    let limit = (LimitKind::Operations, "NX-5021", "operations");
    strikes_beyond(source, 5, limit, |limits| limits.operations_max = 5).await;
}

#[tokio::test]
async fn log_bytes() {
    let source = "export function Main(n) { try { console.log('x'.repeat(n - 16)) } catch {} }";
    let limit = (LimitKind::LogBytes, "NX-5022", "log_bytes");
    strikes_beyond(source, 1_000, limit, |limits| limits.log_bytes_max = 1_000).await;
}

#[tokio::test]
async fn log_lines() {
    let source = "export function Main(n) { for (let i = 0; i < n; i++) try { console.log('x') } catch {} }";
    let limit = (LimitKind::LogLines, "NX-5023", "log_lines");
    strikes_beyond(source, 9, limit, |limits| limits.log_lines_max = 9).await;
}

#[tokio::test]
async fn an_argument() {
    let source =
        "export async function Main(n, ctx) { try { await ctx.kv.get('x'.repeat(n - 2)) } catch {} }";
    let limit = (LimitKind::ArgumentBytes, "NX-5024", "value_bytes");
    strikes_beyond(source, 600, limit, |limits| limits.argument_bytes_max = 600).await;
    let mut call = invocation("export function Main(text) { return text.length }", Value::Null).await;
    call.limits.argument_bytes_max = 50;
    call.input = Input::One(json!("x".repeat(48)));
    assert_eq!(sandbox().call(call.clone()).await.unwrap().result, json!(48));
    call.input = Input::One(json!("x".repeat(49)));
    assert_eq!(sandbox().call(call).await.unwrap_err().kind.code().id, "NX-5024");
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_an_error_like_any_other() {
    let source = "export async function Main(n, ctx) { await ctx.kv.put('limits/reply', 'x'.repeat(n));
        try { return (await ctx.kv.get('limits/reply')).length } catch (e) { return e.name } }";
    for (len, expected) in [(100, json!(100)), (1_000, json!("RangeError"))] {
        let result = under(source, json!(len), |limits| limits.reply_bytes_max = 500).await;
        assert_eq!(result.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_result() {
    let source = "export function Main(n) { return 'x'.repeat(n - 2) }";
    let limit = (LimitKind::ResultBytes, "NX-5025", "result_bytes");
    strikes_beyond(source, 500, limit, |limits| limits.result_bytes_max = 500).await;
}

#[tokio::test]
async fn passed_bytes() {
    // Five bytes there ("abc" in quotes) and four back (null).
    let source = "export async function Main(n, ctx) { for (let i = 0; i < n; i++) try { await ctx.kv.get('abc') } catch {} }";
    let limit = (LimitKind::PassedBytes, "NX-5007", "passed_bytes");
    strikes_beyond(source, 4, limit, |limits| limits.passed_bytes_max = 36).await;
}

#[tokio::test]
async fn memory() {
    let source = "export function Main(n) { const kept = []; for (let i = 0; i < n; i++) kept.push(new Uint8Array(1 << 20)) }";
    let limit = (LimitKind::Memory, "NX-5003", "memory_bytes");
    // The limit counts the engine's own memory; so many arrays of a mebibyte fit beside it.
    let mut fits = 0;
    while under(source, json!(fits + 1), |limits| limits.memory_bytes_max = 16 << 20).await.is_ok() {
        fits += 1;
    }
    assert!((8..16).contains(&fits), "{fits}");
    strikes_beyond(source, fits, limit, |limits| limits.memory_bytes_max = 16 << 20).await;
}

#[tokio::test]
async fn stack() {
    let source = "function depth(n) { return n ? 1 + depth(n - 1) : 0 }
        export function Main() { let n = 0; try { (function down() { n++; down() })() } catch (e) { return [e.name, n] } }
        export function Fall() { depth(1e9) }";
    let deepest = async |kib: usize| {
        let result = under(source, Value::Null, |limits| limits.stack_bytes_max = kib << 10).await.unwrap();
        assert_eq!(result[0], json!("RangeError"), "it can be caught");
        result[1].as_u64().unwrap()
    };
    let (small, large) = (deepest(64).await, deepest(256).await);
    assert!(small > 100 && large > 3 * small, "{small} {large}");
    let mut call = invocation(source, Value::Null).await;
    call.export = "Fall".to_owned();
    call.limits.stack_bytes_max = 64 << 10;
    let error = sandbox().call(call).await.unwrap_err().kind;
    let expected = CallErrorKind::Limit { what: LimitKind::Stack, limit: 65_536, used: 65_536 };
    assert_eq!((error.code().id, error), ("NX-5009", expected));
}

#[tokio::test]
async fn processor_time() {
    let spin = "export function Main() { for (;;); }";
    let error = under(spin, Value::Null, |limits| limits.cpu_slice_ms_max = 10).await.unwrap_err();
    assert!(
        matches!(error, CallErrorKind::Limit { what: LimitKind::CpuSlice, limit: 10, used: 10..260 }),
        "{error:?}"
    );
    assert_eq!(error.code().id, "NX-5020");
    let error = under(spin, Value::Null, |limits| limits.cpu_ms_max = 10).await.unwrap_err();
    assert!(
        matches!(error, CallErrorKind::Limit { what: LimitKind::Cpu, limit: 10, used: 10..260 }),
        "{error:?}"
    );
    assert_eq!(error.code().id, "NX-5002");
}

#[tokio::test]
async fn counters_cannot_be_caught_and_the_next_call_is_well() {
    let catch = |body: &str| {
        format!(
            "export async function Main(_, ctx) {{
                for (;;) {{ try {{ {body} }} catch {{ }} finally {{ continue }} }} }}"
        )
    };
    for (body, expected) in [
        ("crypto.randomUUID()", LimitKind::HostCalls),
        ("await ctx.kv.get('x')", LimitKind::HostCalls),
        ("ctx.kv.get('x')", LimitKind::Operations),
        ("console.log('')", LimitKind::LogLines),
        ("console.log('x'.repeat(1e4))", LimitKind::LogBytes),
        ("await ctx.kv.get('x'.repeat(3e5))", LimitKind::ArgumentBytes),
        ("await ctx.kv.put('limits/x', 'x'.repeat(2e5))", LimitKind::PassedBytes),
        ("for (;;);", LimitKind::CpuSlice),
    ] {
        let error =
            under(&catch(body), Value::Null, |limits| limits.cpu_slice_ms_max = 2_000).await.unwrap_err();
        assert!(matches!(error, CallErrorKind::Limit { what, .. } if what == expected), "{body}: {error}");
        assert_eq!(result("export function Main() { return 1 }").await, json!(1));
    }
}

#[tokio::test]
async fn the_clock_stands_still_while_a_script_computes() {
    let source = "export async function Main(_, ctx) {
        const before = Date.now(); for (let i = 0; i < 2e6; i++); const after = Date.now();
        let waited = 0; while (Date.now() === before) { await ctx.kv.get('x'); waited++ }
        return [before === after, new Date().getTime() >= before, Date.now() > before, waited > 0,
            typeof performance, typeof SharedArrayBuffer, typeof Atomics] }";
    let mut call = invocation(source, Value::Null).await;
    (call.limits.cpu_slice_ms_max, call.limits.cpu_ms_max) = (5_000, 5_000);
    (call.limits.host_calls_max, call.limits.passed_bytes_max) = (1_000_000, 1 << 30);
    let result = sandbox().call(call).await.unwrap().result;
    assert_eq!(result, json!([true, true, true, true, "undefined", "undefined", "undefined"]));
}

#[test]
fn the_page_has_every_setting_with_its_default_and_range() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sandbox.md");
    let page = std::fs::read_to_string(page).unwrap();
    for setting in nexus_sandbox::SETTINGS {
        let (default, least, most) =
            (setting.get(&Limits::default()), setting.range.start(), setting.range.end());
        let row = format!("| `{}` | {default} | {least} | {most} | {} |", setting.key, setting.meaning);
        assert!(page.contains(&row), "docs/sandbox.md lacks: {row}");
    }
    for kind in LimitKind::ALL {
        assert!(page.contains(kind.code().id), "{kind:?}");
    }
}
