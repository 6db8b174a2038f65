//! Ten minutes of calls, one in ten of them hostile: what the process holds afterwards is what it held before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::clock::{Clock, SystemClock};
use nexus_kernel::port::rng::SystemRng;
use nexus_sandbox::{CallErrorKind, Capabilities, Invocation, Options, Sandbox};
use serde_json::json;
use tokio::task::JoinSet;

use crate::measure::Stopwatch;
use crate::out;

/// Calls at the same time.
const CALLERS: u64 = 32;
/// Instances of the pool; more callers than that wait for a permit.
const INSTANCES: u32 = 24;

const GOOD: [&str; 5] = [
    "export function Main(e) { return { ok: true, n: e.n + 1 } }",
    "export async function Main(e, ctx) { await ctx.kv.put('soak/' + e.n % 50, e.n); return await ctx.kv.get('soak/1') }",
    "export async function Main(e, ctx) { await ctx.sleep(5); return e.n }",
    "export function Main(e) { return [...Array(2000).keys()].map((n) => ({ n, t: 'x'.repeat(n % 50) })).length }",
    "export async function Main(e, ctx) { return (await Promise.all([1, 2, 3, 4].map((n) => ctx.kv.get('soak/' + n)))).length }",
];
const HOSTILE: [&str; 12] = [
    "export function Main() { for (;;); }",
    "export function Main() { const go = () => Promise.resolve().then(go); return go() }",
    "export function Main() { return /(a+)+b/.test('a'.repeat(40)) }",
    "export function Main() { const all = []; for (;;) all.push(new Array(1e5).fill(7)) }",
    "export function Main() { let s = 'x'; for (;;) s += s }",
    "export function Main() { const all = []; for (;;) all.push(new ArrayBuffer(1 << 20)) }",
    "export function Main() { const go = () => 1 + go(); return go() }",
    "export async function Main(e, ctx) { for (;;) ctx.kv.get('k').catch(() => 0) }",
    "export function Main(e, ctx) { for (;;) ctx.log('x'.repeat(10000)) }",
    "export function Main() { return new Promise(() => 0) }",
    "export function Main() { return 'x'.repeat(10_000_000) }",
    "export async function Main(e, ctx) { await ctx.sleep(60_000); return 1 }",
];

/// What the process holds.
#[derive(Debug, Clone, Copy)]
struct Held {
    rss_kib: usize,
    mappings: usize,
    descriptors: usize,
    threads: usize,
}

#[derive(Default)]
struct Counts {
    good: AtomicU64,
    hostile: AtomicU64,
    abandoned: AtomicU64,
    wrong: AtomicU64,
    over: AtomicBool,
}

/// Prints what the process holds now and then, and fails when it holds more at the end than after the first minute.
pub(crate) async fn run(seconds: u64) -> Result<()> {
    let folder = tempfile::tempdir_in(".")?;
    let mut options = Options::new(Arc::new(SystemClock), Arc::new(SystemRng), Arc::new(MemoryStore::new()));
    options.cache_folder = Some(folder.path().to_owned());
    options.instances_max = INSTANCES;
    options.resident_max = INSTANCES / 2;
    let sandbox = Sandbox::start(options)?;
    let (good, hostile) = (compiled(&sandbox, &GOOD).await?, compiled(&sandbox, &HOSTILE).await?);
    let counts = Arc::new(Counts::default());
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (sandbox, good, hostile, counts) =
            (sandbox.clone(), good.clone(), hostile.clone(), counts.clone());
        callers.spawn(async move { calling(&sandbox, (&good, &hostile), caller, &counts).await });
    }
    let began = Stopwatch::start();
    let warm = (seconds / 10).max(5);
    let mut first = None;
    while began.elapsed().as_secs() < seconds {
        pause(Duration::from_secs(warm)).await;
        let held = Held::now()?;
        out(&format!("  after {:>4.0} s: {}", began.seconds(), held.text()));
        first.get_or_insert(held);
    }
    counts.over.store(true, Ordering::Relaxed);
    while callers.join_next().await.is_some() {}
    pause(Duration::from_secs(2)).await;
    let (before, after) = (first.unwrap_or(Held::now()?), Held::now()?);
    let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
    let (good, hostile) = (count(&counts.good), count(&counts.hostile));
    let (abandoned, wrong) = (count(&counts.abandoned), count(&counts.wrong));
    out(&format!(
        "  {good} good calls, {hostile} hostile ones, {abandoned} abandoned; {wrong} ended in a wrong way"
    ));
    out(&format!("  idle at the end: {}", after.text()));
    every_permit_is_back(&sandbox).await?;
    ensure!(wrong == 0, "{wrong} calls ended in a wrong way");
    ensure!(after.descriptors <= before.descriptors, "descriptors leak: {before:?}, {after:?}");
    ensure!(after.mappings <= before.mappings + 50, "mappings leak: {before:?}, {after:?}");
    ensure!(after.rss_kib <= before.rss_kib + before.rss_kib / 10, "memory leaks: {before:?}, {after:?}");
    Ok(())
}

async fn compiled(sandbox: &Sandbox, sources: &[&str]) -> Result<Arc<[Invocation]>> {
    let mut calls = Vec::new();
    for source in sources {
        let module = sandbox.compile("soak.js", source).await?;
        let mut call = Invocation::new(module, "Main", json!({ "n": 1 }));
        call.capabilities = Capabilities::of_project();
        call.limits.wall_ms_max = 2_000;
        calls.push(call);
    }
    Ok(calls.into())
}

async fn calling(
    sandbox: &Sandbox,
    (good, hostile): (&[Invocation], &[Invocation]),
    caller: u64,
    counts: &Counts,
) {
    let mut number = caller;
    while !counts.over.load(Ordering::Relaxed) {
        number += 1;
        let is_hostile = number.is_multiple_of(10);
        let of = if is_hostile { hostile } else { good };
        let place = usize::try_from(number / 7).unwrap_or(0) % of.len();
        let Some(call) = of.get(place) else { continue };
        // One in a hundred callers goes away in the middle.
        if number % 100 == 50 {
            counts.abandoned.fetch_add(1, Ordering::Relaxed);
            let _ =
                tokio::time::timeout(Duration::from_micros(number % 700), sandbox.call(call.clone())).await;
            continue;
        }
        let ended = sandbox.call(call.clone()).await;
        let of = if is_hostile { &counts.hostile } else { &counts.good };
        of.fetch_add(1, Ordering::Relaxed);
        let right = match (&ended, is_hostile) {
            (Ok(_), false) => true,
            (Err(error), true) => !matches!(error.kind, CallErrorKind::Failed(_)),
            // A machine that is busy with hogs may stop a good call by its time, too.
            (Err(error), false) => {
                matches!(error.kind, CallErrorKind::Limit { .. } | CallErrorKind::Deadline)
            }
            (Ok(_), true) => false,
        };
        if !right {
            counts.wrong.fetch_add(1, Ordering::Relaxed);
            out(&format!("  wrong: {ended:?}"));
        }
    }
}

/// As many calls as there are instances wait at the same time: none has been lost.
async fn every_permit_is_back(sandbox: &Sandbox) -> Result<()> {
    let module = sandbox
        .compile("soak.js", "export async function Main(e, ctx) { await ctx.sleep(300); return 1 }")
        .await?;
    let (began, mut tasks) = (Stopwatch::start(), JoinSet::new());
    for _ in 0..INSTANCES / 2 {
        let (sandbox, call) = (sandbox.clone(), Invocation::new(module.clone(), "Main", json!(null)));
        tasks.spawn(async move { sandbox.call(call).await });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let took = began.seconds();
    out(&format!("  {} calls of 0.3 s at the same time took {took:.2} s", INSTANCES / 2));
    ensure!(took < 2.0, "they did not run at the same time");
    Ok(())
}

async fn pause(time: Duration) {
    SystemClock.sleep_until(SystemClock.now().plus(time)).await;
}

impl Held {
    fn now() -> Result<Held> {
        let status = std::fs::read_to_string("/proc/self/status")?;
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.split_whitespace().next().and_then(|text| text.parse().ok()).unwrap_or(0)
        };
        Ok(Held {
            rss_kib: number("VmRSS:"),
            mappings: std::fs::read_to_string("/proc/self/maps")?.lines().count(),
            descriptors: std::fs::read_dir("/proc/self/fd")?.count(),
            threads: number("Threads:"),
        })
    }

    fn text(&self) -> String {
        let Held { rss_kib, mappings, descriptors, threads } = self;
        let mib = rss_kib / 1_024;
        format!(
            "{mib:>4} MiB resident, {mappings:>4} mappings, {descriptors:>3} descriptors, {threads:>2} threads"
        )
    }
}
