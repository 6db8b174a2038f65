//! The sandbox: what a fresh instance costs, how many calls two threads carry, how far past its budget a loop gets,
//! and what a function that waits takes up.

pub(crate) mod differ;
pub(crate) mod fuzz;
pub(crate) mod million;
mod rows;
pub(crate) mod soak;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::clock::SystemClock;
use nexus_kernel::port::rng::SystemRng;
use nexus_kernel::{BoxFuture, Json};
use nexus_sandbox::{CPU_SLICE_MS_MAX, Capabilities, HostFunctions, Invocation, OpError, Options, Sandbox};
use serde_json::json;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::measure::{Stopwatch, millis, process_cpu, quantile};
use crate::out;

const TRIVIAL: &str = "export function Main(e) { return { ok: true, n: e.n + 1 } }";
const TEN: &str = "export async function Main(e, ctx) { let n = 0;
    for (let i = 0; i < 10; i++) n += (await ctx.kv.get('k')) ?? 1; return { ok: true, n } }";
const TEN_NOW: &str = "export function Main(e, ctx) { let n = 0;
    for (let i = 0; i < 10; i++) n += ctx.hostNow('bench', { i }).i; return { ok: true, n } }";
const LOOP: &str = "export function Main() { for (;;); }";
const WAIT: &str = "export async function Main(e, ctx) { return await ctx.host('wait', e) }";

/// Functions that wait at the same time, each keeping its instance, and each having given it back.
const RESIDENT: u32 = 5_000;
const SPILLED: u32 = 100_000;

/// Prints the figures.
pub(crate) async fn run() -> Result<()> {
    let folder = tempfile::tempdir_in(".")?;
    let mut options = Options::new(Arc::new(SystemClock), Arc::new(SystemRng), Arc::new(MemoryStore::new()));
    options.cache_folder = Some(folder.path().to_owned());
    options.threads = NonZeroUsize::new(2);
    (options.queued_max, options.queued_per_owner_max) = (50_000, 50_000);
    out("start: until the first call can run");
    started("compiling the engine", options.clone()).await?;
    let sandbox = started("from the code cache", options.clone()).await?;
    out(
        "calls, each in a fresh instance: CPU of the guest's slices, CPU of the whole process, calls per second",
    );
    for (name, source) in [("trivial", TRIVIAL), ("ten host calls", TEN_NOW), ("ten awaited reads", TEN)] {
        for callers in [1, 64] {
            calls(&sandbox, name, source, callers).await?;
        }
    }
    rows::run(&options).await?;
    out("an endless loop: CPU past its budget");
    overshoot(&sandbox).await?;
    out("functions that wait: private memory of the process per function");
    let resident = Options { instances_max: RESIDENT + 10, resident_max: RESIDENT + 5, ..options.clone() };
    waiting("instance kept", resident, RESIDENT).await?;
    let (queued_max, queued_per_owner_max) = (400_000, 400_000);
    let spilled = Options { resident_max: 0, queued_max, queued_per_owner_max, ..options.clone() };
    waiting("given back", spilled, SPILLED).await?;
    rows::restore(Options { resident_max: 0, ..options }).await
}

async fn started(name: &str, options: Options) -> Result<Sandbox> {
    let total = Stopwatch::start();
    let sandbox = Sandbox::start(options)?;
    let handle = millis(total.elapsed());
    sandbox.ready().await?;
    out(&format!("  {name:<22} handle after {handle:.1} ms, ready after {:.1} ms", millis(total.elapsed())));
    Ok(sandbox)
}

async fn invocation(sandbox: &Sandbox, source: &str) -> Result<Invocation> {
    let module = sandbox.compile("bench.js", source).await?;
    let mut call = Invocation::new(module, "Main", json!({ "n": 41 }));
    call.capabilities = Capabilities::parse(["kv:read", "host:*"])?;
    call.functions = Some(Arc::new(Gate::default()));
    Ok(call)
}

async fn calls(sandbox: &Sandbox, name: &str, source: &str, callers: usize) -> Result<()> {
    const CALLS: usize = 6_400;
    let call = invocation(sandbox, source).await?;
    sandbox.call(call.clone()).await?;
    let (total, cpu) = (Stopwatch::start(), process_cpu());
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let (sandbox, call) = (sandbox.clone(), call.clone());
        tasks.spawn(async move {
            let mut guest_us = 0;
            for _ in 0..CALLS / callers {
                guest_us += sandbox.call(call.clone()).await?.stats.cpu_us;
            }
            Ok::<u64, nexus_sandbox::CallError>(guest_us)
        });
    }
    let mut guest_us = 0;
    while let Some(done) = tasks.join_next().await {
        guest_us += done??;
    }
    let per_call = |us: u128| us / CALLS as u128;
    let (guest, process) =
        (per_call(guest_us.into()), per_call(process_cpu().saturating_sub(cpu).as_micros()));
    let rate = f64::from(u32::try_from(CALLS)?) / total.seconds();
    out(&format!(
        "  {name:<18} {callers:>2} callers: guest {guest:>4} us, process {process:>4} us, {rate:>7.0} calls/s"
    ));
    Ok(())
}

async fn overshoot(sandbox: &Sandbox) -> Result<()> {
    let call = invocation(sandbox, LOOP).await?;
    let mut past = Vec::new();
    for _ in 0..40 {
        let error = sandbox.call(call.clone()).await.err().context("an endless loop ended")?;
        past.push(Duration::from_micros(error.stats.cpu_us.saturating_sub(CPU_SLICE_MS_MAX * 1_000)));
    }
    let (median, worst) = (quantile(&mut past, 0.5), quantile(&mut past, 1.0));
    out(&format!("  median {:.2} ms, worst {:.2} ms", millis(median), millis(worst)));
    Ok(())
}

/// Answers at once without waiting, and in time when opened.
#[derive(Default)]
struct Gate {
    expected: u32,
    arrived: AtomicU32,
    all_arrived: Notify,
    open: Arc<Notify>,
}

impl HostFunctions for Gate {
    fn call_now(&self, _: &str, arg: Json) -> Result<Json, OpError> {
        Ok(arg)
    }

    fn call(&self, _: &str, arg: Json) -> BoxFuture<'static, Result<Json, OpError>> {
        // Created before the count goes up, so that opening the gate cannot miss it.
        let opened = self.open.clone().notified_owned();
        if self.arrived.fetch_add(1, Ordering::SeqCst) + 1 == self.expected {
            self.all_arrived.notify_one();
        }
        Box::pin(async move {
            opened.await;
            Ok(arg)
        })
    }
}

async fn waiting(name: &str, options: Options, count: u32) -> Result<()> {
    let sandbox = Sandbox::start(options)?;
    let gate = Arc::new(Gate { expected: count, ..Gate::default() });
    let mut call = invocation(&sandbox, WAIT).await?;
    call.functions = Some(gate.clone());
    (call.limits.wall_ms_max, call.limits.suspended_ms_max) = (600_000, 600_000);
    call.limits.operation_ms_max = 600_000;
    let (before, total) = (private_kib()?, Stopwatch::start());
    let mut tasks = JoinSet::new();
    for _ in 0..count {
        let (sandbox, call) = (sandbox.clone(), call.clone());
        tasks.spawn(sandbox.call(call));
    }
    gate.all_arrived.notified().await;
    let (after, seconds) = (private_kib()?, total.seconds());
    let release = Stopwatch::start();
    gate.open.notify_waiters();
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let each = f64::from(u32::try_from(after.saturating_sub(before))?) / f64::from(count);
    let finished = release.seconds();
    out(&format!(
        "  {name:<14} {count:>6} waiting after {seconds:>4.1} s: {each:>5.1} KiB each; finished in {finished:.1} s"
    ));
    Ok(())
}

/// Memory that only this process has: pages it wrote, and its page tables. The engine's image, which all instances
/// share, would be counted once per instance by the resident size.
fn private_kib() -> Result<usize> {
    let line_of = |file: &str, name: &str| {
        let text = std::fs::read_to_string(file)?;
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let number =
            line.and_then(|line| line.split_whitespace().next()).ok_or_else(|| anyhow!("no {name}"))?;
        Ok::<usize, anyhow::Error>(number.parse()?)
    };
    Ok(line_of("/proc/self/smaps_rollup", "Private_Dirty:")? + line_of("/proc/self/status", "VmPTE:")?)
}
