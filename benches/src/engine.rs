//! Durable runs per second: a workflow of three activities on the embedded store, every record synced.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use nexus_engine::{Definition, Engine, EngineHandle, Options, Ports, StartRequest};
use nexus_kernel::activity::{ActivityTask, Completion};
use nexus_kernel::error::Error;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::activity::{Activities, SharedActivities, SharedProgress};
use nexus_kernel::port::clock::SystemClock;
use nexus_kernel::port::rng::SystemRng;
use nexus_kernel::task::Shutdown;
use nexus_kernel::{BoxFuture, Json};
use nexus_lang::text::source::Sources;
use nexus_store::SqliteStore;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::measure::{Stopwatch, millis, process_cpu, quantile};
use crate::{store, table};

const PROGRAM: &str = "\
workflow Three(n: int) -> (int):
    activity Step(n) -> a
    activity Step(a) -> b
    activity Step(b) -> c
    close complete(c)

workflow Wait(n: int) -> (int):
    await timer(30d)
    close complete(n)

workflow Nap(n: int) -> (int):
    await timer(n * 1s)
    close complete(n)

workflow Box(n: int) -> (int):
    state:
        count = 0
    signal Put(i: int):
        count += 1
    await timer(30d)
    close complete(count)

activity Step(n: int) -> (int):
    ...

workflow Work(n: int) -> (int):
    close complete(n + 3)

workflow CallSync(n: int) -> (int):
    nexus door Counting.Add(n) -> r
        options:
            schedule_to_close_timeout: 1h
    close complete(r)

workflow CallAsync(n: int) -> (int):
    nexus door Counting.Work(n) -> r
        options:
            schedule_to_close_timeout: 1h
    close complete(r)

nexus service Counting:
    async Work workflow Work
    sync Add(n: int) -> (int):
        return n + 3

worker counting:
    workflow Work
    nexus service Counting

namespace remote:
    worker counting
        options:
            task_queue: \"there\"
    nexus endpoint door
        options:
            task_queue: \"there\"
            allowed_caller_namespaces: [\"default\"]
";

/// Adds one: the activity costs nothing, so that the engine is what is measured.
struct AddOne;

impl Activities for AddOne {
    fn is_bound(&self, _: &str) -> bool {
        true
    }

    fn execute(
        &self,
        task: ActivityTask,
        _: SharedProgress,
    ) -> BoxFuture<'static, Result<Completion, Failure>> {
        let n = task.input.first().and_then(Json::as_i64).unwrap_or(0);
        Box::pin(std::future::ready(Ok(json!(n + 1).into())))
    }
}

/// Prints the figures.
pub(crate) async fn run() -> Result<()> {
    let folder = tempfile::tempdir_in(".")?;
    table::head();
    store::raw_rows(folder.path())?;
    for (callers, runs) in [(1, 2_000), (8, 8_000), (64, 40_000), (512, 60_000)] {
        let dir = folder.path().join(callers.to_string());
        measure(&dir, callers, runs).await?;
    }
    Ok(())
}

/// An engine on a store of its own.
pub(crate) struct World {
    pub(crate) store: SqliteStore,
    pub(crate) handle: EngineHandle,
    shutdown: Shutdown,
    running: JoinHandle<Result<(), Error>>,
}

impl World {
    pub(crate) async fn open(dir: &Path) -> Result<World> {
        World::with(dir, Arc::new(AddOne)).await
    }

    /// An engine whose activities are carried out by these.
    pub(crate) async fn with(dir: &Path, activities: SharedActivities) -> Result<World> {
        let store = SqliteStore::open(&nexus_store::Options::new(dir))?;
        let ports = Ports {
            store: Arc::new(store.clone()),
            clock: Arc::new(SystemClock),
            rng: Arc::new(SystemRng),
            activities,
            outside: Arc::new(nexus_kernel::port::exchange::Nowhere),
        };
        let engine = Engine::open(Options::default(), ports).await?;
        let handle = engine.handle();
        let mut sources = Sources::new();
        sources.add("three.twf", PROGRAM);
        let (definition, _, found) = Definition::compile(sources, false);
        handle
            .deploy(definition.with_context(|| format!("the program does not compile: {found:?}"))?)
            .await?;
        let shutdown = Shutdown::new();
        let running = tokio::spawn(engine.run(shutdown.clone()));
        Ok(World { store, handle, shutdown, running })
    }

    pub(crate) async fn close(self) -> Result<()> {
        self.shutdown.begin();
        self.running.await??;
        self.store.close();
        Ok(())
    }
}

async fn measure(dir: &Path, callers: usize, runs: usize) -> Result<()> {
    let world = World::open(dir).await?;
    let (handle, store) = (&world.handle, &world.store);
    load(handle, "Three", callers, runs / 10).await?; // warm up: page cache, statement cache, allocator
    let (before, cpu, watch) = (store.stats(), process_cpu(), Stopwatch::start());
    let mut latencies = load(handle, "Three", callers, runs).await?;
    let (seconds, cpu, after) = (watch.seconds(), process_cpu().saturating_sub(cpu), store.stats());

    #[expect(clippy::cast_precision_loss, reason = "counts of a short measurement")]
    let (total, commits) = (runs as f64, (after.commits - before.commits) as f64);
    let (p50, p99) = (quantile(&mut latencies, 0.5), quantile(&mut latencies, 0.99));
    let figure = format!(
        "{:.0} runs/s, p50 {:.2} ms, p99 {:.2} ms, {:.3} commits/run, {:.0} us CPU/run",
        total / seconds,
        millis(p50),
        millis(p99),
        commits / total,
        cpu.as_secs_f64() * 1e6 / total,
    );
    let to_hold = match callers {
        1 => "p50 <= 2 ms, <= 4.2 commits/run",
        64 => ">= 2 500 runs/s, <= 0.2 commits/run",
        _ => "",
    };
    table::row(&format!("runs of 3 activities, {callers} callers"), &figure, to_hold);
    world.close().await
}

pub(crate) async fn load(
    handle: &EngineHandle,
    workflow: &'static str,
    callers: usize,
    runs: usize,
) -> Result<Vec<Duration>> {
    let left = Arc::new(AtomicUsize::new(runs));
    let mut tasks = Vec::new();
    for _ in 0..callers {
        let (handle, left) = (handle.clone(), Arc::clone(&left));
        tasks.push(tokio::spawn(async move {
            let mut latencies = Vec::new();
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
            {
                let watch = Stopwatch::start();
                one(&handle, workflow).await?;
                latencies.push(watch.elapsed());
            }
            anyhow::Ok(latencies)
        }));
    }
    let mut all = Vec::with_capacity(runs);
    for task in tasks {
        all.extend(task.await??);
    }
    Ok(all)
}

/// Starts a run, and waits for its end when it has one.
pub(crate) async fn one(handle: &EngineHandle, workflow: &str) -> Result<()> {
    let request = StartRequest {
        namespace: Namespace::default(),
        workflow: workflow.to_owned(),
        workflow_id: None,
        input: json!({ "n": 1 }),
        idempotency_key: None,
        options: nexus_engine::record::StartOptions::default(),
    };
    let started = handle.start(request).await?;
    if ["Wait", "Nap", "Box"].contains(&workflow) {
        return Ok(());
    }
    let outcome = handle.end(started).await?;
    anyhow::ensure!(outcome.result == json!(4), "the run ended with {outcome:?}");
    Ok(())
}
