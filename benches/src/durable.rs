//! What durable work costs when there is much of it: open runs, pending timers, signals, growth of the data folder.
//!
//! Every line is of the embedded store: SQLite, WAL, `synchronous=FULL`, one writer with group commit.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use nexus_engine::record::Event;
use nexus_engine::testing;
use nexus_kernel::port::runs::RunFilter;

use crate::engine::{World, load, one};
use crate::measure::{Stopwatch, millis, quantile};
use crate::process::resident_kib;
use crate::{out, store};

const OPEN_RUNS: usize = 100_000;
const TIMERS: usize = 1_000_000;
const NAPS: usize = 5_000;
const SIGNALS: usize = 3_000;
const RUNS: usize = 20_000;

/// Prints the figures.
pub(crate) async fn run() -> Result<()> {
    let folder = tempfile::tempdir_in(".")?;
    out("SQLite, WAL, synchronous=FULL; beside it the disk alone (append 4 KiB and fdatasync):");
    store::raw(folder.path(), 1, 2_000)?;
    growth(&folder.path().join("growth")).await?;
    signals(&folder.path().join("signals")).await?;
    open_runs(&folder.path().join("open")).await?;
    timers(&folder.path().join("timers")).await
}

fn memory() -> Result<f64> {
    Ok(f64::from(resident_kib(std::process::id())?) / 1024.0)
}

/// Bytes of all files of a folder.
fn size(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}

async fn growth(dir: &Path) -> Result<()> {
    let world = World::open(dir).await?;
    one(&world.handle, "Three").await?;
    let before = size(dir)?;
    load(&world.handle, "Three", 64, RUNS).await?;
    world.close().await?;
    let bytes = size(dir)?.saturating_sub(before) / RUNS as u64;
    out(&format!("growth: {bytes} bytes of the data folder for each run of three activities, after {RUNS}"));
    let world = World::open(dir).await?;
    let watch = Stopwatch::start();
    for row in world.handle.list(RunFilter { limit: RUNS, ..RunFilter::default() }).await? {
        world.handle.delete(&row.run_id).await?; // what retention does with each
    }
    let seconds = watch.seconds();
    // Room is given back in small steps, one with each further commit.
    load(&world.handle, "Three", 8, RUNS / 20).await?;
    world.close().await?;
    let left = size(dir)? / 1_048_576;
    out(&format!("  all of them deleted in {seconds:.1} s, {} more done: {left} MiB are left", RUNS / 20));
    Ok(())
}

async fn signals(dir: &Path) -> Result<()> {
    let world = World::open(dir).await?;
    one(&world.handle, "Box").await?;
    let rows = world.handle.list(RunFilter { limit: 1, ..RunFilter::default() }).await?;
    let id = rows.first().context("the run is listed")?.key.workflow_id.to_string();
    let mut waits = Vec::with_capacity(SIGNALS);
    for number in 0..SIGNALS {
        let watch = Stopwatch::start();
        testing::signal(&world.handle, (&id, "Put"), i64::try_from(number)?, &number.to_string()).await?;
        waits.push(watch.elapsed());
    }
    out(&format!(
        "signal round trip, durable when answered: p50 {:.2} ms, p99 {:.2} ms (line: p50 <= 2 ms)",
        millis(quantile(&mut waits, 0.5)),
        millis(quantile(&mut waits, 0.99)),
    ));
    world.close().await
}

async fn open_runs(dir: &Path) -> Result<()> {
    let idle = memory()?;
    let world = World::open(dir).await?;
    let watch = Stopwatch::start();
    load(&world.handle, "Wait", 512, OPEN_RUNS).await?;
    #[expect(clippy::cast_precision_loss, reason = "counts of a measurement")]
    let rate = OPEN_RUNS as f64 / watch.seconds();
    let full = memory()?;
    out(&format!(
        "{OPEN_RUNS} open runs: {rate:.0} starts/s; memory {:.0} MiB more than before (line: <= 300 MiB)",
        full - idle
    ));
    world.close().await?;
    let watch = Stopwatch::start();
    let world = World::open(dir).await?;
    one(&world.handle, "Three").await?;
    out(&format!("  restart: first new result after {:.0} ms (line: <= 1 s)", millis(watch.elapsed())));
    world.close().await
}

async fn timers(dir: &Path) -> Result<()> {
    let idle = memory()?;
    let world = World::open(dir).await?;
    load(&world.handle, "Wait", 512, TIMERS).await?;
    out(&format!("{TIMERS} pending timers, one for each open run: memory {:.0} MiB more", memory()? - idle));
    load(&world.handle, "Nap", 512, NAPS).await?;
    let mut late = Vec::with_capacity(NAPS);
    loop {
        // The newest runs are the naps. Asking costs time, so it is done when all have slept.
        world.handle.within(Duration::from_secs(5), std::future::pending::<()>()).await;
        late.clear();
        let naps = RunFilter { workflow: Some("Nap".to_owned()), limit: NAPS, ..RunFilter::default() };
        for row in world.handle.list(naps).await? {
            late.extend(lateness(&world, &row.run_id).await?);
        }
        if late.len() >= NAPS.min(1_000) {
            break;
        }
    }
    out(&format!(
        "  {} of them fire within seconds: late by p50 {:.1} ms, p99 {:.1} ms (line: p99 <= 20 ms)",
        late.len(),
        millis(quantile(&mut late, 0.5)),
        millis(quantile(&mut late, 0.99)),
    ));
    world.close().await
}

/// How late a run's timer fired, once it has.
async fn lateness(world: &World, run: &nexus_kernel::id::RunId) -> Result<Option<Duration>> {
    let events = world.handle.history(run).await?.events;
    let due = events.iter().find_map(|event| match event.event {
        Event::TimerStarted { fire_at, .. } => Some(fire_at),
        _ => None,
    });
    let fired = events.iter().find(|event| matches!(event.event, Event::TimerFired { .. }));
    Ok(due.zip(fired).map(|(due, fired)| fired.at.since(due)))
}
