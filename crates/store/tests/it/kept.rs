//! Work whose traces can be checked afterwards: for each worker a key with numbered records, a run whose row tells the
//! number of the last one, a counter and, now and then, a blob.

use std::collections::BTreeMap;

use nexus_kernel::id::{Key, Namespace, RunId, WorkflowId};
use nexus_kernel::memory::rng::SeededRng;
use nexus_kernel::port::Store;
use nexus_kernel::port::StoreError;
use nexus_kernel::port::blob::Hash;
use nexus_kernel::port::event::Fact;
use nexus_kernel::port::kv::{KvCheck, KvCommit, KvWrite};
use nexus_kernel::port::log::{Append, Epoch};
use nexus_kernel::port::runs::RunRow;
use nexus_kernel::time::Timestamp;

/// Everything that was acknowledged: the last sequence and the counter of each worker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    pub(crate) sequences: BTreeMap<u64, u64>,
    pub(crate) counters: BTreeMap<u64, u64>,
}

impl Acknowledged {
    /// Notes a line of a child's report; other lines are the test harness talking.
    pub(crate) fn note(&mut self, line: &str) -> bool {
        let words: Vec<_> = line.split(' ').collect();
        let ["ack", kind, worker, number] = words[..] else { return false };
        let noted = if kind == "record" { &mut self.sequences } else { &mut self.counters };
        let previous = noted.insert(worker.parse().unwrap(), number.parse().unwrap());
        assert!(previous < Some(number.parse().unwrap()), "acknowledged twice: {line}");
        true
    }
}

pub(crate) fn key(worker: u64) -> Key {
    Key {
        namespace: Namespace::default(),
        workflow_id: WorkflowId::new(&format!("worker-{worker}")).unwrap(),
    }
}

/// The record of a place; it differs from all others in content and length.
pub(crate) fn record(worker: u64, sequence: u64) -> Vec<u8> {
    let filler = "é".repeat(usize::try_from((worker * 31 + sequence * 7) % 900).unwrap());
    format!("{{\"worker\":{worker},\"sequence\":{sequence},\"filler\":\"{filler}\"}}").into_bytes()
}

fn row(worker: u64, sequence: u64) -> RunRow {
    let started = RunRow::started(key(worker), run_id(worker), "kept", Timestamp::from_millis(1_000));
    RunRow { closed_at: Some(Timestamp::from_micros(i64::try_from(sequence).unwrap())), ..started }
}

fn run_id(worker: u64) -> RunId {
    RunId::generate(Timestamp::from_millis(1_000), &SeededRng::new(worker))
}

/// Goes on where the store ends, until `until` records are there or the store fails. Reports what is acknowledged.
pub(crate) async fn work(store: &dyn Store, worker: u64, epoch: Epoch, until: u64) -> Result<(), StoreError> {
    let mut sequence = store.read(&key(worker), 0).await?.len() as u64;
    while sequence < until {
        let element = Append {
            key: key(worker),
            expected: sequence,
            epoch,
            record: record(worker, sequence + 1),
            live: true,
            rows: vec![row(worker, sequence + 1)],
        };
        sequence = store.append(vec![element]).await?.remove(0).unwrap();
        println!("ack record {worker} {sequence}");
        if sequence.is_multiple_of(5) {
            count(store, worker, sequence).await?;
        }
    }
    Ok(())
}

/// The event that goes with a counter's value.
fn fact(worker: u64, number: u64) -> Fact {
    Fact {
        id: format!("{worker}/{number}"),
        source: "/kept".to_owned(),
        kind: "counted".to_owned(),
        subject: None,
        time: Timestamp::from_millis(1_000),
        data: number.into(),
        trace: None,
    }
}

/// Sets the worker's counter, and keeps a blob and an event of that number.
async fn count(store: &dyn Store, worker: u64, number: u64) -> Result<(), StoreError> {
    let (namespace, name) = (Namespace::default(), format!("counter-{worker}"));
    let version = store.kv_get(&namespace, &name).await?.map(|entry| entry.version);
    let checks = vec![KvCheck { key: name.clone(), version }];
    let writes = vec![KvWrite::Put { key: name, value: number.into() }];
    let outcome = store.kv_commit(&namespace, checks, writes).await?;
    assert!(matches!(outcome, KvCommit::Committed { .. }));
    store.blob_put(record(worker, number)).await?;
    store.event_append(&namespace, vec![fact(worker, number)]).await?;
    println!("ack counter {worker} {number}");
    Ok(())
}

/// Checks that everything acknowledged is there, that nothing is torn or missing in between, and that what was written
/// together is there together.
pub(crate) async fn verify(store: &dyn Store, acknowledged: &Acknowledged) {
    for (&worker, &last) in &acknowledged.sequences {
        let records = store.read(&key(worker), 0).await.unwrap();
        let there = records.len() as u64;
        assert!(there >= last, "worker {worker}: {last} records were acknowledged, {there} are there");
        for (number, stored) in (1..).zip(&records) {
            assert_eq!(stored.sequence, number, "worker {worker}: sequences are dense");
            assert_eq!(stored.record, record(worker, number), "worker {worker}, record {number}: torn");
        }
        let found = store.run(&run_id(worker)).await.unwrap();
        assert_eq!(found, Some(row(worker, there)), "the row belongs to the last record");
    }
    verify_counters(store, acknowledged).await;
}

async fn verify_counters(store: &dyn Store, acknowledged: &Acknowledged) {
    for (&worker, &number) in &acknowledged.counters {
        let entry = store.kv_get(&Namespace::default(), &format!("counter-{worker}")).await.unwrap().unwrap();
        assert!(entry.value.as_u64().unwrap() >= number, "the counter of worker {worker}");
        let bytes = record(worker, number);
        assert_eq!(store.blob_get(&Hash::of(&bytes)).await.unwrap(), Some(bytes));
        let event = store.event_get(&Namespace::default(), &format!("{worker}/{number}")).await.unwrap();
        assert_eq!(event.map(|event| event.fact), Some(fact(worker, number)));
    }
}
