//! The embedded store beside the disk it works on: what a commit costs, and how many records share one.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use nexus_kernel::id::{Key, Namespace, Partition, RunId, WorkflowId};
use nexus_kernel::port::log::{Append, Epoch, Log};
use nexus_kernel::port::rng::SystemRng;
use nexus_kernel::port::runs::{RunRow, RunStatus};
use nexus_kernel::time::Timestamp;
use nexus_store::{Options, SqliteStore};

use crate::measure::{Stopwatch, millis, process_cpu, quantile};
use crate::{out, table};

/// Bytes of one append to the raw file: the page that SQLite would write.
const PAGE_BYTES: usize = 4_096;

/// Records of a run: its start, two steps, its end.
const RECORDS_PER_RUN: u64 = 4;

/// Two events of 300 bytes.
const RECORD_BYTES: usize = 600;

/// Runs that are open when the store is opened again.
const OPEN_RUNS: u64 = 100_000;

/// Prints the figures.
pub(crate) async fn run() -> Result<()> {
    let folder = tempfile::tempdir_in(".")?;
    out("the disk alone: append 4 KiB pages to a file and fdatasync");
    raw(folder.path(), 1, 3_000)?;
    raw(folder.path(), 64, 1_000)?;
    out("the store: runs of four records of 600 bytes, each record answered when it is durable");
    for (callers, runs) in [(1, 1_000), (64, 20_000)] {
        appends(&folder.path().join(callers.to_string()), callers, runs).await?;
    }
    out("opening a store again that was killed with 100 000 open runs");
    reopen(folder.path()).await
}

/// The disk alone: groups of pages appended to a file, each group synchronised.
pub(crate) fn raw(folder: &Path, group: usize, groups: usize) -> Result<()> {
    let (rate, mut waits) = appended(folder, group, groups)?;
    report(&format!("groups of {group:>2}: {rate:>7.0} pages/s"), &mut waits);
    Ok(())
}

/// Pages a second, and how long each group took.
fn appended(folder: &Path, group: usize, groups: usize) -> Result<(f64, Vec<Duration>)> {
    let mut file = File::create(folder.join(format!("raw-{group}")))?;
    let bytes = vec![0x5a; PAGE_BYTES * group];
    let mut waits = Vec::with_capacity(groups);
    let total = Stopwatch::start();
    for _ in 0..groups {
        let one = Stopwatch::start();
        file.write_all(&bytes)?;
        file.sync_data()?;
        waits.push(one.elapsed());
    }
    Ok((per_second(groups * group, total), waits))
}

/// The disk alone, as rows beside the figures that depend on it.
pub(crate) fn raw_rows(folder: &Path) -> Result<()> {
    for (group, groups) in [(1, 2_000), (64, 500)] {
        let (rate, mut waits) = appended(folder, group, groups)?;
        let (p50, p99) = (millis(quantile(&mut waits, 0.5)), millis(quantile(&mut waits, 0.99)));
        let figure = format!("{rate:.0} pages/s, p50 {p50:.2} ms, p99 {p99:.2} ms");
        table::raw(&format!("the disk alone, {group} pages at once"), &figure);
    }
    Ok(())
}

fn per_second(count: usize, since: Stopwatch) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / since.seconds()
}

fn report(what: &str, waits: &mut [Duration]) {
    let (half, most) = (millis(quantile(waits, 0.5)), millis(quantile(waits, 0.99)));
    out(&format!("  {what}, p50 {half:.3} ms, p99 {most:.3} ms"));
}

async fn appends(folder: &Path, callers: usize, runs: usize) -> Result<()> {
    let store = SqliteStore::open(&Options::new(folder))?;
    let epoch = store.acquire(0..Partition::COUNT, "bench").await?;
    let before = store.stats();
    let (total, cpu) = (Stopwatch::start(), process_cpu());
    let mut tasks = tokio::task::JoinSet::new();
    for caller in 0..callers {
        let store = store.clone();
        tasks.spawn(async move { one_caller(&store, epoch, caller, runs / callers).await });
    }
    let mut waits = Vec::new();
    while let Some(done) = tasks.join_next().await {
        waits.extend(done.context("a caller panicked")??);
    }
    let stats = store.stats();
    let records = stats.records - before.records;
    let rate = per_second(waits.len(), total);
    let share = ratio(stats.commits - before.commits, records);
    let cost = process_cpu().saturating_sub(cpu).as_secs_f64() * 1e6 / ratio(records, 1);
    let passes = stats.checkpoints - before.checkpoints;
    report(&format!("{callers:>2} callers: {rate:>7.0} records/s"), &mut waits);
    out(&format!("    {share:.3} commits and {cost:.1} us CPU per record, {passes} checkpoints"));
    Ok(())
}

fn ratio(part: u64, whole: u64) -> f64 {
    let number = |count| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    number(part) / number(whole)
}

async fn one_caller(store: &SqliteStore, epoch: Epoch, caller: usize, runs: usize) -> Result<Vec<Duration>> {
    let mut waits = Vec::with_capacity(runs * 4);
    for run in 0..runs {
        let mut row = new_run(&format!("{caller}-{run}"))?;
        for expected in 0..RECORDS_PER_RUN {
            let last = expected + 1 == RECORDS_PER_RUN;
            if last {
                row.status = RunStatus::Completed;
                row.closed_at = Some(row.started_at);
            }
            let rows = if last || expected == 0 { vec![row.clone()] } else { Vec::new() };
            let record = vec![b'e'; RECORD_BYTES];
            let append = Append { key: row.key.clone(), expected, epoch, record, live: !last, rows };
            let one = Stopwatch::start();
            let answers = store.append(vec![append]).await?;
            waits.push(one.elapsed());
            answers.into_iter().next().ok_or_else(|| anyhow!("no answer"))??;
        }
    }
    Ok(waits)
}

/// A run under a random workflow id, as users give them.
fn new_run(name: &str) -> Result<RunRow> {
    let started_at = Timestamp::from_millis(1_000);
    let run_id = RunId::generate(started_at, &SystemRng);
    let workflow_id = WorkflowId::new(&format!("{}-{name}", run_id.as_str().trim_start_matches("run_0")))?;
    let key = Key { namespace: Namespace::default(), workflow_id };
    Ok(RunRow::started(key, run_id, "bench", started_at))
}

async fn reopen(folder: &Path) -> Result<()> {
    let (before, after) = (folder.join("before"), folder.join("after"));
    let store = SqliteStore::open(&Options::new(&before))?;
    let epoch = store.acquire(0..Partition::COUNT, "bench").await?;
    for group in 0..OPEN_RUNS / 500 {
        let mut batch = Vec::new();
        for number in 0..500 {
            let row = new_run(&format!("{group}-{number}"))?;
            let (key, record) = (row.key.clone(), vec![b'e'; RECORD_BYTES]);
            batch.push(Append { key, expected: 0, epoch, record, live: true, rows: vec![row] });
        }
        store.append(batch).await?;
    }
    std::fs::create_dir_all(&after)?;
    for name in ["nexus.db", "nexus.db-wal"] {
        std::fs::copy(before.join(name), after.join(name))?;
    }
    let wal = before.join("nexus.db-wal").metadata()?.len() / 1_048_576;
    let opening = Stopwatch::start();
    let store = SqliteStore::open(&Options::new(&after))?;
    let opened = millis(opening.elapsed());
    let mut cursor = 0;
    let mut found = 0;
    loop {
        let page = store.live(cursor, 1_000).await?;
        let Some(last) = page.last() else { break };
        cursor = last.cursor;
        found += page.len();
    }
    let total = millis(opening.elapsed());
    out(&format!(
        "  open {opened:.1} ms ({wal} MiB of write-ahead log), all {found} runs read after {total:.0} ms"
    ));
    Ok(())
}
