//! One busy function and the others: how long a trivial call takes while eight functions spin on two threads.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::clock::SystemClock;
use nexus_kernel::port::rng::SystemRng;
use nexus_sandbox::{Invocation, Options, Sandbox};
use serde_json::json;
use tokio::task::JoinSet;

use crate::measure::{Stopwatch, micros, quantile};
use crate::out;

const TRIVIAL: &str = "export function Main(e) { return { ok: true, n: e.n + 1 } }";
const LOOP: &str = "export function Main() { for (;;); }";
const HOGS: usize = 8;
const CALLS: usize = 4_000;
const ROUNDS: usize = 5;

/// Prints the figures.
pub(crate) async fn run() -> Result<()> {
    let folder = tempfile::tempdir_in(".")?;
    let mut options = Options::new(Arc::new(SystemClock), Arc::new(SystemRng), Arc::new(MemoryStore::new()));
    options.cache_folder = Some(folder.path().to_owned());
    options.threads = NonZeroUsize::new(2);
    let sandbox = Sandbox::start(options)?;
    let trivial = call(&sandbox, "trivial.js", TRIVIAL).await?;
    latencies(&sandbox, &trivial).await?;
    out(&format!(
        "trivial calls one after the other, on the clock; alone, and beside {HOGS} functions that spin"
    ));
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let alone = latencies(&sandbox, &trivial).await?;
        let hogs = spin(&sandbox).await?;
        // Long enough for each of them to have been stopped at least once.
        latencies(&sandbox, &trivial).await?;
        let beside = latencies(&sandbox, &trivial).await?;
        drop(hogs);
        let ratio = beside.1.as_secs_f64() / alone.1.as_secs_f64();
        out(&format!(
            "  alone p50 {:>4} us, p99 {:>5} us; beside p50 {:>4} us, p99 {:>5} us: p99 x {ratio:.1}",
            micros(alone.0),
            micros(alone.1),
            micros(beside.0),
            micros(beside.1),
        ));
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    out(&format!("  median of the ratios: {:.1}", ratios.get(ROUNDS / 2).copied().unwrap_or(f64::NAN)));
    Ok(())
}

async fn call(sandbox: &Sandbox, file: &str, source: &str) -> Result<Invocation> {
    Ok(Invocation::new(sandbox.compile(file, source).await?, "Main", json!({ "n": 41 })))
}

/// Median and 99th hundredth.
async fn latencies(sandbox: &Sandbox, call: &Invocation) -> Result<(Duration, Duration)> {
    let mut took = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let watch = Stopwatch::start();
        sandbox.call(call.clone()).await?;
        took.push(watch.elapsed());
    }
    Ok((quantile(&mut took, 0.5), quantile(&mut took, 0.99)))
}

/// Functions of their own that spin until the answer is dropped: whenever one is stopped it is called again.
async fn spin(sandbox: &Sandbox) -> Result<JoinSet<()>> {
    let mut hogs = JoinSet::new();
    for number in 0..HOGS {
        let call = call(sandbox, &format!("hog{number}.js"), LOOP).await?;
        let sandbox = sandbox.clone();
        hogs.spawn(async move {
            loop {
                drop(sandbox.call(call.clone()).await); // stopped, always
            }
        });
    }
    Ok(hogs)
}
