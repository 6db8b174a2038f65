//! Nexus calls across namespaces in one process: the embedded store, every record synced.
//!
//! A call is two runs, the caller's and that of whoever carries the operation out. The line of a run that does nothing stands
//! beside it, to be read as a part of it.

use std::path::Path;

use anyhow::Result;

use crate::engine::{World, load};
use crate::measure::{Stopwatch, micros, millis, process_cpu, quantile};
use crate::table;

/// Callers, and calls in all.
const LOADS: [(usize, usize); 2] = [(1, 2_000), (64, 40_000)];

/// Prints the figures.
pub(crate) async fn run() -> Result<()> {
    let folder = tempfile::tempdir_in(".")?;
    table::head();
    for (callers, calls) in LOADS {
        for (workflow, what) in [
            ("Work", "a run that does nothing"),
            ("CallSync", "sync operation"),
            ("CallAsync", "async operation, start to completion"),
        ] {
            let dir = folder.path().join(format!("{workflow}-{callers}"));
            measure(&dir, (workflow, what), (callers, calls)).await?;
        }
    }
    Ok(())
}

async fn measure(
    dir: &Path,
    (workflow, what): (&'static str, &str),
    (callers, calls): (usize, usize),
) -> Result<()> {
    let world = World::open(dir).await?;
    load(&world.handle, workflow, callers, calls / 10).await?; // warm up: page cache, statement cache, allocator
    let (before, cpu, watch) = (world.store.stats(), process_cpu(), Stopwatch::start());
    let mut latencies = load(&world.handle, workflow, callers, calls).await?;
    let (seconds, cpu) = (watch.seconds(), process_cpu().saturating_sub(cpu));
    let commits = world.store.stats().commits - before.commits;
    #[expect(clippy::cast_precision_loss, reason = "counts of a short measurement")]
    let (total, commits) = (calls as f64, commits as f64);
    let figure = format!(
        "{:.0}/s, p50 {:.2} ms, p99 {:.2} ms, {:.3} commits, {} us CPU each",
        total / seconds,
        millis(quantile(&mut latencies, 0.5)),
        millis(quantile(&mut latencies, 0.99)),
        commits / total,
        micros(cpu) / u128::try_from(calls)?,
    );
    table::row(&format!("{what}, {callers} callers"), &figure, "");
    world.close().await
}
