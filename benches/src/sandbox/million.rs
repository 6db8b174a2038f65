//! A million calls, each in a fresh instance: what the process holds does not grow.

use std::sync::Arc;

use anyhow::{Result, ensure};
use nexus_kernel::Json;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::clock::SystemClock;
use nexus_kernel::port::rng::SystemRng;
use nexus_sandbox::{CallError, Invocation, Options, Sandbox};
use tokio::task::JoinSet;

use super::soak::held::{Held, left, trend};
use crate::measure::Stopwatch;
use crate::out;

const SOURCE: &str =
    "export function Main(e) { const all = [...Array(20).keys()].map((n) => ({ n, text: 'x'.repeat(n) }));
    return { ok: true, n: e + all.length } }";
const ROUNDS: u64 = 10;
const CALLS: u64 = 100_000;
const CALLERS: u64 = 64;

/// Prints a look after each round, and the verdict; fails when something grows.
pub(crate) async fn run() -> Result<()> {
    let sandbox = Sandbox::start(Options::new(
        Arc::new(SystemClock),
        Arc::new(SystemRng),
        Arc::new(MemoryStore::new()),
    ))?;
    let module = sandbox.compile("million.js", SOURCE).await?;
    let call = Invocation::new(module, "Main", Json::from(1));
    round(&sandbox, &call, CALLS / 5).await?;
    let (before, total, mut looks) = (Held::now()?, Stopwatch::start(), Vec::new());
    out(&format!("  before      {}", before.text()));
    for number in 1..=ROUNDS {
        round(&sandbox, &call, CALLS).await?;
        let held = Held::now()?;
        out(&format!("  {:>9}   {}", number * CALLS, held.text()));
        looks.push(held);
    }
    let faults: Vec<_> = looks.last().map(|last| left(&before, last)).unwrap_or_default();
    let faults: Vec<_> = faults.into_iter().chain(trend(&looks)).collect();
    let verdict = if faults.is_empty() { "PASS: nothing grows".to_owned() } else { faults.join("; ") };
    out(&format!("  verdict of {} calls in {:.0} s: {verdict}", ROUNDS * CALLS, total.seconds()));
    ensure!(faults.is_empty(), verdict);
    Ok(())
}

async fn round(sandbox: &Sandbox, call: &Invocation, calls: u64) -> Result<()> {
    let mut tasks = JoinSet::new();
    for _ in 0..CALLERS {
        let (sandbox, call) = (sandbox.clone(), call.clone());
        tasks.spawn(async move {
            for _ in 0..calls / CALLERS {
                sandbox.call(call.clone()).await?;
            }
            Ok::<(), CallError>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}
