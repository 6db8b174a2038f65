//! Random sequences of operations have the same answers on the store in memory and on the embedded one, which is closed
//! and opened again in between.

use nexus_kernel::id::{Key, Namespace, Partition, RunId, WorkflowId};
use nexus_kernel::memory::rng::SeededRng;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::Store;
use nexus_kernel::port::blob::Hash;
use nexus_kernel::port::event::{EventQuery, Fact, Prune, TypeFilter};
use nexus_kernel::port::kv::{KvCheck, KvWrite};
use nexus_kernel::port::log::{Append, Epoch, Trim};
use nexus_kernel::port::runs::{RunFilter, RunRow, RunStatus};
use nexus_kernel::time::Timestamp;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::fixture::{Fresh, fresh, open, wait};

#[derive(Debug, Clone)]
enum Operation {
    Append(Vec<Append>),
    Acquire(std::ops::Range<u16>),
    Read(Key, u64),
    Live(u64, usize),
    Trim(Trim),
    Run(RunId),
    Runs(RunFilter),
    KvGet(Namespace, String),
    KvList(Namespace, String, Option<String>, usize),
    KvCommit(Namespace, Vec<KvCheck>, Vec<KvWrite>),
    Event(OfEvents),
    BlobPut(Vec<u8>),
    BlobGet(Hash),
    Reopen,
}

#[derive(Debug, Clone)]
enum OfEvents {
    Append(Namespace, Vec<Fact>),
    Read(EventQuery),
    Get(Namespace, String),
    Prune(Namespace, Prune),
    Namespaces,
}

fn namespace() -> impl Strategy<Value = Namespace> {
    select(vec!["default", "team", "x"]).prop_map(|name| Namespace::new(name).unwrap())
}

fn key() -> impl Strategy<Value = Key> {
    (namespace(), select(vec!["a", "b", "ä🦀", "%"]))
        .prop_map(|(namespace, id)| Key { namespace, workflow_id: WorkflowId::new(id).unwrap() })
}

fn run_id() -> impl Strategy<Value = RunId> {
    (0..6_i64).prop_map(|number| RunId::generate(Timestamp::from_millis(number), &SeededRng::new(1)))
}

fn row() -> impl Strategy<Value = RunRow> {
    let times = (0..3_i64, of(any::<i64>()));
    (key(), run_id(), select(vec!["ship", "pay"]), select(RunStatus::ALL.to_vec()), times).prop_map(
        |(key, run_id, workflow, status, (started_at, closed_at))| RunRow {
            status,
            closed_at: closed_at.map(Timestamp::from_micros),
            ..RunRow::started(key, run_id, workflow, Timestamp::from_micros(started_at))
        },
    )
}

fn element() -> impl Strategy<Value = Append> {
    (key(), 0..6_u64, 0..5_u64, vec(any::<u8>(), 0..20), any::<bool>(), vec(row(), 0..3)).prop_map(
        |(key, expected, epoch, record, live, rows)| Append {
            key,
            expected,
            epoch: Epoch(epoch),
            record,
            live,
            rows,
        },
    )
}

fn text() -> impl Strategy<Value = String> {
    let few =
        select(vec!["", "a", "a/", "a/b", "a/é", "é", "%", "_", "\0", "\u{10ffff}"]).prop_map(str::to_owned);
    prop_oneof![3 => few, 1 => ".{0,3}"]
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    let number = any::<f64>().prop_map(|number| serde_json::json!(number));
    prop_oneof![
        number,
        any::<u64>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        ".*".prop_map(Into::into),
        vec((".*", any::<bool>()), 0..4).prop_map(|members| members.into_iter().collect()),
    ]
}

fn kv_commit() -> impl Strategy<Value = Operation> {
    let check = (text(), of(0..8_u64)).prop_map(|(key, version)| KvCheck { key, version });
    let write = prop_oneof![
        2 => (text(), value()).prop_map(|(key, value)| KvWrite::Put { key, value }),
        1 => text().prop_map(|key| KvWrite::Delete { key }),
    ];
    (namespace(), vec(check, 0..2), vec(write, 0..4))
        .prop_map(|(namespace, checks, writes)| Operation::KvCommit(namespace, checks, writes))
}

fn filter() -> impl Strategy<Value = RunFilter> {
    let workflow = of(select(vec!["ship", "pay"]).prop_map(str::to_owned));
    (of(namespace()), workflow, of(select(RunStatus::ALL.to_vec())), of(run_id()), 0..5_usize).prop_map(
        |(namespace, workflow, status, before, limit)| RunFilter {
            namespace,
            workflow,
            status,
            before,
            limit,
        },
    )
}

fn trim() -> impl Strategy<Value = Trim> {
    (key(), 0..5_u64, vec(1..6_u64, 0..4), vec(run_id(), 0..2))
        .prop_map(|(key, epoch, sequences, runs)| Trim { key, epoch: Epoch(epoch), sequences, runs })
}

fn event_id() -> impl Strategy<Value = String> {
    (0..12_u8).prop_map(|number| format!("é{number}"))
}

fn fact() -> impl Strategy<Value = Fact> {
    let kind = select(vec!["order.paid", "order.sent", "order", "user"]);
    (event_id(), kind, of(text()), 0..9_i64, value()).prop_map(|(id, kind, subject, time, data)| Fact {
        id,
        source: "/tests".to_owned(),
        kind: kind.to_owned(),
        subject: subject.map(|text| text.replace('\0', "")),
        time: Timestamp::from_micros(time),
        data,
        trace: None,
    })
}

fn event_query() -> impl Strategy<Value = EventQuery> {
    let kind = of(select(vec!["order.*", "order", "*", "user", "none*"]));
    (namespace(), 0..14_u64, kind, 0..5_usize).prop_map(|(namespace, after, kind, limit)| EventQuery {
        namespace,
        after,
        kind: kind.map(TypeFilter::parse),
        limit,
    })
}

fn prune() -> impl Strategy<Value = OfEvents> {
    (namespace(), of(0..9_i64), of(0..6_u64), 0..5_usize).prop_map(|(namespace, before, keep, limit)| {
        OfEvents::Prune(namespace, Prune { before: before.map(Timestamp::from_micros), keep, limit })
    })
}

fn of_events() -> impl Strategy<Value = OfEvents> {
    prop_oneof![
        4 => (namespace(), vec(fact(), 0..4)).prop_map(|(namespace, facts)| OfEvents::Append(namespace, facts)),
        2 => event_query().prop_map(OfEvents::Read),
        1 => (namespace(), event_id()).prop_map(|(namespace, id)| OfEvents::Get(namespace, id)),
        1 => prune(),
        1 => Just(OfEvents::Namespaces),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    let bytes = || vec(0..2_u8, 0..3);
    let partitions = (0..Partition::COUNT, 0..Partition::COUNT + 9).prop_map(|(from, to)| from..to);
    prop_oneof![
        8 => vec(element(), 0..6).prop_map(Operation::Append),
        1 => partitions.prop_map(Operation::Acquire),
        2 => trim().prop_map(Operation::Trim),
        2 => (key(), 0..4_u64).prop_map(|(key, after)| Operation::Read(key, after)),
        2 => (0..8_u64, 0..5_usize).prop_map(|(after, limit)| Operation::Live(after, limit)),
        1 => run_id().prop_map(Operation::Run),
        3 => filter().prop_map(Operation::Runs),
        1 => (namespace(), text()).prop_map(|(namespace, key)| Operation::KvGet(namespace, key)),
        2 => (namespace(), text(), of(text()), 0..5_usize)
            .prop_map(|(namespace, prefix, after, limit)| Operation::KvList(namespace, prefix, after, limit)),
        4 => kv_commit(),
        9 => of_events().prop_map(Operation::Event),
        1 => bytes().prop_map(Operation::BlobPut),
        1 => bytes().prop_map(|bytes| Operation::BlobGet(Hash::of(&bytes))),
        1 => Just(Operation::Reopen),
    ]
}

/// The answer as text: everything a caller can see of it.
async fn carry_out(store: &dyn Store, operation: Operation) -> String {
    match operation {
        Operation::Append(batch) => format!("{:?}", store.append(batch).await.unwrap()),
        Operation::Acquire(partitions) => format!("{:?}", store.acquire(partitions, "me").await.unwrap()),
        Operation::Read(key, after) => format!("{:?}", store.read(&key, after).await.unwrap()),
        Operation::Live(after, limit) => format!("{:?}", store.live(after, limit).await.unwrap()),
        Operation::Trim(trim) => format!("{:?}", store.trim(trim).await.unwrap()),
        Operation::Run(run_id) => format!("{:?}", store.run(&run_id).await.unwrap()),
        Operation::Runs(filter) => format!("{:?}", store.runs(filter.into()).await.unwrap()),
        Operation::KvGet(namespace, key) => format!("{:?}", store.kv_get(&namespace, &key).await.unwrap()),
        Operation::KvList(namespace, prefix, after, limit) => {
            format!("{:?}", store.kv_list(&namespace, &prefix, after.as_deref(), limit).await.unwrap())
        }
        Operation::KvCommit(namespace, checks, writes) => {
            format!("{:?}", store.kv_commit(&namespace, checks, writes).await.unwrap())
        }
        Operation::Event(of) => carry_out_event(store, of).await,
        Operation::BlobPut(bytes) => format!("{:?}", store.blob_put(bytes).await.unwrap()),
        Operation::BlobGet(hash) => format!("{:?}", store.blob_get(&hash).await.unwrap()),
        Operation::Reopen => String::new(),
    }
}

async fn carry_out_event(store: &dyn Store, operation: OfEvents) -> String {
    match operation {
        OfEvents::Append(namespace, facts) => {
            format!("{:?}", store.event_append(&namespace, facts).await.unwrap())
        }
        OfEvents::Read(query) => format!("{:?}", store.event_read(query).await.unwrap()),
        OfEvents::Get(namespace, id) => {
            format!("{:?}", store.event_get(&namespace, &id).await.unwrap())
        }
        OfEvents::Prune(namespace, prune) => {
            format!("{:?}", store.event_prune(&namespace, prune).await.unwrap())
        }
        OfEvents::Namespaces => format!("{:?}", store.event_namespaces().await.unwrap()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_stores_give_the_same_answers(operations in vec(operation(), 1..60)) {
        let memory = MemoryStore::new();
        let Fresh { mut store, folder } = fresh();
        for operation in operations {
            if matches!(operation, Operation::Reopen) {
                store.close();
                store = open(folder.path()).unwrap();
            }
            let expected = wait(carry_out(&memory, operation.clone()));
            let answer = wait(carry_out(&store, operation.clone()));
            prop_assert_eq!(answer, expected, "{:?}", operation);
        }
    }
}
