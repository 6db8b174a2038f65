//! The store that seals keeps the contracts of every store, and what it was given is nowhere in its files.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use nexus_kernel::id::{Key, Namespace, Partition, RunId, WorkflowId};
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::rng::SeededRng;
use nexus_kernel::port::StoreError;
use nexus_kernel::port::event::{EventQuery, Events as _, Fact};
use nexus_kernel::port::kv::{Kv, KvCommit, KvWrite};
use nexus_kernel::port::log::{Append, Log as _};
use nexus_kernel::port::object::{Kept, Objects as _};
use nexus_kernel::port::parked::Parked as _;
use nexus_kernel::port::runs::{RunRow, Runs as _};
use nexus_kernel::time::Timestamp;
use nexus_store::{Keyring, MasterKey, Masters, SealedStore, Sealing, SqliteStore};
use serde_json::json;

use super::fixture::{Fresh, open, wait};

const CANARY: &str = "canary-4f1d";

/// A store that seals everything, with its folder.
struct Sealed {
    store: SealedStore<SqliteStore>,
    fresh: Fresh,
}

impl Deref for Sealed {
    type Target = SealedStore<SqliteStore>;

    fn deref(&self) -> &SealedStore<SqliteStore> {
        &self.store
    }
}

/// Tests have a runtime already, so the keys are opened on a thread of their own.
fn fresh() -> Sealed {
    let fresh = super::fixture::fresh();
    let store = fresh.store.clone();
    let opening = std::thread::spawn(|| wait(sealed(store, masters(1, &[]), Sealing::Everything)));
    Sealed { store: opening.join().unwrap().unwrap(), fresh }
}

fn master(seed: u64) -> MasterKey {
    MasterKey::parse(&MasterKey::generate(&SeededRng::new(seed))).unwrap()
}

fn masters(current: u64, previous: &[u64]) -> Masters {
    Masters { current: master(current), previous: previous.iter().map(|seed| master(*seed)).collect() }
}

async fn keyring(store: &SqliteStore, masters: Masters) -> Result<Keyring, nexus_kernel::error::Error> {
    let kv: Arc<dyn Kv> = Arc::new(store.clone());
    let (clock, rng) = (SimClock::at(Timestamp::from_millis(1)), SeededRng::new(3));
    Keyring::open(kv, masters, Arc::new(clock), Arc::new(rng), true).await
}

async fn sealed(
    store: SqliteStore,
    masters: Masters,
    sealing: Sealing,
) -> Result<SealedStore<SqliteStore>, nexus_kernel::error::Error> {
    let keyring = keyring(&store, masters).await?;
    Ok(SealedStore::new(store, keyring, sealing))
}

nexus_kernel::store_contract!(fresh);
nexus_kernel::function_store_contract!(fresh);
nexus_kernel::event_contract!(fresh);

fn team() -> Namespace {
    Namespace::new("team").unwrap()
}

async fn put(store: &impl Kv, namespace: &Namespace, key: &str, value: serde_json::Value) {
    let write = KvWrite::Put { key: key.to_owned(), value };
    let commit = store.kv_commit(namespace, Vec::new(), vec![write]).await.unwrap();
    assert!(matches!(commit, KvCommit::Committed { .. }));
}

async fn value(store: &impl Kv, namespace: &Namespace, key: &str) -> Result<serde_json::Value, StoreError> {
    Ok(store.kv_get(namespace, key).await?.unwrap().value)
}

fn files_hold(folder: &Path, needle: &[u8]) -> bool {
    let files = std::fs::read_dir(folder).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
    files.into_iter().any(|bytes| bytes.windows(needle.len()).any(|window| window == needle))
}

fn row(key: &Key, memo: serde_json::Value) -> RunRow {
    let run_id = RunId::generate(Timestamp::from_millis(7), &SeededRng::new(7));
    RunRow { memo, ..RunRow::started(key.clone(), run_id, "pay", Timestamp::from_millis(7)) }
}

async fn fill(store: &SealedStore<SqliteStore>) -> (Key, RunId, nexus_kernel::port::blob::Hash) {
    let key = Key { namespace: team(), workflow_id: WorkflowId::new("order-1").unwrap() };
    let epoch = store.acquire(0..Partition::COUNT, "me").await.unwrap();
    let row = row(&key, json!({ "card": CANARY }));
    let run = row.run_id.clone();
    let record = CANARY.as_bytes().to_vec();
    let append = Append { key: key.clone(), expected: 0, epoch, record, live: true, rows: vec![row] };
    assert_eq!(store.append(vec![append]).await.unwrap(), vec![Ok(1)]);
    put(store, &team(), "state", json!({ "card": CANARY })).await;
    let fact = Fact {
        id: "1".into(),
        source: "/".into(),
        kind: "paid".into(),
        subject: None,
        time: Timestamp::from_millis(1),
        data: json!(CANARY),
        trace: None,
    };
    store.event_append(&team(), vec![fact]).await.unwrap();
    let Kept::At(object) = store.object_put(&team(), CANARY.into(), 1_000).await.unwrap() else { panic!() };
    store.parked_save("one", CANARY.into()).await.unwrap();
    (key, run, object)
}

#[tokio::test]
async fn what_was_given_is_nowhere_in_the_files_and_comes_back() {
    let store = fresh();
    let (key, run, object) = fill(&store).await;
    assert!(!files_hold(store.fresh.folder.path(), CANARY.as_bytes()));
    assert!(files_hold(store.fresh.folder.path(), b"order-1"), "names are found");

    assert_eq!(store.read(&key, 0).await.unwrap()[0].record, CANARY.as_bytes());
    assert_eq!(store.live(0, 9).await.unwrap()[0].records[0].record, CANARY.as_bytes());
    assert_eq!(store.run(&run).await.unwrap().unwrap().memo, json!({ "card": CANARY }));
    assert_eq!(value(&*store, &team(), "state").await.unwrap(), json!({ "card": CANARY }));
    let query = EventQuery { namespace: team(), after: 0, kind: None, limit: 9 };
    assert_eq!(store.event_read(query).await.unwrap().events[0].fact.data, json!(CANARY));
    assert_eq!(store.event_get(&team(), "1").await.unwrap().unwrap().fact.data, json!(CANARY));
    assert_eq!(store.object_get(&team(), &object).await.unwrap().unwrap(), CANARY.as_bytes());
    assert_eq!(store.parked_load("one").await.unwrap().unwrap(), CANARY.as_bytes());
    // Equal bytes are one object, whose id says nothing about them.
    let Kept::At(again) = store.object_put(&team(), CANARY.into(), 1_000).await.unwrap() else { panic!() };
    assert_eq!(again, object);
    assert_ne!(object, nexus_kernel::port::blob::Hash::of(CANARY.as_bytes()));
}

#[tokio::test]
async fn a_new_key_seals_and_an_old_one_opens() {
    let store = fresh();
    let (key, ..) = fill(&store).await;
    let keyring = keyring(&store.fresh.store, masters(1, &[])).await.unwrap();
    let rotated = SealedStore::new(store.fresh.store.clone(), keyring.clone(), Sealing::Everything);
    assert_eq!(keyring.rotate(&team()).await.unwrap(), 2);
    put(&rotated, &team(), "later", json!(2)).await;
    assert_eq!(rotated.read(&key, 0).await.unwrap()[0].record, CANARY.as_bytes());
    assert_eq!(value(&rotated, &team(), "later").await.unwrap(), json!(2));
    let described = keyring.describe();
    let of_team = described.iter().find(|ring| ring.namespace == team()).unwrap();
    assert_eq!((of_team.current, of_team.keys), (2, 2));
    // Whoever has only the first key cannot read what the second sealed.
    assert!(matches!(value(&*store, &team(), "later").await, Err(StoreError::Damaged(_))));
}

#[tokio::test]
async fn master_keys_change_hands_and_a_wrong_one_opens_nothing() {
    let fresh = super::fixture::fresh();
    let first = sealed(fresh.store.clone(), masters(1, &[]), Sealing::Everything).await.unwrap();
    put(&first, &team(), "a", json!(CANARY)).await;
    assert!(Keyring::is_needed(&fresh.store).await.unwrap());

    let wrong = keyring(&fresh.store, masters(2, &[])).await.err().unwrap();
    assert_eq!(wrong.code().id, "NX-2093");
    assert!(wrong.message().contains(master(1).id()), "{}", wrong.message());

    let second = sealed(fresh.store.clone(), masters(2, &[1]), Sealing::Everything).await.unwrap();
    assert_eq!(value(&second, &team(), "a").await.unwrap(), json!(CANARY));
    // The data keys are sealed with the second one now, so the first is not needed any more and opens nothing.
    let alone = sealed(fresh.store.clone(), masters(2, &[]), Sealing::Everything).await.unwrap();
    assert_eq!(value(&alone, &team(), "a").await.unwrap(), json!(CANARY));
    assert!(keyring(&fresh.store, masters(1, &[])).await.is_err());
}

#[tokio::test]
async fn a_namespace_is_sealed_with_keys_of_its_own() {
    let fresh = super::fixture::fresh();
    let some = Sealing::Some([team()].into());
    let store = sealed(fresh.store.clone(), masters(1, &[]), some).await.unwrap();
    let other = Namespace::new("other").unwrap();
    put(&store, &team(), "a", json!(CANARY)).await;
    let kept = value(&fresh.store, &team(), "a").await.unwrap();
    // Not sealed, but looks as if it were: given back as it is, and nobody else's.
    put(&store, &other, "a", kept.clone()).await;
    put(&store, &other, "plain", json!("plain")).await;
    assert_eq!(value(&store, &other, "a").await.unwrap(), kept);
    assert_eq!(value(&fresh.store, &other, "plain").await.unwrap(), json!("plain"));
    let key = Key { namespace: other.clone(), workflow_id: WorkflowId::new("order-1").unwrap() };
    let epoch = store.acquire(0..Partition::COUNT, "me").await.unwrap();
    let row = row(&key, kept.clone());
    let run = row.run_id.clone();
    let append = Append { key, expected: 0, epoch, record: b"1".to_vec(), live: true, rows: vec![row] };
    assert_eq!(store.append(vec![append]).await.unwrap(), vec![Ok(1)]);
    assert_eq!(store.run(&run).await.unwrap().unwrap().memo, kept);
    // Moved by somebody who can write to the file.
    put(&fresh.store, &other, "b", kept.clone()).await;
    put(&fresh.store, &team(), "b", kept).await;
    for namespace in [&other, &team()] {
        assert!(matches!(value(&store, namespace, "b").await, Err(StoreError::Damaged(_))));
    }
}

#[tokio::test]
async fn what_was_kept_before_there_were_keys_is_read_and_what_was_sealed_stays_readable() {
    let fresh = super::fixture::fresh();
    put(&fresh.store, &team(), "old", json!({ "a": 1 })).await;
    let store = sealed(fresh.store.clone(), masters(1, &[]), Sealing::Everything).await.unwrap();
    assert_eq!(value(&store, &team(), "old").await.unwrap(), json!({ "a": 1 }));
    put(&store, &team(), "new", json!(2)).await;
    drop(store);
    let off = sealed(fresh.store.clone(), masters(1, &[]), Sealing::Nothing).await.unwrap();
    assert_eq!(value(&off, &team(), "new").await.unwrap(), json!(2));
    put(&off, &team(), "newer", json!(3)).await;
    assert_eq!(value(&fresh.store, &team(), "newer").await.unwrap(), json!(3));
}

#[test]
fn keys_are_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..2 {
        let store = open(folder.path()).unwrap();
        wait(async {
            let sealed = sealed(store.clone(), masters(1, &[]), Sealing::Everything).await.unwrap();
            if round == 0 {
                put(&sealed, &team(), "a", json!(CANARY)).await;
            }
            assert_eq!(value(&sealed, &team(), "a").await.unwrap(), json!(CANARY));
        });
        store.close();
    }
}
