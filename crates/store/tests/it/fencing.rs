//! Owners that do not know that they were replaced.

use nexus_kernel::id::Partition;
use nexus_kernel::port::kv::{Kv as _, KvCommit, KvWrite};
use nexus_kernel::port::log::{Append, Epoch, Log as _, Refused};
use nexus_kernel::testing::store_contract::append;
use nexus_store::SqliteStore;

use super::fixture::{fresh, open, wait};

async fn append_as(store: &SqliteStore, epoch: Epoch, expected: u64) -> Result<u64, Refused> {
    store.append(vec![Append { epoch, ..append("a", expected, "x") }]).await.unwrap().remove(0)
}

/// An owner is paused, another takes over, the first goes on: nothing it does has an effect, whatever it expects.
#[tokio::test]
async fn a_paused_owner_cannot_write_after_a_takeover() {
    let fresh = fresh();
    let (paused, successor) = (fresh.store.clone(), fresh.store.clone());
    let old = paused.acquire(0..Partition::COUNT, "paused").await.unwrap();
    assert_eq!(append_as(&paused, old, 0).await, Ok(1));
    let new = successor.acquire(0..Partition::COUNT, "successor").await.unwrap();
    assert_eq!(append_as(&successor, new, 1).await, Ok(2));
    for expected in [0, 1, 2, 3] {
        assert_eq!(append_as(&paused, old, expected).await, Err(Refused::StaleEpoch));
    }
    assert_eq!(append_as(&successor, new, 2).await, Ok(3));
}

/// Claims survive the process: one from before a restart is as stale as ever.
#[tokio::test]
async fn claims_survive_a_restart() {
    let fresh = fresh();
    let old = fresh.acquire(0..Partition::COUNT, "one").await.unwrap();
    let empty = fresh.acquire(9..9, "nobody").await.unwrap();
    fresh.close();
    let store = open(fresh.folder.path()).unwrap();
    assert_eq!(append_as(&store, old, 0).await, Ok(1), "nobody took over yet");
    let new = store.acquire(0..Partition::COUNT, "two").await.unwrap();
    assert!(new > empty, "{new:?} {empty:?}");
    assert_eq!(append_as(&store, old, 1).await, Err(Refused::StaleEpoch));
    assert_eq!(append_as(&store, new, 1).await, Ok(2));
}

/// Versions go on after a restart even when all that had them is deleted.
#[test]
fn versions_survive_a_restart() {
    let fresh = fresh();
    let namespace = nexus_kernel::id::Namespace::default();
    let put = || vec![KvWrite::Put { key: "k".to_owned(), value: 1.into() }];
    let delete = vec![KvWrite::Delete { key: "k".to_owned() }];
    wait(fresh.kv_commit(&namespace, Vec::new(), put())).unwrap();
    let deleted = wait(fresh.kv_commit(&namespace, Vec::new(), delete)).unwrap();
    assert_eq!(deleted, KvCommit::Committed { version: 2 });
    fresh.close();
    let store = open(fresh.folder.path()).unwrap();
    let again = wait(store.kv_commit(&namespace, Vec::new(), put())).unwrap();
    assert_eq!(again, KvCommit::Committed { version: 3 });
}
