//! What functions can reach, through the whole binary: blobs, secrets, runs.

use serde_json::{Value as Json, json};

use crate::support::{Project, Ran, command, server_log};

const WORKFLOWS: &str = "\
workflow Main(n: int) -> (any):
    activity Work(n) -> answer
        options:
            start_to_close_timeout: 20s
            retry_policy:
                maximum_attempts: 2
                initial_interval: 1ms
    close complete(answer)

workflow Ship(order: int) -> (any):
    signal Packed(by: string):
        pass
    query place() -> (string):
        return \"the dock\"
    await signal Packed -> by
    if (order < 0):
        close fail(\"OutOfStock\")
    close complete({order: order, by: by})

activity Work(n: int) -> (any):
    ...
";

fn project(source: &str, config: &str) -> Project {
    Project::with(&[("workflows/a.twf", WORKFLOWS), ("activities/a.js", source), ("nexus.toml", config)])
}

fn main_with(project: &Project, n: i64) -> Ran {
    let input = json!({ "n": n }).to_string();
    let mut command = command(project.path());
    command.args(["run", "Main", "--json", &input]).env("BANK_KEY", "open-sesame");
    Ran::of(command.output().unwrap(), project)
}

const GRANTS: &str = "[sandbox.functions.Work]
capabilities = [\"workflow:start:Ship\", \"workflow:signal:Ship\", \"workflow:query:Ship\", \"workflow:result:Ship\"]\n";

/// The first attempt starts and signals, and fails; the second does the same again.
const SHIP: &str = "export async function Work(n, ctx) {
  const run = await ctx.workflows.start('Ship', { order: n }, n === 2 ? { id: 'mine' } : {});
  const place = await ctx.workflows.query(run.workflowId, 'place');
  await ctx.workflows.signal(run.workflowId, 'Packed', { by: `attempt ${ctx.attempt}` });
  if (ctx.attempt === 1) throw new Error('after the start');
  return { run: run.workflowId, place, result: await ctx.workflows.result(run.workflowId) };
}";

#[test]
fn a_function_starts_signals_queries_and_awaits_a_run_once() {
    let project = project(SHIP, GRANTS);
    let answer = main_with(&project, 2).ok().json();
    assert_eq!(
        answer,
        json!({"run": "mine", "place": "the dock", "result": {"order": 2, "by": "attempt 1"}})
    );
    let unnamed = main_with(&project, 3).ok().json();
    assert_eq!(unnamed["result"], json!({"order": 3, "by": "attempt 1"}), "{unnamed}");
    let listed =
        project.nexus(&["run", "list", "--format", "json", "--filter", "WorkflowType = 'Ship'"]).ok().json();
    let runs = listed["runs"].as_array().map_or(0, Vec::len);
    assert_eq!(runs, 2, "a repeated attempt started nothing twice: {listed}");
}

#[test]
fn what_was_not_granted_is_denied_and_told() {
    let source = "export async function Work(n, ctx) { const told = [];
      for (const [part, what, ...args] of [['workflows', 'start', 'Ship', { order: 1 }], ['workflows', 'start', 'Main', { n: 1 }], ['workflows', 'signal', 'x', 'Packed'], ['workflows', 'result', 'x']])
        await ctx[part][what](...args).catch((e) => told.push([e.name, e.code]));
      await ctx.secret('bank').catch((e) => told.push([e.name, e.code]));
      return told }";
    let denied = ["PermissionError", "NX-5005"];
    let ran = main_with(&project(source, ""), 1).ok();
    assert_eq!(ran.json(), json!(vec![denied; 5]));
    assert!(ran.stderr().contains("workflow:start:Ship"), "{}", ran.stderr());
    let granted = main_with(&project(source, "[sandbox]\ncapabilities = [\"workflow:start:Ship\", \"workflow:signal:Ship\", \"workflow:result\", \"secret:read:bank\"]\n"), 1).ok();
    let unknown = ["WorkflowError", "NX-2003"];
    assert_eq!(granted.json(), json!([denied, unknown, unknown, ["SecretError", "NX-5051"]]));
}

/// The operator takes grants and a secret away while the function waits for a run; then the run ends.
#[test]
fn a_reload_takes_grants_from_functions_that_wait() {
    let source = "export async function Work(n, ctx) {
      const name = async (work) => { try { await work(); return 'done' } catch (e) { return e.name } };
      const all = async () => [
        await name(() => ctx.workflows.start('Ship', { order: n }, { id: 'ship' })),
        await name(() => ctx.http('http://127.0.0.1:9/')), await name(() => ctx.secret('file'))];
      const before = await all();
      await ctx.workflows.result('ship');
      return [...before, ...await all()] }";
    let grants = |tokens: &str| format!("[sandbox.functions.Work]\ncapabilities = [{tokens}]\n");
    let all =
        "\"workflow:start:Ship\", \"workflow:result:Ship\", \"http:fetch:127.0.0.1:9\", \"secret:read:file\"";
    let places = "[secrets.file]\nfile = \"secret.txt\"\n[http]\nallow_addresses = [\"127.0.0.1\"]\n";
    let project = project(source, &format!("{places}{}", grants(all)));
    project.write("secret.txt", "a secret of a file\n");
    let until_told = |line: &str| {
        while !server_log(project.path()).contains(line) {
            std::thread::yield_now();
        }
    };
    let _server = project.serve_telling("info,nexus::audit=debug");
    project.nexus(&["run", "Main", "--json", "{\"n\":1}", "--id", "main", "--async"]).ok();
    until_told("a function read a secret");
    project.write("nexus.toml", &grants("\"workflow:result:Ship\""));
    until_told("reloaded");
    project.nexus(&["run", "signal", "ship", "Packed", "--input", "\"me\""]).ok();
    let ended = project.nexus(&["run", "show", "main", "--wait", "20", "--format", "json"]).ok().json();
    let denied = "PermissionError";
    assert_eq!(ended["result"], json!(["done", "NetworkError", "done", denied, denied, denied]), "{ended:#}");
}

/// Denials, limits, logs and requests: whoever reads such a line finds the attempt that it is about.
#[test]
fn every_line_about_a_function_names_its_attempt() {
    let source = "export async function Work(n, ctx) {
      ctx.log.warn('a line of its own\\n2026-11-21T00:00:00Z  WARN nexus::audit: forged');
      await ctx.secret('bank').catch(() => 0);
      await ctx.http('http://127.0.0.1:9/').catch(() => 0);
      if (ctx.attempt === 1) throw new Error('once more');
      for (;;) await ctx.kv.get('x') }";
    let config =
        "[sandbox.functions.Work]\ncapabilities = [\"http:fetch:127.0.0.1:9\"]\nhost_calls_max = 9\n";
    let project = project(source, config);
    let ran = project.nexus(&["run", "Main", "--json", "{\"n\":1}", "--id", "order-7"]);
    assert_eq!(ran.code(), 1, "{}", ran.stderr());
    let told = ran.stderr();
    assert_eq!(told.lines().filter(|line| line.starts_with("2026-11-21T00:00:00Z")).count(), 0, "{told}");
    let about = ["denied an operation", "denied a request", "exceeded a limit", "a line of its own"];
    for (what, times) in about.into_iter().zip([2, 2, 1, 2]) {
        let lines: Vec<&str> = told.lines().filter(|line| line.contains(what)).collect();
        assert_eq!(lines.len(), times, "{what}: {told}");
        for (line, attempt) in lines.iter().zip(if times == 2 { 1.. } else { 2.. }) {
            let attempt = format!("attempt={attempt}");
            for field in [
                "namespace=\"default\"",
                "workflow_id=\"order-7\"",
                "run=\"run_",
                "activity=\"Work\"",
                &attempt,
            ] {
                assert!(line.contains(field), "{field}: {line}");
            }
        }
    }
    assert!(told.contains("resource=\"host_calls\" limit=9 used=10"), "{told}");
    assert!(told.contains("capability=\"secret:read:bank\" code=\"NX-5005\""), "{told}");
}

#[test]
fn a_secret_is_used_and_told_nowhere() {
    let source = "export async function Work(n, ctx) {
      const key = await ctx.secret('bank'), file = await ctx.secret('file');
      ctx.log.warn('using', key, file); await ctx.heartbeat({ key });
      if (n > 0) throw new ApplicationFailure(`the bank refused ${key}`, { details: [file], nonRetryable: true });
      return { lengths: [key.length, file.length], key, file } }";
    let config = "[sandbox]\ncapabilities = [\"secret:read\"]\n[secrets.bank]\nenv = \"BANK_KEY\"\n[secrets.file]\nfile = \"private/key\"\n";
    let project = project(source, config);
    project.write("private/key", "two \"words\"\n");
    let fine = main_with(&project, 0).ok();
    assert_eq!(fine.json(), json!({"lengths": [11, 11], "key": "[secret bank]", "file": "[secret file]"}));
    assert!(fine.stderr().contains("using [secret bank] [secret file]"), "{}", fine.stderr());
    let failed = main_with(&project, 1);
    assert!(failed.stderr().contains("the bank refused [secret bank]"), "{}", failed.stderr());
    let database = std::fs::read(project.path().join(".nexus/nexus.db")).unwrap();
    for secret in ["open-sesame", "two \"words\"", "two \\\"words\\\""] {
        for told in [fine.stdout(), fine.stderr(), failed.stdout(), failed.stderr()] {
            assert!(!told.contains(secret), "{told}");
        }
        let found = database.windows(secret.len()).any(|bytes| bytes == secret.as_bytes());
        assert!(!found, "{secret} is in the database");
    }
}

#[test]
fn blobs_stay_until_they_are_deleted() {
    let source = "export async function Work(n, ctx) {
      if (n === 0) return ctx.blob.put({ kept: [1, 2, 3] });
      const [id] = (await ctx.kv.list('id/')).map((row) => row.value);
      return [await ctx.blob.json(id) ?? null, await ctx.blob.delete(id), await ctx.blob.get(id) ?? null];
    }"
    .replace(
        "return ctx.blob.put({ kept: [1, 2, 3] });",
        "{ const id = await ctx.blob.put({ kept: [1, 2, 3] }); await ctx.kv.put('id/1', id); return id }",
    );
    let project = project(&source, "");
    let id = main_with(&project, 0).ok().json();
    assert_eq!(id.as_str().map(str::len), Some(64));
    assert_eq!(main_with(&project, 1).ok().json(), json!([{"kept": [1, 2, 3]}, true, null]));
    assert_eq!(main_with(&project, 1).ok().json(), json!([null, false, Json::Null]));
    let examined = project.nexus(&["doctor"]);
    assert_eq!(examined.code(), 0, "{}", examined.stdout());
}
