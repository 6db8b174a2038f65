//! What one call costs, step by step, and how many calls one and two threads carry; beside a component, and beside Node when
//! it is here.

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result};
use nexus_kernel::port::clock::SystemClock;
use nexus_sandbox::{Capabilities, Invocation, Options, Phase, Recorder, Sandbox};
use serde_json::json;
use tokio::task::JoinSet;

use super::{Gate, TEN_NOW, TRIVIAL};
use crate::measure::{Stopwatch, process_cpu, quantile};
use crate::out;

/// About 2 KB: a class that checks, a grouping, a regular expression, templates.
const MEDIUM: &str = include_str!("medium.js");
const COMPONENT: &[u8] = include_bytes!("../../../crates/sandbox/tests/components/probe.wasm");
const NODE: &str = include_str!("../../peers/sandbox/node.mjs");

/// A script of the size of a bundle: 70 KB of functions, one of which is called.
fn big() -> String {
    let mut text = String::new();
    for number in 0..420 {
        let _ = write!(
            text,
            "function part{number}(value, other = {{ key: 'k{number}', list: [1, 2, {number}] }}) {{\n  \
             if (typeof value === 'string') return `${{value}}-{number}-${{other.key}}`;\n  \
             return other.list.map((n) => n + value).filter((n) => n % 2 === {number} % 2);\n}}\n"
        ); // writing to a string cannot fail
    }
    text.push_str(
        "export function Main(e) { return { ok: true, n: part7(e.n).length + part400('x').length } }\n",
    );
    text
}

/// Prints all rows.
pub(super) async fn run(options: &Options) -> Result<()> {
    let sandbox = Sandbox::start(options.clone())?;
    sandbox.ready().await?;
    let big = big();
    let rows = [("trivial", TRIVIAL), ("ten host calls", TEN_NOW), ("medium", MEDIUM), ("big", big.as_str())];
    out(
        "one call, one caller, capability checks and limits on: processor time of all threads, time by the clock",
    );
    for (name, source) in rows {
        row(&sandbox, name, call(&sandbox, source).await?, 1_000).await?;
    }
    out("the same from source, nothing in any cache");
    for (name, source) in rows {
        from_source(name, source).await?;
    }
    let component = sandbox.compile_component("probe.wasm", COMPONENT).await?;
    out("a component, fresh");
    row(&sandbox, "echo", Invocation::new(component, "Echo", json!({ "n": 41 })), 1_000).await?;
    out("calls per second, 64 callers");
    for threads in [1, 2] {
        let options = Options { threads: NonZeroUsize::new(threads), ..options.clone() };
        let sandbox = Sandbox::start(options)?;
        for (name, source) in rows.into_iter().take(3) {
            throughput(&sandbox, (name, threads), call(&sandbox, source).await?).await?;
        }
    }
    node();
    Ok(())
}

async fn call(sandbox: &Sandbox, source: &str) -> Result<Invocation> {
    let module = sandbox.compile("bench.js", source).await?;
    let mut call = Invocation::new(module, "Main", json!({ "n": 41 }));
    call.capabilities = Capabilities::parse(["kv:read", "host:*"])?;
    call.functions = Some(Arc::new(Gate::default()));
    Ok(call)
}

async fn row(sandbox: &Sandbox, name: &str, call: Invocation, count: u32) -> Result<()> {
    for _ in 0..20 {
        sandbox.call(call.clone()).await?;
    }
    let (mut walls, mut guest_us) = (Vec::new(), 0);
    let cpu = process_cpu();
    for _ in 0..count {
        let began = Stopwatch::start();
        guest_us += sandbox.call(call.clone()).await?.stats.cpu_us;
        walls.push(began.elapsed());
    }
    let cpu_us = process_cpu().saturating_sub(cpu).as_micros() / u128::from(count);
    let guest_us = guest_us / u64::from(count);
    let (p50, p99) = (quantile(&mut walls, 0.5).as_micros(), quantile(&mut walls, 0.99).as_micros());
    let steps = steps(sandbox, call).await?;
    out(&format!(
        "  {name:<15} {cpu_us:>6} us, guest's slices {guest_us:>6} us; p50 {p50:>6} us, p99 {p99:>6} us; {steps}"
    ));
    Ok(())
}

/// The median processor time of each step, of a hundred calls.
async fn steps(sandbox: &Sandbox, mut call: Invocation) -> Result<String> {
    const STEPS: [(Phase, &str); 5] = [
        (Phase::Instantiate, "instantiate"),
        (Phase::Load, "load"),
        (Phase::Run, "run"),
        (Phase::Answer, "answer"),
        (Phase::Wipe, "wipe"),
    ];
    let mut took = [const { Vec::new() }; STEPS.len()];
    for _ in 0..100 {
        let recorder = Recorder::new(Arc::new(SystemClock));
        call.recorder = Some(recorder.clone());
        sandbox.call(call.clone()).await?;
        for ((phase, _), took) in STEPS.iter().zip(&mut took) {
            let found = recorder.profile().phases.into_iter().find(|it| it.phase == *phase);
            took.push(found.map_or(0, |it| it.cpu_ns));
        }
    }
    let median = |times: &mut Vec<u64>| {
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or(0) / 1_000
    };
    let parts = STEPS.iter().zip(&mut took).map(|((_, name), times)| format!("{name} {}", median(times)));
    Ok(parts.collect::<Vec<_>>().join(", "))
}

/// A sandbox without a cache on disk; another comment each time, so that the one in memory does not help.
async fn from_source(name: &str, source: &str) -> Result<()> {
    const COUNT: u32 = 100;
    let folder = tempfile::tempdir_in(".")?;
    let mut options = Options::new(
        Arc::new(SystemClock),
        Arc::new(nexus_kernel::port::rng::SystemRng),
        Arc::new(nexus_kernel::memory::store::MemoryStore::new()),
    );
    options.cache_folder = Some(folder.path().to_owned());
    let sandbox = Sandbox::start(options)?;
    sandbox.ready().await?;
    let (mut walls, cpu) = (Vec::new(), process_cpu());
    for number in 0..COUNT {
        let source = format!("{source}\n// {number}");
        let began = Stopwatch::start();
        sandbox.call(call(&sandbox, &source).await?).await?;
        walls.push(began.elapsed());
    }
    let cpu_us = process_cpu().saturating_sub(cpu).as_micros() / u128::from(COUNT);
    let p50 = quantile(&mut walls, 0.5).as_micros();
    out(&format!("  {name:<15} {cpu_us:>6} us, p50 {p50:>6} us"));
    Ok(())
}

async fn throughput(sandbox: &Sandbox, (name, threads): (&str, usize), call: Invocation) -> Result<()> {
    const CALLS: u32 = 12_800;
    const CALLERS: u32 = 64;
    sandbox.call(call.clone()).await?;
    let (total, cpu, mut tasks) = (Stopwatch::start(), process_cpu(), JoinSet::new());
    for _ in 0..CALLERS {
        let (sandbox, call) = (sandbox.clone(), call.clone());
        tasks.spawn(async move {
            for _ in 0..CALLS / CALLERS {
                sandbox.call(call.clone()).await?;
            }
            Ok::<(), nexus_sandbox::CallError>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let (rate, cpu) = (f64::from(CALLS) / total.seconds(), process_cpu().saturating_sub(cpu));
    let per_core = f64::from(CALLS) / cpu.as_secs_f64();
    out(&format!(
        "  {name:<15} {threads} threads: {rate:>7.0} calls/s, {per_core:>7.0} for each second of processor time"
    ));
    Ok(())
}

/// What restoring one spilled execution takes.
pub(super) async fn restore(options: Options) -> Result<()> {
    const WAIT: &str = "export async function Main(e, ctx) { await ctx.sleep(1); return e }";
    let sandbox = Sandbox::start(options)?;
    let mut took = Vec::new();
    for _ in 0..500 {
        let mut call = call(&sandbox, WAIT).await?;
        let recorder = Recorder::new(Arc::new(SystemClock));
        call.recorder = Some(recorder.clone());
        sandbox.call(call).await?;
        let phases = recorder.profile().phases;
        let of = |phase| phases.iter().find(|it| it.phase == phase).map(|it| it.cpu_ns);
        took.push((of(Phase::Restore).context("it was not spilled")?, of(Phase::Spill).unwrap_or(0)));
    }
    took.sort_unstable();
    let at = |share: usize| took.get(took.len() * share / 100).copied().unwrap_or_default();
    let us = |ns: u64| ns / 1_000;
    let (p50, p99) = (at(50), at(99));
    out(&format!(
        "  restoring a spilled one: median {} us, p99 {} us; spilling it: median {} us",
        us(p50.0),
        us(p99.0),
        us(p50.1)
    ));
    Ok(())
}

/// Node prints its own rows; it is no part of the project.
fn node() {
    let ran = Command::new("node").args(["--input-type=module", "--eval", NODE]).output();
    match ran {
        Ok(ran) if ran.status.success() => {
            out("Node (V8), for comparison");
            for line in String::from_utf8_lossy(&ran.stdout).lines() {
                out(&format!("  {line}"));
            }
        }
        _ => out("Node is not here"),
    }
}
