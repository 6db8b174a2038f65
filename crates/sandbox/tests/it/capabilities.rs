//! Keys, files, network and host functions: granted, denied, out of scope.

use std::sync::Arc;

use nexus_kernel::failure::Failure;
use nexus_kernel::id::Namespace;
use nexus_kernel::{BoxFuture, Json};
use nexus_sandbox::api::CALLS;
use nexus_sandbox::{CallErrorKind, Capabilities, HostFunctions, Invocation, OpError, Sandbox};
use serde_json::{Value, json};

use crate::fixture::{invocation, module, options, result, run, sandbox};
use crate::workflows::Runs;

async fn with(source: &str, tokens: &[&str]) -> Json {
    let mut call = invocation(source, Value::Null).await;
    call.capabilities = Capabilities::parse(tokens.iter().copied()).unwrap();
    call.ports.workflows = Some(Arc::new(Runs::of("Ship")));
    sandbox().call(call).await.unwrap().result
}

#[tokio::test]
async fn keys_live_on_with_versions() {
    let source = "export async function Main(_, { kv }) {
        const first = await kv.put('kv1/a', { n: 1 });
        const second = await kv.put('kv1/a', { n: 2 });
        await kv.put('kv1/b', null);
        const entry = await kv.entry('kv1/a');
        const rows = await kv.list('kv1/');
        const page = await kv.list('kv1/', { after: 'kv1/a', limit: 1 });
        await kv.delete('kv1/a');
        return { grows: second > first, entry: entry.value, same: entry.version === second, rows: rows.map((r) => r.key),
            page: page.map((r) => r.key), gone: await kv.get('kv1/a') === undefined,
            none: await kv.entry('kv1/zzz') === undefined, null: await kv.get('kv1/b') } }";
    let expected = json!({"grows": true, "entry": {"n": 2}, "same": true, "rows": ["kv1/a", "kv1/b"], "page": ["kv1/b"],
        "gone": true, "none": true, "null": null});
    assert_eq!(result(source).await, expected);
}

#[tokio::test]
async fn a_commit_happens_whole_or_not_at_all() {
    let source = "export async function Main(_, { kv }) {
        const version = await kv.put('kv2/a', 1);
        const good = await kv.commit({ check: [{ key: 'kv2/a', version }, { key: 'kv2/new' }], put: { 'kv2/a': 2, 'kv2/b': 3 } });
        const bad = await kv.commit({ check: [{ key: 'kv2/a', version }], put: [{ key: 'kv2/b', value: 9 }], delete: ['kv2/a'] });
        let wrong; try { await kv.commit({ puts: {} }) } catch (e) { wrong = e.message }
        return { good: good.ok, bad, a: await kv.get('kv2/a'), b: await kv.get('kv2/b'), wrong } }";
    let expected = json!({"good": true, "bad": {"ok": false, "conflict": "kv2/a"}, "a": 2, "b": 3,
        "wrong": "commit takes check, put and delete, not puts"});
    assert_eq!(result(source).await, expected);
}

#[tokio::test]
async fn a_counter_with_checks_loses_nothing() {
    let source = "export async function Main(_, { kv }) {
        for (;;) { const entry = await kv.entry('counter');
            const done = await kv.commit({ check: [{ key: 'counter', version: entry?.version }], put: { counter: (entry?.value ?? 0) + 1 } });
            if (done.ok) return } }";
    let module = module(source).await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let mut call = Invocation::new(module.clone(), "Main", Value::Null);
        call.capabilities = Capabilities::of_project();
        calls.spawn(async move { sandbox().call(call).await.unwrap() });
    }
    while let Some(done) = calls.join_next().await {
        done.unwrap();
    }
    assert_eq!(result("export async function Main(_, { kv }) { return kv.get('counter') }").await, json!(20));
}

#[tokio::test]
async fn namespaces_do_not_share_keys() {
    let source = "export async function Main(write, { kv }) { if (write) await kv.put('ns/x', 1); return await kv.get('ns/x') ?? 'none' }";
    assert_eq!(run(source, json!(true)).await.unwrap().result, json!(1));
    let mut call = invocation(source, json!(false)).await;
    call.context.namespace = Namespace::new("other").unwrap();
    assert_eq!(sandbox().call(call).await.unwrap().result, json!("none"));
}

/// What a call ends with: a denial as the script sees it, or `done`.
fn trying(call: &str) -> String {
    format!(
        "export async function Main(_, ctx) {{ try {{ await {call}; return 'done' }}
         catch (e) {{ return [e instanceof PermissionError, e.name, e.code, e.message] }} }}"
    )
}

fn denial(token: &str) -> Json {
    let token =
        if ["crypto:random", "blob:read", "blob:write", "session:read", "session:write"].contains(&token) {
            format!("{token}:*")
        } else {
            token.to_owned()
        };
    json!([true, "PermissionError", "NX-5005", format!("the function has not been granted {token}")])
}

#[tokio::test]
async fn every_operation_is_denied_unless_granted() {
    let strangers = [
        "kv:read:other/*",
        "kv:write:other/*",
        "file:read:other",
        "host:other",
        "http:fetch:other.test",
        "secret:read:other",
        "workflow:start:Other",
        "workflow:signal:Other",
        "workflow:query:Other",
        "workflow:result:Other",
    ];
    for call in CALLS {
        let Some(needs) = call.needs else {
            assert!(
                !with(&trying(call.example), &[]).await.to_string().contains("NX-5005:"),
                "{}",
                call.name
            );
            continue;
        };
        let (source, denied) = (trying(call.example), denial(needs.example));
        // Of a run only the workflow can be granted, so nothing is looked up for who has no grant at all.
        let nothing = if needs.scope == "the run's workflow" {
            denial(&format!("{}:*", needs.token()))
        } else {
            denied.clone()
        };
        assert_eq!(with(&source, &[]).await, nothing, "{}", call.name);
        assert_eq!(with(&source, &strangers).await, denied, "{} with grants of something else", call.name);
        assert_ne!(with(&source, &[needs.example]).await, denied, "{} granted", call.name);
        assert_ne!(with(&source, &[needs.token()]).await, denied, "{} granted for all", call.name);
    }
    let check = "ctx.kv.commit({ check: [{ key: 'cart/1', version: 1 }] })";
    assert_eq!(with(&trying(check), &["kv:write"]).await, denial("kv:read:cart/1"));
}

#[tokio::test]
async fn an_uncaught_denial_ends_the_call_with_its_place() {
    let source = "export async function Main(_, ctx) {\n  await ctx.http('https://example.com/');\n}";
    let error = run(source, Value::Null).await.unwrap_err();
    assert_eq!(error.kind.code().id, "NX-5005");
    let failure: Failure = error.kind.to_failure();
    assert_eq!(failure.type_name, "PermissionError");
    assert!(failure.non_retryable);
    assert_eq!(failure.at.as_deref(), Some("activities/test.js:2:13"));
}

#[tokio::test]
async fn files_are_read_inside_the_folder_only() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    std::fs::create_dir_all(data.join("sub")).unwrap();
    std::fs::write(home.path().join("secret.txt"), "secret").unwrap();
    std::fs::write(data.join("sub/prices.json"), "[1]").unwrap();
    std::fs::write(data.join("image.bin"), [0xff, 0xfe]).unwrap();
    std::fs::write(data.join("big.txt"), vec![b'x'; 300_000]).unwrap();
    std::os::unix::fs::symlink(home.path().join("secret.txt"), data.join("link.txt")).unwrap();
    std::os::unix::fs::symlink(home.path(), data.join("up")).unwrap();
    std::os::unix::fs::symlink(data.join("sub"), data.join("inner")).unwrap();
    let own = Sandbox::start(nexus_sandbox::Options { data_folder: Some(data), ..options() }).unwrap();
    let source = "export async function Main(path, ctx) { try { return await ctx.read(path) } catch (e) { return e.name + '!' } }";
    let module = own.compile("a.js", source).await.unwrap();
    let outside = home.path().join("secret.txt");
    for (path, expected) in [
        ("sub/prices.json", "[1]"),
        ("inner/prices.json", "[1]"),
        ("../secret.txt", "FileError!"),
        ("sub/../../secret.txt", "FileError!"),
        (outside.to_str().unwrap(), "FileError!"),
        ("link.txt", "FileError!"),
        ("up/secret.txt", "FileError!"),
        ("sub", "FileError!"),
        ("", "FileError!"),
        (".", "FileError!"),
        ("sub\\prices.json", "FileError!"),
        ("image.bin", "FileError!"),
        ("big.txt", "FileError!"),
        ("missing.txt", "FileError!"),
    ] {
        let mut call = Invocation::new(module.clone(), "Main", json!(path));
        call.capabilities = Capabilities::of_project();
        assert_eq!(own.call(call).await.unwrap().result, json!(expected), "{path}");
    }
}

struct Mail;

impl HostFunctions for Mail {
    fn call_now(&self, name: &str, arg: Json) -> Result<Json, OpError> {
        Ok(json!([name, arg]))
    }

    fn call(&self, name: &str, arg: Json) -> BoxFuture<'static, Result<Json, OpError>> {
        let answer = match name {
            "mail.send" => Ok(json!({ "sent": arg })),
            _ => Err(OpError::new("MailError", "the mailbox is full")),
        };
        Box::pin(std::future::ready(answer))
    }
}

#[tokio::test]
async fn other_parts_can_give_functions() {
    let source = "export async function Main(_, ctx) {
        const now = ctx.hostNow('mail.count', 1), sent = await ctx.host('mail.send', { to: 'a' });
        try { await ctx.host('mail.purge') } catch (e) { return { now, sent, error: `${e.name}: ${e.message}` } } }";
    let mut call = invocation(source, Value::Null).await;
    call.capabilities = Capabilities::parse(["host:mail.*"]).unwrap();
    call.functions = Some(Arc::new(Mail));
    let expected = json!({"now": ["mail.count", 1], "sent": {"sent": {"to": "a"}}, "error": "MailError: the mailbox is full"});
    assert_eq!(sandbox().call(call.clone()).await.unwrap().result, expected);
    call.functions = None;
    let error = sandbox().call(call).await.unwrap_err();
    assert!(matches!(error.kind, CallErrorKind::Threw(_)), "{error}");
}

/// Every operation against every state of its grant. A grant holds for a whole execution: there is nothing that takes one
/// back in the middle, so the last column is an execution that has been put away and fetched back.
#[tokio::test]
async fn the_matrix_of_operations_and_grants() {
    let own =
        Sandbox::start(nexus_sandbox::Options { instances_max: 4, resident_max: 0, ..options() }).unwrap();
    for (operation, token, wrong) in [
        ("ctx.kv.get('cart/1')", "kv:read:cart/1", "kv:read:cart/2"),
        ("ctx.kv.entry('cart/1')", "kv:read:cart/*", "kv:write:cart/*"),
        ("ctx.kv.list('cart/')", "kv:read:cart/*", "kv:read:cart/1"),
        ("ctx.kv.put('cart/1', 1)", "kv:write:cart/1", "kv:read:*"),
        ("ctx.kv.delete('cart/1')", "kv:write:*", "kv:write:cart"),
        ("ctx.kv.commit({ put: { 'cart/1': 1, 'other/1': 2 } })", "kv:write:*", "kv:write:cart/*"),
        ("ctx.read('prices.json')", "file:read:prices.json", "file:read:prices"),
        ("ctx.http('https://api.example.com/x')", "http:fetch:api.example.com", "http:fetch:example.com"),
        ("ctx.host('mail.send', {})", "host:mail.send", "host:mail"),
        ("ctx.hostNow('mail.send', {})", "host:mail.*", "host:Mail.send"),
        ("crypto.randomUUID()", "crypto:random", "kv:read"),
        ("crypto.getRandomValues(new Uint8Array(4))", "crypto:random", "host:*"),
    ] {
        // Denied before the wait and after it, and the denial can be caught each time.
        let source = format!(
            "export async function Main(_, ctx) {{
                const attempt = async () => {{ try {{ await {operation}; return 'done' }} catch (e) {{ return e.name }} }};
                const before = await attempt(); await ctx.sleep(1); return [before, await attempt(), await attempt()] }}"
        );
        for (grants, is_granted) in [(vec![token], true), (vec![], false), (vec![wrong], false)] {
            let mut call = invocation(&source, Value::Null).await;
            call.capabilities = Capabilities::parse(grants.iter().copied()).unwrap();
            let outcome = own.call(call).await.unwrap();
            assert!(outcome.stats.spills > 0, "it was put away in between");
            for answer in outcome.result.as_array().unwrap() {
                let is_denied = *answer == json!("PermissionError");
                assert_eq!(is_denied, !is_granted, "{operation} with {grants:?}: {answer}");
            }
        }
    }
}
