//! The check that every history replays can fail.

use std::sync::Arc;

use nexus_engine::testing::unreplayable;
use nexus_kernel::id::Partition;
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::SharedStore;
use nexus_kernel::port::log::Append;
use nexus_kernel::port::runs::RunFilter;
use nexus_kernel::time::Timestamp;
use serde_json::json;

use crate::support::{Scripted, World, echo};

const PROGRAM: &str = "\
workflow Two(n: int) -> (int):
    activity Do(n) -> a
    activity Do(a) -> b
    return b

activity Do(n: int) -> (int):
    ...
";

/// A store with the runs of another one, whose records are changed on the way.
async fn copied(from: &SharedStore, change: impl Fn(String) -> String) -> SharedStore {
    let to: SharedStore = Arc::new(MemoryStore::new());
    let epoch = to.acquire(0..Partition::COUNT, "the test").await.unwrap();
    for row in from.runs(RunFilter { limit: 9, ..RunFilter::default() }.into()).await.unwrap() {
        to.blob_put(from.blob_get(row.definition.as_ref().unwrap()).await.unwrap().unwrap()).await.unwrap();
        for stored in from.read(&row.key, 0).await.unwrap() {
            let record = change(String::from_utf8(stored.record).unwrap()).into_bytes();
            let (key, expected, rows) = (row.key.clone(), stored.sequence - 1, vec![row.clone()]);
            to.append(vec![Append { key, expected, epoch, record, live: false, rows }]).await.unwrap();
        }
    }
    to
}

#[tokio::test]
async fn a_history_that_its_program_does_not_make_is_found() {
    let store: SharedStore = Arc::new(MemoryStore::new());
    let clock = SimClock::at(Timestamp::from_millis(1_000_000));
    let world = World::on(Arc::clone(&store), clock, PROGRAM, Scripted::default().with("Do", echo)).await;
    world.run("Two", json!({ "n": 1 })).await;
    assert!(unreplayable(&copied(&store, |record| record).await).await.is_empty());
    let other = copied(&store, |record| record.replace("\"activity\":\"Do\"", "\"activity\":\"Else\"")).await;
    let found = unreplayable(&other).await;
    assert!(found.len() == 1 && found[0].contains("Two"), "{found:?}");
}
