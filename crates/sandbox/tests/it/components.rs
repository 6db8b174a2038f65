//! Functions as WebAssembly components: results, failures, traps, every limit, and what may be imported.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use nexus_kernel::id::Namespace;
use nexus_kernel::{BoxFuture, Json};
use nexus_sandbox::{
    CallError, CallErrorKind, Capabilities, HostFunctions, Invocation, LimitKind, LogLevel, Module, OpError,
    Options, Outcome, Overload, Phase, Recorder, Sandbox,
};
use serde_json::json;
use tokio::sync::Notify;

use crate::fixture::{limit_of, options, sandbox};

const PROBE: &[u8] = include_bytes!("../components/probe.wasm");
const FOREIGN: &[u8] = include_bytes!("../components/foreign.wasm");
const MISFIT: &[u8] = include_bytes!("../components/misfit.wasm");

async fn probe() -> Module {
    static MODULE: OnceLock<Module> = OnceLock::new();
    if let Some(module) = MODULE.get() {
        return module.clone();
    }
    let module = sandbox().compile_component("activities/probe.wasm", PROBE).await.unwrap();
    MODULE.get_or_init(|| module).clone()
}

async fn invocation(export: &str, input: Json) -> Invocation {
    let mut call = Invocation::new(probe().await, export, input);
    call.capabilities = Capabilities::of_project();
    call
}

async fn run(export: &str, input: Json) -> Result<Outcome, CallError> {
    sandbox().call(invocation(export, input).await).await
}

async fn limit(export: &str) -> LimitKind {
    let mut call = invocation(export, Json::Null).await;
    // Another limit must not be met first, however busy the machine is.
    (call.limits.cpu_slice_ms_max, call.limits.cpu_ms_max) = (1_000, 1_000);
    let error = sandbox().call(call).await.unwrap_err();
    limit_of(&error.kind).unwrap_or_else(|| panic!("{export}: {error}"))
}

#[tokio::test]
async fn exports_are_activities_and_json_goes_both_ways() {
    let module = probe().await;
    for name in ["Echo", "NotJson", "CallFlood", "KvGet"] {
        assert!(module.has_export(name), "{:?}", module.exports());
    }
    let input = json!({ "a": [1, "ä", null, 2.5] });
    let outcome = run("Echo", input.clone()).await.unwrap();
    assert_eq!(outcome.result, input);
    assert!(outcome.stats.slices == 1 && outcome.stats.memory_bytes > 0, "{:?}", outcome.stats);
    let mut call = invocation("Whereabouts", Json::Null).await;
    call.context.activity = Some("Whereabouts".to_owned());
    let context = sandbox().call(call).await.unwrap().result;
    assert_eq!((&context["namespace"], &context["activity"]), (&json!("default"), &json!("Whereabouts")));
}

#[tokio::test]
async fn lines_are_logged_and_time_is_told_in_milliseconds() {
    let outcome = run("LogLines", Json::Null).await.unwrap();
    let lines: Vec<_> = outcome.logs.iter().map(|line| (line.level, line.message.as_str())).collect();
    assert_eq!(lines, [(LogLevel::Info, "a line"), (LogLevel::Warn, "a warning")]);
    assert!(outcome.result.as_u64().unwrap() > 1_600_000_000_000, "{}", outcome.result);
}

#[tokio::test]
async fn failures_of_a_component_are_its_own() {
    let refused = run("Refuse", Json::Null).await.unwrap_err().kind;
    let CallErrorKind::Threw(failure) = &refused else { panic!("{refused:?}") };
    assert_eq!((failure.type_name.as_str(), failure.message.as_str()), ("CardDeclined", "no money"));
    assert!(failure.non_retryable);
    let wrong = run("NotJson", Json::Null).await.unwrap_err().kind;
    assert!(
        matches!(&wrong, CallErrorKind::Threw(failure) if failure.message.contains("not JSON")),
        "{wrong:?}"
    );
    let missing = run("Ech", Json::Null).await.unwrap_err().kind;
    assert!(
        matches!(&missing, CallErrorKind::NoExport { meant: Some(near), .. } if &**near == "Echo"),
        "{missing:?}"
    );
    let unknown = run("Unknown", Json::Null).await.unwrap_err().kind;
    assert!(
        matches!(&unknown, CallErrorKind::Threw(failure) if failure.message.contains("files.open")),
        "{unknown:?}"
    );
}

#[tokio::test]
async fn a_trap_ends_the_call_and_nothing_else() {
    for (export, part) in [("Trap", "unreachable"), ("Wild", "out of bounds")] {
        let error = run(export, Json::Null).await.unwrap_err();
        let CallErrorKind::Trapped(why) = &error.kind else { panic!("{export}: {error}") };
        assert!(why.contains(part), "{export}: {why}");
        assert_eq!(error.kind.code().id, "NX-5063");
        let failure = error.kind.to_failure();
        assert!(failure.type_name == "ComponentTrapped" && failure.non_retryable);
        assert_eq!(run("Echo", json!(1)).await.unwrap().result, json!(1), "the next one knows nothing of it");
    }
}

#[tokio::test]
async fn every_limit_of_scripts_holds_for_components() {
    assert_eq!(limit("Spin").await, LimitKind::CpuSlice);
    assert_eq!(limit("Recurse").await, LimitKind::Stack);
    assert_eq!(limit("Hoard").await, LimitKind::Memory);
    assert_eq!(limit("BigResult").await, LimitKind::ResultBytes);
    assert_eq!(limit("LogFlood").await, LimitKind::LogBytes);
    assert_eq!(limit("BigArgument").await, LimitKind::ArgumentBytes);
    assert_eq!(limit("WaitMany").await, LimitKind::Operations);
    let mut call = invocation("CallFlood", Json::Null).await;
    call.limits.host_calls_max = 10;
    let error = sandbox().call(call).await.unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Limit { what: LimitKind::HostCalls, limit: 10, used: 11 });
    assert_eq!(error.stats.host_calls, 11, "ten passed, and no more");
    let mut call = invocation("CallFlood", Json::Null).await;
    call.limits.passed_bytes_max = 100;
    assert_eq!(limit_of(&sandbox().call(call).await.unwrap_err().kind), Some(LimitKind::PassedBytes));
    let mut call = invocation("Echo", json!("x".repeat(1_000))).await;
    call.limits.argument_bytes_max = 1_000;
    assert_eq!(limit_of(&sandbox().call(call).await.unwrap_err().kind), Some(LimitKind::ArgumentBytes));
}

#[tokio::test]
async fn keys_and_requests_need_grants() {
    let stored = run("KvPut", Json::Null).await.unwrap();
    assert_eq!(stored.result["ok"], json!(true));
    assert_eq!((stored.stats.host_calls, stored.stats.slices), (1, 2), "it waits without a thread");
    assert_eq!(run("KvGet", Json::Null).await.unwrap().result["value"], json!(7));
    assert_eq!(run("Draw", Json::Null).await.unwrap().result.as_str().unwrap().len(), 32);
    for (export, token) in [
        ("KvGet", "kv:read:k"),
        ("KvPut", "kv:write:k"),
        ("Draw", "crypto:random"),
        ("Fetch", "http:fetch:example.com"),
    ] {
        let mut call = invocation(export, Json::Null).await;
        call.capabilities = Capabilities::none();
        let error = sandbox().call(call).await.unwrap_err();
        assert!(matches!(error.kind, CallErrorKind::Denied(_)), "{export}: {error}");
        assert!(error.to_string().contains(token), "{export}: {error}");
    }
    let mut call = invocation("Fetch", Json::Null).await;
    call.capabilities = Capabilities::parse(["http:fetch:example.com"]).unwrap();
    call.functions = Some(Arc::new(Gate::default()));
    assert_eq!(sandbox().call(call).await.unwrap().result["url"], json!("https://example.com/"));
}

#[tokio::test]
async fn no_call_sees_the_memory_of_another() {
    for _ in 0..20 {
        assert_eq!(run("Remember", json!("a secret")).await.unwrap().result, json!("nothing"));
    }
}

/// Answers `http` at once, and `wait` when opened.
#[derive(Default)]
struct Gate {
    waiting: AtomicU32,
    arrived: Notify,
    open: Arc<Notify>,
}

impl HostFunctions for Gate {
    fn call_now(&self, _: &str, arg: Json) -> Result<Json, OpError> {
        Ok(arg)
    }

    fn call(&self, name: &str, arg: Json) -> BoxFuture<'static, Result<Json, OpError>> {
        if name == "http" {
            return Box::pin(std::future::ready(Ok(arg)));
        }
        let opened = self.open.clone().notified_owned();
        self.waiting.fetch_add(1, Ordering::SeqCst);
        self.arrived.notify_one();
        Box::pin(async move {
            opened.await;
            Ok(arg)
        })
    }
}

async fn waiting(export: &str) -> (Arc<Gate>, Invocation) {
    let gate = Arc::new(Gate::default());
    let mut call = invocation(export, Json::Null).await;
    call.capabilities = Capabilities::parse(["host:wait"]).unwrap();
    call.functions = Some(gate.clone());
    (gate, call)
}

#[tokio::test]
async fn operations_of_one_call_wait_together() {
    let (gate, mut call) = waiting("WaitBoth").await;
    let recorder = Recorder::new(Arc::new(nexus_kernel::port::clock::SystemClock));
    call.recorder = Some(recorder.clone());
    let called = tokio::spawn(async move { sandbox().call(call).await });
    while gate.waiting.load(Ordering::SeqCst) < 2 {
        gate.arrived.notified().await;
    }
    gate.open.notify_waiters();
    let outcome = called.await.unwrap().unwrap();
    assert_eq!(outcome.result, json!([1, 2]));
    let profile = recorder.profile();
    assert_eq!((profile.calls[0].name.as_str(), profile.calls[0].count), ("host", 2));
    assert!(profile.phases.iter().any(|it| it.phase == Phase::Wait), "{profile:?}");
}

#[tokio::test]
async fn a_wait_ends_with_its_time_or_its_caller() {
    let (gate, mut call) = waiting("Wait").await;
    call.limits.suspended_ms_max = 50;
    let error = sandbox().call(call).await.unwrap_err();
    let waited = CallErrorKind::Limit { what: LimitKind::Suspended, limit: 50, used: 50 };
    assert_eq!(error.kind, waited);
    assert_eq!((gate.waiting.load(Ordering::SeqCst), error.stats.host_calls), (1, 1), "what it did is told");

    let (gate, call) = waiting("Wait").await;
    let called = tokio::spawn(async move { sandbox().call(call).await });
    gate.arrived.notified().await;
    called.abort();
    assert!(called.await.unwrap_err().is_cancelled());
    assert_eq!(run("Echo", json!(1)).await.unwrap().result, json!(1));
}

/// A sandbox of its own, and the probe in it.
async fn apart(change: impl FnOnce(&mut Options)) -> (Sandbox, Module) {
    let mut options = options();
    change(&mut options);
    let apart = Sandbox::start(options).unwrap();
    let module = apart.compile_component("activities/probe.wasm", PROBE).await.unwrap();
    (apart, module)
}

type Called = tokio::task::JoinHandle<Result<Outcome, CallError>>;

/// One call that waits at the gate; it is there when this returns.
async fn parked(apart: &(Sandbox, Module), gate: &Arc<Gate>, namespace: &str) -> Called {
    let before = gate.waiting.load(Ordering::SeqCst);
    let (_, mut call) = waiting("Wait").await;
    call.module = apart.1.clone();
    call.functions = Some(gate.clone());
    call.context.namespace = Namespace::new(namespace).unwrap();
    let sandbox = apart.0.clone();
    let called = tokio::spawn(async move { sandbox.call(call).await });
    while gate.waiting.load(Ordering::SeqCst) == before && !called.is_finished() {
        tokio::task::yield_now().await;
    }
    called
}

#[tokio::test]
async fn components_that_wait_need_room_for_all_of_their_memory() {
    const ROOM_KIB: u64 = 4 << 10;
    let memory = run("Echo", Json::Null).await.unwrap().stats.memory_bytes;
    let fit = ROOM_KIB / (memory / 1_024 + 512);
    assert!((2..8).contains(&fit), "{memory}");
    let apart = apart(|options| options.spilled_bytes_max = 4 << 20).await;
    for round in 0..2 {
        let gate = Arc::new(Gate::default());
        let mut held = Vec::new();
        for _ in 0..fit {
            held.push(parked(&apart, &gate, "default").await);
        }
        let more = parked(&apart, &gate, "default").await.await.unwrap().unwrap_err();
        assert_eq!(more.kind, CallErrorKind::Overloaded(Overload::Parked), "round {round}");
        assert_eq!(more.kind.code().id, "NX-5030");
        gate.open.notify_waiters();
        for called in held {
            assert_eq!(called.await.unwrap().unwrap().result, json!(1), "round {round}");
        }
    }
}

#[tokio::test]
async fn instances_that_wait_keep_nobody_out_and_are_told() {
    let apart = apart(|options| options.components_max = 4).await;
    let echo = |namespace: &'static str| {
        let mut call = Invocation::new(apart.1.clone(), "Echo", json!(5));
        call.context.namespace = Namespace::new(namespace).unwrap();
        call.limits.wall_ms_max = 100;
        let sandbox = apart.0.clone();
        async move { sandbox.call(call).await.map(|outcome| outcome.result).map_err(|error| error.kind) }
    };
    let full = CallErrorKind::Overloaded(Overload::Components);
    let gate = Arc::new(Gate::default());
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(parked(&apart, &gate, "many").await);
    }
    assert_eq!(echo("many").await, Err(full.clone()), "its share is taken");
    assert_eq!(full.code().id, "NX-5064");
    assert_eq!(echo("few").await, Ok(json!(5)), "the last instance is for others");
    held.push(parked(&apart, &gate, "few").await);
    assert_eq!(echo("third").await, Err(full), "all are taken");
    gate.open.notify_waiters();
    for called in held {
        called.await.unwrap().unwrap();
    }
    for namespace in ["many", "few", "third"] {
        assert_eq!(echo(namespace).await, Ok(json!(5)));
    }
}

#[tokio::test]
async fn more_calls_than_instances_take_turns() {
    let calls = (0..600).map(|number| async move { run("Echo", json!(number)).await.unwrap().result });
    let mut tasks = tokio::task::JoinSet::new();
    for call in calls {
        tasks.spawn(call);
    }
    let mut sum = 0;
    while let Some(done) = tasks.join_next().await {
        sum += done.unwrap().as_u64().unwrap();
    }
    assert_eq!(sum, 600 * 599 / 2);
}

#[tokio::test]
async fn what_a_component_is_is_looked_at_before_it_runs() {
    let read =
        |bytes: &'static [u8]| async move { sandbox().compile_component("a.wasm", bytes).await.unwrap_err() };
    let error = read(FOREIGN).await;
    assert_eq!(error.code.id, "NX-5062");
    assert!(error.message.contains("wasi:filesystem/preopens@0.2.3"), "{error}");
    assert!(error.help.unwrap().contains("no WASI"));
    let error = read(MISFIT).await;
    assert!(error.code.id == "NX-5061" && error.message.contains("add-up"), "{error}");
    let error = read(b"export function Main() {}").await;
    assert!(error.message.contains("no WebAssembly"), "{error}");
    let error = read(nexus_sandbox::guest_wasm().unwrap().leak()).await;
    assert!(error.message.contains("core module"), "{error}");
    let error = read(PROBE.get(..PROBE.len() / 2).unwrap()).await;
    assert_eq!(error.code.id, "NX-5061", "{error}");
    static LARGE: [u8; nexus_sandbox::COMPONENT_BYTES_MAX + 1] = [0; nexus_sandbox::COMPONENT_BYTES_MAX + 1];
    assert!(read(&LARGE).await.message.contains("are allowed"));
}

#[tokio::test]
async fn machine_code_is_kept() {
    let home = tempfile::tempdir().unwrap();
    let own = || {
        let mut options = options();
        options.cache_folder = Some(home.path().to_owned());
        Sandbox::start(options).unwrap()
    };
    let echo = |own: Sandbox| async move {
        let module = own.compile_component("a.wasm", PROBE).await.unwrap();
        own.call(Invocation::new(module, "Echo", json!(5))).await.unwrap().result
    };
    let components = || {
        let names =
            std::fs::read_dir(home.path()).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("component-")).collect::<Vec<_>>()
    };
    assert_eq!(echo(own()).await, json!(5));
    let kept = components();
    assert_eq!(kept.len(), 1);
    std::fs::write(
        home.path().join(format!("{}0.cwasm", &kept[0][..kept[0].len() - 10])),
        b"no machine code",
    )
    .unwrap();
    assert_eq!(echo(own()).await, json!(5));
}

#[test]
fn everybody_builds_against_the_same_interface() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let copies = ["probe", "foreign", "misfit"].map(|world| format!("tests/components/{world}"));
    for folder in copies.iter().map(String::as_str).chain(["../../examples/component/component/wit"]) {
        let path = root.join(folder).join("deps/nexus-function/function.wit");
        assert!(std::fs::read_to_string(&path).unwrap() == nexus_sandbox::FUNCTION_WIT, "{}", path.display());
    }
}
