//! Deleting closed runs, by hand and when their time is over.

use std::sync::Arc;
use std::time::Duration;

use nexus_engine::namespaces::Settings;
use nexus_kernel::code;
use nexus_kernel::id::WorkflowId;
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::log::Log as _;
use nexus_kernel::port::runs::{RunFilter, RunStatus};
use nexus_kernel::time::Timestamp;
use serde_json::json;

use crate::support::{Scripted, World, request};

const PROGRAM: &str = "\
workflow Wait(n: int) -> (int):
    await timer(1h)
    close complete(n)

workflow Count(n: int) -> (int):
    await timer(1s)
    if (n == 0):
        close complete(0)
    close continue_as_new(n - 1)
";

async fn world(store: &Arc<MemoryStore>) -> World {
    let clock = SimClock::at(Timestamp::from_millis(1_000_000_000));
    World::on(store.clone(), clock, PROGRAM, Scripted::default()).await
}

async fn listed(world: &World) -> Vec<RunStatus> {
    let all = world.engine.list(RunFilter { limit: 100, ..RunFilter::default() }).await.unwrap();
    all.into_iter().map(|row| row.status).collect()
}

#[tokio::test]
async fn an_open_run_is_kept_and_a_closed_one_is_gone_for_good() {
    let store = Arc::new(MemoryStore::new());
    let world = world(&store).await;
    let mut wanted = request("Wait", json!({ "n": 1 }));
    wanted.workflow_id = Some(WorkflowId::new("w").unwrap());
    let started = world.engine.start(wanted.clone()).await.unwrap();
    let (run, key) = (started.run_id.clone(), started.key.clone());
    assert_eq!(world.engine.delete(&run).await.unwrap_err().code(), &code::RUN_OPEN);
    world.until(world.engine.end(started)).await.unwrap();
    world.engine.delete(&run).await.unwrap();
    assert_eq!(world.engine.show(&run).await.unwrap_err().code(), &code::RUN_UNKNOWN);
    assert_eq!(world.engine.delete(&run).await.unwrap_err().code(), &code::RUN_UNKNOWN);
    assert!(store.read(&key, 0).await.unwrap().is_empty());
    // The id begins anew.
    let again = world.engine.start(wanted).await.unwrap();
    assert_eq!(world.until(world.engine.end(again)).await.unwrap().status, RunStatus::Completed);
    world.stop().await;
}

/// Runs of a chain share records, so the older ones go first; what is left reads as before, also after a restart.
#[tokio::test]
async fn a_chain_is_deleted_from_its_beginning() {
    let store = Arc::new(MemoryStore::new());
    let world = world(&store).await;
    let outcome = world.run("Count", json!({ "n": 2 })).await;
    let all = world.engine.list(RunFilter { limit: 9, ..RunFilter::default() }).await.unwrap();
    let [last, second, first] = &all[..] else { panic!("{all:?}") };
    assert_eq!(last.run_id, outcome.run_id);
    let refused = world.engine.delete(&second.run_id).await.unwrap_err();
    assert!(refused.message().contains(first.run_id.as_str()), "{refused}");
    world.engine.delete(&first.run_id).await.unwrap();
    let history = world.engine.history(&second.run_id).await.unwrap().events.len();
    world.engine.delete(&second.run_id).await.unwrap();
    assert!(history > 2);
    assert_eq!(world.engine.show(&last.run_id).await.unwrap().row, *last);
    let (clock, key) = (world.clock.clone(), last.key.clone());
    world.stop().await;
    let world = World::on(store.clone(), clock, PROGRAM, Scripted::default()).await;
    assert_eq!(world.engine.show(&last.run_id).await.unwrap().row, *last);
    world.engine.delete(&last.run_id).await.unwrap();
    assert!(store.read(&key, 0).await.unwrap().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn closed_runs_go_when_their_time_is_over() {
    let store = Arc::new(MemoryStore::new());
    let world = world(&store).await;
    let mut settings = Settings::default();
    settings.default.retention = Some(Duration::from_mins(30));
    world.engine.configure(settings);
    world.run("Count", json!({ "n": 3 })).await;
    assert_eq!(listed(&world).await.len(), 4);
    // A run that is open for longer is kept, and time goes on while it waits.
    let waiting = world.start("Wait", json!({ "n": 1 })).await;
    world.until(world.engine.end(waiting)).await.unwrap();
    assert_eq!(listed(&world).await, [RunStatus::Completed], "only the one that closed just now");
    world.stop().await;
}
