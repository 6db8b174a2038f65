//! `nexus fn bench`: many calls of one function.

use std::sync::Arc;

use nexus_kernel::error::Error;
use nexus_sandbox::CallError;
use serde_json::json;
use tokio::task::JoinSet;

use super::{Ready, failed, show};
use crate::output::Output;

/// What the calls of one caller took, each in microseconds.
#[derive(Default)]
struct Samples {
    wall_us: Vec<u64>,
    cpu_us: Vec<u64>,
}

/// Calls a function many times and prints figures. The first call that fails ends it.
pub(super) async fn bench(ready: Ready, (calls, callers): (u32, u32), output: Output) -> Result<(), Error> {
    let ready = Arc::new(ready);
    let failed = |error: CallError| failed(&ready.shown, &error);
    // The first call waits for the engine, which is compiled when nobody has done it before.
    ready.local.call(ready.prepared.clone()).await.map_err(failed)?;
    let began = ready.local.clock().now();
    let callers = callers.min(calls);
    let share = |caller: u32| calls / callers + u32::from(caller < calls % callers);
    let mut all: JoinSet<_> =
        (0..callers).map(|caller| one_caller(Arc::clone(&ready), share(caller))).collect();
    let mut sum = Samples::default();
    while let Some(sampled) = all.join_next().await {
        let sampled = sampled.map_err(|error| Error::internal(error.to_string()))?;
        let Samples { wall_us, cpu_us } = sampled.map_err(failed)?;
        sum.wall_us.extend(wall_us);
        sum.cpu_us.extend(cpu_us);
    }
    let total_us = ready.local.clock().now().since(began).as_micros();
    sum.wall_us.sort_unstable();
    sum.cpu_us.sort_unstable();
    let per_second = u128::from(calls) * 1_000_000 / total_us.max(1);
    let figures = json!({
        "function": ready.shown, "calls": calls, "callers": callers, "calls_per_second": per_second,
        "wall_us": quantiles(&sum.wall_us), "cpu_us": quantiles(&sum.cpu_us),
    });
    if output.is_json() {
        output.json(&figures);
        return Ok(());
    }
    output.note(&format!("{}: {calls} calls, {callers} at a time", ready.shown));
    output.raw(&show::quantiles(&[("time of a call", &sum.wall_us), ("processor time", &sum.cpu_us)]));
    output.text(&format!("{:<16}{per_second:>11}", "calls per second"));
    Ok(())
}

async fn one_caller(ready: Arc<Ready>, calls: u32) -> Result<Samples, CallError> {
    let (clock, mut samples) = (ready.local.clock(), Samples::default());
    for _ in 0..calls {
        let began = clock.now();
        let finished = ready.local.call(ready.prepared.clone()).await?;
        let took = clock.now().since(began).as_micros();
        samples.wall_us.push(u64::try_from(took).unwrap_or(u64::MAX));
        samples.cpu_us.push(finished.outcome.stats.cpu_us);
    }
    Ok(samples)
}

fn quantiles(sorted: &[u64]) -> nexus_kernel::Json {
    let [min, p50, p90, p99, max] = show::five(sorted);
    let mean = sorted.iter().sum::<u64>() / (sorted.len().max(1) as u64);
    json!({ "min": min, "mean": mean, "p50": p50, "p90": p90, "p99": p99, "max": max })
}
