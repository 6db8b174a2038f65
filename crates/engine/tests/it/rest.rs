//! Runs that only wait are let go of when many are in memory, and are read again when something happens to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nexus_engine::{StartRequest, testing};
use nexus_kernel::code;
use nexus_kernel::id::{Key, Namespace, Partition, WorkflowId};
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::log::{Append, Log as _};
use nexus_kernel::testing::faults::{Call, Fate, Faults, FaultyStore};
use nexus_kernel::time::Timestamp;
use serde_json::json;

use crate::support::{Scripted, World, definition};

const PROGRAM: &str = "\
workflow Box() -> (any):
    state:
        items = []
        condition done
    signal Add(i: int):
        append(items, i)
    signal Close(i: int):
        set done
    await timer(1h)
    append(items, \"an hour\")
    await done
    close complete(items)
";

/// Counts how often the records of a key are read.
#[derive(Default)]
struct Reads(AtomicUsize);

impl Faults for Reads {
    fn fate(&self, call: Call) -> Fate {
        if call == Call::Read {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
        Fate::WORKS
    }
}

/// The reads that so many runs cost which are each sent two messages, with so many waiting runs in memory.
async fn reads(runs: i64, resident_keys_max: usize) -> usize {
    let reads = Arc::new(Reads::default());
    let store =
        Arc::new(FaultyStore::new(Arc::new(MemoryStore::new()), Arc::clone(&reads) as Arc<dyn Faults>));
    let clock = SimClock::at(Timestamp::from_millis(1_000_000));
    let activities = Scripted::default();
    let world = World::keeping(resident_keys_max, (store, clock), definition(PROGRAM), activities).await;
    let mut started = Vec::new();
    for _ in 0..runs {
        started.push(world.start("Box", json!({})).await);
    }
    for number in 0..2 {
        for run in &started {
            let id = run.key.workflow_id.to_string();
            testing::signal(&world.engine, (&id, "Add"), number, &number.to_string()).await.unwrap();
        }
    }
    let read = reads.0.load(Ordering::SeqCst);
    for run in started {
        let id = run.key.workflow_id.to_string();
        testing::signal(&world.engine, (&id, "Close"), 2, "c").await.unwrap();
        let outcome = world.until(world.engine.end(run)).await.unwrap();
        assert_eq!(outcome.result.as_array().unwrap().len(), 3, "{}", outcome.result);
        assert_eq!(outcome.result[2], json!("an hour"));
    }
    world.stop().await;
    read
}

#[tokio::test]
async fn a_run_that_only_waits_is_let_go_of_and_read_again() {
    assert_eq!(reads(6, 0).await, 12, "every message finds its run in the store");
    assert_eq!(reads(6, 100).await, 0, "every message finds its run in memory");
    let some = reads(40, 20).await;
    assert!(some > 20, "of forty runs twenty stay, so most messages find theirs in the store: {some}");
}

/// A damaged history is told to whoever asks for it; the server and the other runs go on.
#[tokio::test]
async fn a_history_that_cannot_be_read_harms_nobody_else() {
    let store = Arc::new(MemoryStore::new());
    let key = Key { namespace: Namespace::default(), workflow_id: WorkflowId::new("broken").unwrap() };
    let epoch = store.acquire(0..Partition::COUNT, "a test").await.unwrap();
    let record = b"no record".to_vec();
    let append = Append { key: key.clone(), expected: 0, epoch, record, live: true, rows: Vec::new() };
    store.append(vec![append]).await.unwrap().remove(0).unwrap();
    let world =
        World::on(store, SimClock::at(Timestamp::from_millis(1_000_000)), PROGRAM, Scripted::default()).await;
    for number in 0..2 {
        let told = testing::signal(&world.engine, ("broken", "Add"), number, &number.to_string()).await;
        assert_eq!(told.unwrap_err().code().id, code::DATA_DAMAGED.id);
    }
    let start = StartRequest {
        workflow_id: Some(key.workflow_id),
        ..StartRequest::new(Namespace::default(), "Box", json!({}))
    };
    assert_eq!(world.engine.start(start).await.unwrap_err().code().id, code::DATA_DAMAGED.id);
    let other = world.start("Box", json!({})).await;
    let id = other.key.workflow_id.to_string();
    testing::signal(&world.engine, (&id, "Close"), 0, "c").await.unwrap();
    assert_eq!(world.until(world.engine.end(other)).await.unwrap().result, json!(["an hour"]));
    world.stop().await;
}
