//! Batches on a running engine: by filter and one by one, with progress, through every crash.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nexus_engine::batch::{Batch, BatchState, BatchVerb, NewBatch, ResetPoint, Target};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::{Namespace, RunId, WorkflowId};
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::clock::Clock as _;
use nexus_kernel::port::runs::{RunFilter, RunStatus};
use nexus_kernel::time::Timestamp;
use serde_json::json;

use crate::crash::Mortal;
use crate::support::{Scripted, World, request};

const PROGRAM: &str = "\
workflow Box(n: int) -> (int):
    state:
        condition never
        count = 0
    signal Put(x: int):
        count = count + x
    query Count() -> (int):
        return count
    await never
    close complete(n)

workflow Count(n: int) -> (int):
    if (n == 0):
        close complete(0)
    close continue_as_new(n - 1)
";

fn clock() -> SimClock {
    SimClock::at(Timestamp::from_millis(1_000_000))
}

async fn world(store: &Arc<MemoryStore>, clock: &SimClock) -> World {
    World::on(store.clone(), clock.clone(), PROGRAM, Scripted::default()).await
}

async fn boxes(world: &World, count: usize) -> Vec<RunId> {
    let mut runs = Vec::new();
    for n in 0..count {
        let mut wanted = request("Box", json!({ "n": n }));
        wanted.workflow_id = Some(WorkflowId::new(&format!("box-{n}")).unwrap());
        runs.push(world.engine.start(wanted).await.unwrap().run_id);
    }
    runs
}

fn filter(text: &str) -> Target {
    Target::Filter { namespace: Namespace::default(), filter: text.to_owned(), after: None }
}

fn new(verb: BatchVerb, target: Target) -> NewBatch {
    NewBatch { id: None, verb, target, reason: String::new(), per_second: None, concurrency: None }
}

fn put(x: i64) -> BatchVerb {
    BatchVerb::Signal { name: "Put".into(), input: json!([x]) }
}

/// Starts a batch and waits until it is over.
async fn done(world: &World, new: NewBatch) -> Batch {
    let begun = world.engine.start_batch(new).await.unwrap();
    world.until(world.engine.batch_within(&begun.id, Duration::from_hours(1))).await.unwrap()
}

async fn statuses(world: &World) -> Vec<RunStatus> {
    let rows = world.engine.list(RunFilter { limit: 500, ..RunFilter::default() }).await.unwrap();
    rows.into_iter().map(|row| row.status).collect()
}

fn refusal(outcome: Result<Batch, Error>) -> (&'static str, String) {
    let error = outcome.unwrap_err();
    (error.code().id, error.message().to_owned())
}

#[tokio::test]
async fn every_run_that_fits_has_its_turn_and_no_other() {
    let (store, clock) = (Arc::new(MemoryStore::new()), clock());
    let world = world(&store, &clock).await;
    boxes(&world, 120).await;
    let batch = done(&world, new(BatchVerb::Pause, filter("WorkflowId STARTS_WITH 'box-1'"))).await;
    assert_eq!((batch.state, batch.total, batch.done, batch.left()), (BatchState::Completed, 31, 31, 0));
    let paused = statuses(&world).await.iter().filter(|it| **it == RunStatus::Paused).count();
    assert_eq!(paused, 31);
    done(&world, new(BatchVerb::Unpause, filter("ExecutionStatus = 'Paused'"))).await;
    // More pages than one, and only what is open.
    let batch = done(&world, new(BatchVerb::Terminate, filter("WorkflowType = 'Box'"))).await;
    assert_eq!((batch.done, batch.failed), (120, 0));
    assert_eq!(statuses(&world).await, [RunStatus::Terminated; 120]);
    let batch = done(&world, new(BatchVerb::Cancel, filter("WorkflowType = 'Box'"))).await;
    assert_eq!((batch.total, batch.done), (0, 0));
    world.stop().await;
}

#[tokio::test]
async fn chains_are_deleted_from_their_beginning() {
    let (store, clock) = (Arc::new(MemoryStore::new()), clock());
    let world = world(&store, &clock).await;
    world.run("Count", json!({ "n": 70 })).await;
    boxes(&world, 1).await;
    clock.advance(Duration::from_secs(1));
    let batch = done(&world, new(BatchVerb::Delete, filter("WorkflowType != 'Nothing'"))).await;
    assert_eq!((batch.done, batch.failed, batch.failures.clone()), (71, 0, vec![]));
    assert_eq!(statuses(&world).await, [RunStatus::Running]);
    world.stop().await;
}

#[tokio::test]
async fn failures_are_counted_and_the_first_are_told() {
    let (store, clock) = (Arc::new(MemoryStore::new()), clock());
    let world = world(&store, &clock).await;
    let mut runs = boxes(&world, 30).await;
    world.engine.terminate(&runs[0], "first").await.unwrap();
    let unknown = RunId::parse("run_0688ab1tdpv3h9m5x7cq2wnk4e").unwrap();
    runs.push(unknown.clone());
    runs.push(runs[1].clone());
    let wrong = BatchVerb::Signal { name: "Putt".into(), input: json!([1]) };
    let batch = done(&world, new(wrong, Target::Runs { runs: runs.clone(), position: 0 })).await;
    assert_eq!((batch.total, batch.done, batch.failed), (31, 0, 31), "a run has one turn");
    assert_eq!(batch.failures.len(), 20);
    let codes: Vec<_> = batch.failures.iter().take(2).map(|it| it.code.as_str()).collect();
    assert_eq!(codes, [code::RUN_CLOSED.id, code::HANDLER_UNKNOWN.id]);
    let batch = done(&world, new(BatchVerb::Cancel, Target::Runs { runs: runs.clone(), position: 0 })).await;
    assert_eq!((batch.done, batch.failed), (30, 1), "a run that is closed has nothing left to do");
    assert_eq!(batch.failures[0].run_id, unknown);
    world.stop().await;
}

#[tokio::test]
async fn a_batch_keeps_to_its_rate_and_can_be_stopped() {
    let (store, clock) = (Arc::new(MemoryStore::new()), clock());
    let world = world(&store, &clock).await;
    boxes(&world, 9).await;
    let slow = NewBatch { per_second: Some(2.0), ..new(put(1), filter("WorkflowType = 'Box'")) };
    let from = clock.now();
    let batch = done(&world, slow.clone()).await;
    assert_eq!((batch.done, clock.now().since(from)), (9, Duration::from_secs(4)));
    let begun = world.engine.start_batch(slow).await.unwrap();
    let seen = world.until(world.engine.batch_within(&begun.id, Duration::from_millis(1_200))).await.unwrap();
    assert!(seen.is_open());
    world.engine.stop_batch(&begun.id, "enough").await.unwrap();
    world.settle().await;
    clock.advance(Duration::from_mins(1));
    world.settle().await;
    let batch = world.engine.batch(&begun.id).await.unwrap();
    assert_eq!(
        (batch.state, batch.note.as_str(), batch.done, batch.left()),
        (BatchState::Stopped, "enough", 3, 6)
    );
    world.stop().await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_at_its_place() {
    let (store, clock) = (Arc::new(MemoryStore::new()), clock());
    let world = world(&store, &clock).await;
    let start = |text: &str| world.engine.start_batch(new(BatchVerb::Cancel, filter(text)));
    let (id, message) = refusal(start("WorkflowType = ").await);
    assert!(id == "NX-2020" && message.contains("15"), "{message}");
    assert_eq!(refusal(start("  ").await).0, "NX-2001");
    assert_eq!(refusal(start("WorkflowType = 'Box' ORDER BY StartTime").await).0, "NX-2020");
    assert_eq!(refusal(world.engine.batch("none").await).0, "NX-2024");
    assert_eq!(refusal(world.engine.stop_batch("none", "").await).0, "NX-2024");
    boxes(&world, 2).await;
    let mut last = None;
    for n in 0..11 {
        let id = Some(format!("slow-{n}"));
        let slow = NewBatch { id, per_second: Some(0.01), ..new(put(1), filter("WorkflowType = 'Box'")) };
        last = Some(world.engine.start_batch(slow).await);
    }
    assert_eq!(refusal(last.unwrap()).0, "NX-2062");
    let repeated = NewBatch { id: Some("slow-3".into()), ..new(put(5), filter("WorkflowType = 'None'")) };
    assert_eq!(world.engine.start_batch(repeated).await.unwrap().total, 2, "equal ids are one batch");
    assert_eq!(world.engine.batches().await.unwrap().len(), 10);
    world.stop().await;
}

/// One life of a process that works on a batch: until its writes are used up, or the batch is over.
async fn live(store: &Arc<MemoryStore>, clock: &SimClock, writes: usize) {
    let mortal = Arc::new(Mortal { inner: store.clone(), left: AtomicUsize::new(writes) });
    let world = World::on(mortal.clone(), clock.clone(), PROGRAM, Scripted::default()).await;
    let wanted = NewBatch { id: Some("b".into()), ..new(put(1), filter("WorkflowType = 'Box'")) };
    // An error says that the process has died; the caller asks again in the next life.
    let _ = world.engine.start_batch(wanted).await;
    let over = async {
        while mortal.left.load(Ordering::SeqCst) > 0 {
            if world.engine.batch("b").await.is_ok_and(|batch| !batch.is_open()) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    world.until(over).await;
    world.stop().await;
}

#[tokio::test]
async fn a_crash_after_every_write_sends_every_run_one_signal() {
    for first_life in 1..14 {
        let (store, clock) = (Arc::new(MemoryStore::new()), clock());
        let first = world(&store, &clock).await;
        let runs = boxes(&first, 6).await;
        first.stop().await;
        live(&store, &clock, first_life).await;
        live(&store, &clock, 3).await;
        live(&store, &clock, usize::MAX).await;
        let world = world(&store, &clock).await;
        let batch = world.engine.batch("b").await.unwrap();
        assert_eq!((batch.state, batch.total, batch.done, batch.failed), (BatchState::Completed, 6, 6, 0));
        for run in runs {
            let to = world.engine.address_of_run(&run).await.unwrap();
            let count = world.engine.query(&to, "Count", &json!([])).await.unwrap();
            assert_eq!(count, json!(1), "died after {first_life} writes");
        }
        world.stop().await;
    }
}

#[tokio::test]
async fn runs_are_reset_by_batch_whether_they_are_open_or_not() {
    let (store, clock) = (Arc::new(MemoryStore::new()), clock());
    let world = world(&store, &clock).await;
    let runs = boxes(&world, 3).await;
    done(&world, new(put(2), filter("WorkflowType = 'Box'"))).await;
    done(&world, new(BatchVerb::Terminate, Target::Runs { runs: runs[..1].to_vec(), position: 0 })).await;
    clock.advance(Duration::from_secs(1));
    let verb = BatchVerb::Reset { to: ResetPoint::FirstTask, exclude: Vec::new(), pinned: false };
    let batch = done(&world, new(verb, filter("WorkflowType = 'Box'"))).await;
    assert_eq!((batch.state, batch.done, batch.failed), (BatchState::Completed, 3, 0), "{batch:?}");
    for (n, run) in runs.iter().enumerate() {
        let to =
            world.engine.address_of_id(&WorkflowId::new(&format!("box-{n}")).unwrap(), None).await.unwrap();
        assert_ne!(world.engine.run_at(&to).await.unwrap(), *run, "another run has taken its place");
        assert_eq!(world.engine.query(&to, "Count", &json!([])).await.unwrap(), json!(2), "with its signal");
    }
}
