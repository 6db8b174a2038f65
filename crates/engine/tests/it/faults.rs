//! Every call of the store fails once, in every way, on every store: a new process then finishes the work, and nothing is
//! lost or doubled.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nexus_engine::{Engine, EngineHandle, Options, Ports};
use nexus_kernel::error::Error;
use nexus_kernel::id::{Partition, WorkflowId};
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::rng::SeededRng;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::SharedStore;
use nexus_kernel::port::clock::Clock as _;
use nexus_kernel::port::runs::{RunFilter, RunRow, RunStatus};
use nexus_kernel::task::Shutdown;
use nexus_kernel::testing::faults::{Call, Fate, Faults, FaultyStore, Verdict};
use nexus_kernel::time::Timestamp;
use nexus_store::SqliteStore;
use serde_json::{Value as Json, json};

use crate::support::{Scripted, definition, echo, request};

/// Every kind of command, a signal between runs and a continued run.
const PROGRAM: &str = "\
workflow Everything(n: int) -> (any):
    await all (x in range(0, 2)) -> parts:
        activity Do(x) -> part
    await timer(1m)
    workflow Child(n) -> c
    nexus \"default\" workflow Child(n) -> d
    promise helper <- workflow Mailbox(0)
    signal helper.Put(7)
    await helper -> e
    return [sum(parts), c, d, e]

workflow Child(n: int) -> (int):
    activity Do(n) -> y
    await timer(1s)
    return y

workflow Mailbox(round: int) -> (int):
    signal Put(i: int):
        pass
    if (round == 0):
        close continue_as_new(1)
    await signal Put -> i
    return i

activity Do(x: any) -> (any):
    ...
";

/// The `n`-th call meets this verdict.
struct Nth {
    left: AtomicU64,
    verdict: Verdict,
    hit: AtomicBool,
}

impl Faults for Nth {
    fn fate(&self, _: Call) -> Fate {
        match self.left.fetch_sub(1, Ordering::SeqCst) {
            1 => {
                self.hit.store(true, Ordering::SeqCst);
                Fate::at_once(self.verdict)
            }
            _ => Fate::WORKS,
        }
    }
}

/// One life on a store that may fail, from the opening to the end of all work or of the store. `kept` is what the store
/// stands on, for those who only look.
async fn life((store, kept): (SharedStore, SharedStore), clock: &SimClock, seed: u64) -> Result<(), Error> {
    let ports = Ports {
        store,
        clock: Arc::new(clock.clone()),
        rng: Arc::new(SeededRng::new(seed)),
        activities: Arc::new(Scripted::default().with("Do", echo)),
        outside: Arc::new(nexus_kernel::port::exchange::Nowhere),
    };
    let engine = Engine::open(Options { shards: 2, ..Options::default() }, ports).await?;
    let handle = engine.handle();
    handle.deploy(definition(PROGRAM)).await?;
    let shutdown = Shutdown::new();
    let running = tokio::spawn(engine.run(shutdown.clone()));
    let work = tokio::spawn(work(handle, kept));
    while !work.is_finished() && !running.is_finished() {
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        if let Some(at) = clock.next_wake() {
            clock.advance(at.since(clock.now()));
        }
    }
    shutdown.begin();
    let ended = running.await.unwrap();
    work.abort();
    ended
}

/// Asks for the one run, and waits until nothing is left to do.
async fn work(engine: EngineHandle, store: SharedStore) {
    let mut start = request("Everything", json!({ "n": 10 }));
    start.idempotency_key = Some("the-one".to_owned());
    start.workflow_id = Some(WorkflowId::new("everything").unwrap());
    let Ok(started) = engine.start(start).await else { return };
    if let Ok(outcome) = engine.end(started).await {
        assert!(!outcome.status.is_open(), "the program cannot go on: {outcome:?}");
    }
    while store.live(0, 1).await.is_ok_and(|live| !live.is_empty()) {
        tokio::task::yield_now().await;
    }
}

/// A life with a failing call, then one without. False when there were not so many calls.
async fn survives(store: SharedStore, (n, verdict): (u64, Verdict)) -> bool {
    let clock = SimClock::at(Timestamp::from_millis(1_000_000));
    let faults = Arc::new(Nth { left: AtomicU64::new(n), verdict, hit: AtomicBool::new(false) });
    let faulty = Arc::new(FaultyStore::new(Arc::clone(&store), Arc::clone(&faults) as Arc<dyn Faults>));
    let _ = life((faulty, Arc::clone(&store)), &clock, n).await;
    open_runs_are_live(&store, &format!("call {n}, {verdict:?}")).await;
    life((Arc::clone(&store), Arc::clone(&store)), &clock, n + 1_000_000).await.unwrap();
    check(&store, &format!("call {n}, {verdict:?}")).await;
    faults.hit.load(Ordering::SeqCst)
}

/// Whatever part of a batch has happened: a process that begins is told of every open run. It claims the store first, as
/// every process does: what the dead one had on its way is written by then, or never.
async fn open_runs_are_live(store: &SharedStore, case: &str) {
    store.acquire(0..Partition::COUNT, "the next").await.unwrap();
    let live: Vec<_> = store.live(0, 100).await.unwrap().into_iter().map(|live| live.key).collect();
    for row in store.runs(RunFilter { limit: 100, ..RunFilter::default() }.into()).await.unwrap() {
        let is_open = !history(store, &row).await.iter().any(closes);
        assert_eq!(is_open, row.status.is_open(), "{case}: {row:?}");
        assert!(!is_open || live.contains(&row.key), "{case}: nobody will go on with {row:?}");
    }
}

fn closes(event: &Json) -> bool {
    let ends = ["WorkflowExecutionCompleted", "WorkflowExecutionContinuedAsNew"];
    ends.iter().any(|end| event["type"] == *end)
}

/// The work takes fewer calls than this.
const CALLS_MAX: u64 = 500;

const VERDICTS: [Verdict; 4] = [
    Verdict::FailsBefore,
    Verdict::FailsAfter,
    Verdict::FailsTorn(0b0101_0101),
    Verdict::FailsTorn(0b1010_1010),
];

#[tokio::test]
async fn every_fault_at_every_call_of_the_store_in_memory() {
    let mut calls = 0;
    for verdict in VERDICTS {
        for n in 1.. {
            assert!(n < CALLS_MAX, "the work never ends");
            if !survives(Arc::new(MemoryStore::new()), (n, verdict)).await {
                break;
            }
            calls += 1;
        }
    }
    assert!(calls > 60, "{calls}");
}

#[tokio::test]
async fn every_fault_at_every_call_of_the_embedded_store() {
    let folder = tempfile::tempdir().unwrap();
    let open = |name: String| -> SharedStore {
        let path: &Path = &folder.path().join(name);
        Arc::new(SqliteStore::open(&nexus_store::Options::new(path)).unwrap())
    };
    let mut calls = 0;
    // Half of a batch is tried in memory: here a batch is one transaction.
    for verdict in [Verdict::FailsBefore, Verdict::FailsAfter] {
        for n in 1..CALLS_MAX {
            if !survives(open(format!("{verdict:?}-{n}")), (n, verdict)).await {
                break;
            }
            calls += 1;
        }
    }
    assert!(calls > 30, "{calls}");
}

/// The one run ended once with its result, and so did all that it started; no history has a gap or a doubled end.
async fn check(store: &SharedStore, case: &str) {
    let rows = store.runs(RunFilter { limit: 100, ..RunFilter::default() }.into()).await.unwrap();
    assert!(store.live(0, 1).await.unwrap().is_empty(), "{case}: work is left");
    assert_eq!(rows.len(), 5, "{case}: one run, two children, a mailbox and its successor: {rows:#?}");
    for row in &rows {
        assert!(!row.status.is_open(), "{case}: {row:?}");
        let history = history(store, row).await;
        let mut ended = BTreeSet::new();
        for event in history.iter().filter(|event| is_end(event)) {
            assert!(ended.insert(event["seq"].as_u64()), "{case}: {event} again in {row:?}");
        }
        let closing = history.last().unwrap();
        if row.workflow == "Everything" {
            let result = &closing["result"];
            assert_eq!((row.status, result), (RunStatus::Completed, &json!([1, 10, 10, 7])), "{case}");
        }
    }
}

/// The events of a run, as stored.
async fn history(store: &SharedStore, row: &RunRow) -> Vec<Json> {
    let mut history = Vec::new();
    for stored in store.read(&row.key, 0).await.unwrap() {
        let record: Json = serde_json::from_slice(&stored.record).unwrap();
        let parts = record["runs"].as_array().unwrap().iter();
        for part in parts.filter(|part| part["run"] == row.run_id.as_str()) {
            history.extend(part["events"].as_array().into_iter().flatten().cloned());
        }
    }
    history
}

/// Whether an event ends a command.
fn is_end(event: &Json) -> bool {
    let kind = event["type"].as_str().unwrap();
    let ends = ["Completed", "Failed", "Fired", "TimedOut"];
    !event["seq"].is_null() && ends.iter().any(|end| kind.ends_with(end))
}
