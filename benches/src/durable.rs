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
use crate::{store, table};

const OPEN_RUNS: usize = 100_000;
const TIMERS: usize = 1_000_000;
const NAPS: usize = 5_000;
const SIGNALS: usize = 3_000;
const WAKING: usize = 50_000;
const RUNS: usize = 20_000;

/// Prints the figures.
pub(crate) async fn run() -> Result<()> {
    let folder = tempfile::tempdir_in(".")?;
    table::head();
    store::raw_rows(folder.path())?;
    growth(&folder.path().join("growth")).await?;
    signals(&folder.path().join("signals")).await?;
    waking(&folder.path().join("waking")).await?;
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
    table::row(
        "growth of the data folder",
        &format!("{bytes} bytes for each of {RUNS} runs of 3 activities"),
        "",
    );
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
    let figure = format!("{seconds:.1} s to delete them, {left} MiB left after {} more", RUNS / 20);
    table::row("  after retention", &figure, "");
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
    let (p50, p99) = (millis(quantile(&mut waits, 0.5)), millis(quantile(&mut waits, 0.99)));
    table::row("signal round trip", &format!("p50 {p50:.2} ms, p99 {p99:.2} ms"), "p50 <= 2 ms");
    world.close().await
}

/// A message for each of many runs: those beyond what stays in memory are read and rebuilt first.
async fn waking(dir: &Path) -> Result<()> {
    let world = World::open(dir).await?;
    load(&world.handle, "Box", 512, WAKING).await?;
    let rows = world.handle.list(RunFilter { limit: WAKING, ..RunFilter::default() }).await?;
    let ids: Vec<String> = rows.iter().map(|row| row.key.workflow_id.to_string()).collect();
    let watch = Stopwatch::start();
    let mut tasks = Vec::new();
    for share in ids.chunks(WAKING.div_ceil(64)) {
        let (share, handle) = (share.to_vec(), world.handle.clone());
        tasks.push(tokio::spawn(async move {
            for id in share {
                testing::signal(&handle, (&id, "Put"), 1, "wake").await?;
            }
            anyhow::Ok(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of a measurement")]
    let rate = WAKING as f64 / watch.seconds();
    let figure = format!("{rate:.0} runs/s: a signal for each of {WAKING}, 64 callers");
    table::row("waking runs that rest", &figure, "");
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
    table::row("starts, nobody waits, 512 callers", &format!("{rate:.0} starts/s"), ">= 8 000/s");
    table::row("100 000 open runs", &format!("{:.0} MiB more than without", full - idle), "<= 300 MiB");
    world.close().await?;
    let watch = Stopwatch::start();
    let world = World::open(dir).await?;
    one(&world.handle, "Three").await?;
    let figure = format!("first result of a new run after {:.0} ms", millis(watch.elapsed()));
    table::row("  restart with them", &figure, "<= 1 s");
    world.close().await
}

async fn timers(dir: &Path) -> Result<()> {
    let idle = memory()?;
    let world = World::open(dir).await?;
    load(&world.handle, "Wait", 512, TIMERS).await?;
    let figure = format!("{:.0} MiB more than without, each in a run of its own", memory()? - idle);
    table::row("1 000 000 pending timers", &figure, "");
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
    let (p50, p99) = (millis(quantile(&mut late, 0.5)), millis(quantile(&mut late, 0.99)));
    let figure = format!("{} more fire: late by p50 {p50:.1} ms, p99 {p99:.1} ms", late.len());
    table::row("  skew beside them", &figure, "p99 <= 20 ms");
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
