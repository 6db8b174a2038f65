//! What every store promises, as tests over `&dyn Store`. [`crate::store_contract!`] turns them into test functions.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test body fails by panicking")]
#![expect(
    clippy::cognitive_complexity,
    reason = "assertions in a row count as branches, and are read in a row"
)]

use crate::id::Partition;
use crate::id::{Key, Namespace, RunId, WorkflowId};
use crate::memory::rng::SeededRng;
use crate::port::Store;
use crate::port::blob::Hash;
use crate::port::log::{Append, Epoch, Refused};
use crate::port::runs::{RunFilter, RunRow, RunStatus};
use crate::time::Timestamp;

pub use super::kv_contract::*;
pub use super::visibility_contract::*;

/// One asynchronous test per rule of the store contract. `$fresh()` gives something that dereferences to an empty store.
#[macro_export]
macro_rules! store_contract {
    ($fresh:path) => {
        $crate::store_contract!($fresh;
            records_are_numbered_per_key,
            a_wrong_expectation_is_refused,
            a_refused_record_leaves_the_rest_of_its_batch,
            a_batch_may_continue_its_own_keys,
            an_empty_batch_is_answered,
            records_keep_their_bytes,
            an_older_claim_is_refused,
            claims_are_per_partition,
            live_keys_come_in_order_of_creation,
            a_key_stops_being_live_and_begins_again,
            rows_are_written_with_their_record,
            rows_replace_rows,
            runs_are_filtered,
            runs_are_paged_newest_first,
            values_are_kept_by_namespace,
            a_commit_happens_whole_or_not_at_all,
            versions_grow_and_are_never_reused,
            values_keep_their_numbers_and_order,
            lists_are_in_key_order_after_a_key,
            prefixes_of_any_text_are_found,
            blobs_are_found_by_their_hash,
            rows_keep_everything,
            filters_find_what_fits,
            lists_have_the_order_that_is_asked_for,
            pages_are_stable_under_inserts,
            counts_are_grouped,
            attribute_types_are_those_of_the_first_use,
            trimmed_records_are_gone_and_sequences_go_on,
            blobs_of_listed_runs_are_not_released,
            bytes_are_counted_by_namespace,
        );
    };
    ($fresh:path; $($rule:ident),* $(,)?) => {
        $(#[tokio::test]
        async fn $rule() {
            let store = $fresh();
            $crate::testing::store_contract::$rule(&*store).await;
        })*
    };
}

/// A key in the namespace `default`.
pub fn key(workflow_id: &str) -> Key {
    Key { namespace: Namespace::default(), workflow_id: WorkflowId::new(workflow_id).unwrap() }
}

/// A live record without rows under the first claim.
pub fn append(workflow_id: &str, expected: u64, record: &str) -> Append {
    Append {
        key: key(workflow_id),
        expected,
        epoch: Epoch(1),
        record: record.as_bytes().to_vec(),
        live: true,
        rows: Vec::new(),
    }
}

/// A running run; `number` makes its id and its start time.
pub fn row(number: i64, namespace: &str, workflow: &str) -> RunRow {
    let started_at = Timestamp::from_millis(number * 1_000);
    let key = Key {
        namespace: Namespace::new(namespace).unwrap(),
        workflow_id: WorkflowId::new(&format!("{workflow}-{number}")).unwrap(),
    };
    let run_id = RunId::generate(started_at, &SeededRng::new(u64::try_from(number).unwrap()));
    RunRow::started(key, run_id, workflow, started_at)
}

pub(super) async fn append_one(store: &dyn Store, append: Append) -> Result<u64, Refused> {
    store.append(vec![append]).await.unwrap().remove(0)
}

async fn texts(store: &dyn Store, workflow_id: &str, after: u64) -> Vec<(u64, String)> {
    let records = store.read(&key(workflow_id), after).await.unwrap();
    records.into_iter().map(|stored| (stored.sequence, String::from_utf8(stored.record).unwrap())).collect()
}

/// Sequences begin at 1 and count for each key alone.
pub async fn records_are_numbered_per_key(store: &dyn Store) {
    store.acquire(0..Partition::COUNT, "me").await.unwrap();
    assert_eq!(append_one(store, append("a", 0, "one")).await, Ok(1));
    assert_eq!(append_one(store, append("a", 1, "two")).await, Ok(2));
    assert_eq!(append_one(store, append("b", 0, "other")).await, Ok(1));
    assert_eq!(append_one(store, append("a", 2, "three")).await, Ok(3));
    let all = [(1, "one".to_owned()), (2, "two".to_owned()), (3, "three".to_owned())];
    assert_eq!(texts(store, "a", 0).await, all);
    assert_eq!(texts(store, "a", 2).await, all[2..]);
    assert!(texts(store, "a", 3).await.is_empty());
    assert!(texts(store, "a", u64::MAX).await.is_empty());
    assert!(texts(store, "never written", 0).await.is_empty());
}

/// The expectation is checked against the key's last sequence, which the refusal tells.
pub async fn a_wrong_expectation_is_refused(store: &dyn Store) {
    store.acquire(0..Partition::COUNT, "me").await.unwrap();
    assert_eq!(append_one(store, append("a", 1, "x")).await, Err(Refused::Conflict { actual: 0 }));
    assert_eq!(append_one(store, append("a", u64::MAX, "x")).await, Err(Refused::Conflict { actual: 0 }));
    assert_eq!(append_one(store, append("a", 0, "one")).await, Ok(1));
    assert_eq!(append_one(store, append("a", 0, "x")).await, Err(Refused::Conflict { actual: 1 }));
    assert_eq!(append_one(store, append("a", 2, "x")).await, Err(Refused::Conflict { actual: 1 }));
    assert_eq!(texts(store, "a", 0).await, [(1, "one".to_owned())]);
}

/// Each element of a batch succeeds or is refused on its own.
pub async fn a_refused_record_leaves_the_rest_of_its_batch(store: &dyn Store) {
    let Epoch(old) = store.acquire(0..Partition::COUNT, "first").await.unwrap();
    let epoch = store.acquire(0..Partition::COUNT, "second").await.unwrap();
    let mine = |id, expected| Append { epoch, ..append(id, expected, "x") };
    let stale = Append { epoch: Epoch(old), ..append("c", 0, "x") };
    let answers = store.append(vec![mine("a", 0), mine("b", 7), stale, mine("d", 0)]).await.unwrap();
    let expected = [Ok(1), Err(Refused::Conflict { actual: 0 }), Err(Refused::StaleEpoch), Ok(1)];
    assert_eq!(answers, expected);
    let mut counts = Vec::new();
    for id in ["a", "b", "c", "d"] {
        counts.push(texts(store, id, 0).await.len());
    }
    assert_eq!(counts, [1, 0, 0, 1]);
}

/// Elements see the elements before them.
pub async fn a_batch_may_continue_its_own_keys(store: &dyn Store) {
    store.acquire(0..Partition::COUNT, "me").await.unwrap();
    let batch = vec![append("a", 0, "1"), append("b", 0, "1"), append("a", 1, "2"), append("a", 1, "again")];
    let answers = store.append(batch).await.unwrap();
    assert_eq!(answers, [Ok(1), Ok(1), Ok(2), Err(Refused::Conflict { actual: 2 })]);
    assert_eq!(texts(store, "a", 0).await.len(), 2);
}

/// Nothing to do is no error.
pub async fn an_empty_batch_is_answered(store: &dyn Store) {
    assert_eq!(store.append(Vec::new()).await.unwrap(), []);
}

/// Records are bytes: text, text with zero bytes, no text at all, nothing.
pub async fn records_keep_their_bytes(store: &dyn Store) {
    store.acquire(0..Partition::COUNT, "me").await.unwrap();
    let large = vec![0; 70_000];
    let records: [&[u8]; 5] = ["{\"ü\":1}".as_bytes(), b"a\0b", &[0xff, 0xfe, 0], b"", &large];
    for (sequence, bytes) in (0..).zip(records) {
        let element = Append { record: bytes.to_vec(), ..append("bytes", sequence, "") };
        assert_eq!(append_one(store, element).await, Ok(sequence + 1));
    }
    let back = store.read(&key("bytes"), 0).await.unwrap();
    assert_eq!(back.iter().map(|stored| stored.record.as_slice()).collect::<Vec<_>>(), records);
}

/// A newer claim fences off everything that carries an older one.
pub async fn an_older_claim_is_refused(store: &dyn Store) {
    let first = store.acquire(0..Partition::COUNT, "first").await.unwrap();
    let with = |epoch, expected| Append { epoch, ..append("a", expected, "x") };
    assert_eq!(append_one(store, with(first, 0)).await, Ok(1));
    let second = store.acquire(0..Partition::COUNT, "second").await.unwrap();
    assert!(second > first);
    assert_eq!(append_one(store, with(first, 1)).await, Err(Refused::StaleEpoch));
    assert_eq!(append_one(store, with(first, 9)).await, Err(Refused::StaleEpoch), "before any conflict");
    assert_eq!(append_one(store, with(second, 1)).await, Ok(2));
}

/// A claim over some partitions leaves the owner of the others alone.
pub async fn claims_are_per_partition(store: &dyn Store) {
    let first = store.acquire(0..Partition::COUNT, "first").await.unwrap();
    let half = Partition::COUNT / 2;
    let ids: Vec<_> = (0..40).map(|number| format!("id-{number}")).collect();
    let second = store.acquire(0..half, "second").await.unwrap();
    let nothing = store.acquire(7..7, "third").await.unwrap();
    assert!(nothing > second, "a claim over nothing still is a claim of its own");
    for id in &ids {
        let taken = key(id).partition().0 < half;
        let old = append_one(store, Append { epoch: first, ..append(id, 0, "old") }).await;
        assert_eq!(old, if taken { Err(Refused::StaleEpoch) } else { Ok(1) }, "{id}");
        let new = append_one(store, Append { epoch: second, ..append(id, u64::from(!taken), "new") }).await;
        assert!(new.is_ok(), "{id}: a newer claim than the owner's is no stale one");
    }
}

async fn live_ids(store: &dyn Store, after: u64, limit: usize) -> Vec<(u64, String, usize)> {
    let keys = store.live(after, limit).await.unwrap();
    keys.into_iter().map(|live| (live.cursor, live.key.workflow_id.to_string(), live.records.len())).collect()
}

/// Live keys are paged by their cursor, each with all its records.
pub async fn live_keys_come_in_order_of_creation(store: &dyn Store) {
    store.acquire(0..Partition::COUNT, "me").await.unwrap();
    for id in ["m", "z", "a", "q"] {
        append_one(store, append(id, 0, "one")).await.unwrap();
    }
    append_one(store, append("z", 1, "two")).await.unwrap();
    let all = live_ids(store, 0, 10).await;
    assert_eq!(all.iter().map(|(_, id, _)| id.as_str()).collect::<Vec<_>>(), ["m", "z", "a", "q"]);
    assert_eq!(all.iter().map(|(_, _, records)| *records).collect::<Vec<_>>(), [1, 2, 1, 1]);
    let first = live_ids(store, 0, 3).await;
    assert_eq!(first, all[..3]);
    assert_eq!(live_ids(store, first[2].0, 3).await, all[3..]);
    assert!(live_ids(store, all[3].0, 3).await.is_empty());
    assert!(live_ids(store, u64::MAX, 3).await.is_empty());
    assert!(live_ids(store, 0, 0).await.is_empty());
    let z = &store.live(0, 2).await.unwrap()[1];
    assert_eq!(z.records.iter().map(|stored| stored.sequence).collect::<Vec<_>>(), [1, 2]);
}

/// The last record decides whether a key is live; its place stays that of its creation.
pub async fn a_key_stops_being_live_and_begins_again(store: &dyn Store) {
    store.acquire(0..Partition::COUNT, "me").await.unwrap();
    let done = |id, expected| Append { live: false, ..append(id, expected, "done") };
    append_one(store, append("a", 0, "one")).await.unwrap();
    append_one(store, append("b", 0, "one")).await.unwrap();
    append_one(store, done("c", 0)).await.unwrap();
    let before = live_ids(store, 0, 10).await;
    assert_eq!(before.iter().map(|(_, id, _)| id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    append_one(store, done("a", 1)).await.unwrap();
    assert_eq!(live_ids(store, 0, 10).await, before[1..]);
    assert_eq!(append_one(store, append("b", 7, "x")).await, Err(Refused::Conflict { actual: 1 }));
    append_one(store, append("a", 2, "again")).await.unwrap();
    let after = live_ids(store, 0, 10).await;
    assert_eq!(after, [(before[0].0, "a".to_owned(), 3), before[1].clone()]);
}

/// A record and its rows are one thing: both or neither.
pub async fn rows_are_written_with_their_record(store: &dyn Store) {
    store.acquire(0..Partition::COUNT, "me").await.unwrap();
    let (one, other) = (row(1, "default", "ship"), row(2, "default", "ship"));
    let with = |row: &RunRow, expected| Append { rows: vec![row.clone()], ..append("a", expected, "x") };
    let answers = store.append(vec![with(&one, 0), with(&other, 9)]).await.unwrap();
    assert!(answers[0].is_ok() && answers[1].is_err());
    assert_eq!(store.run(&one.run_id).await.unwrap(), Some(one));
    assert_eq!(store.run(&other.run_id).await.unwrap(), None);
}

/// A row takes the place of the row of the same run, whatever it changes.
pub async fn rows_replace_rows(store: &dyn Store) {
    store.acquire(0..Partition::COUNT, "me").await.unwrap();
    let mut changed = row(1, "default", "ship");
    for (expected, status) in (0..).zip(RunStatus::ALL) {
        changed.status = status;
        changed.closed_at = (!status.is_open()).then_some(Timestamp::from_micros(77));
        let rows = vec![changed.clone()];
        append_one(store, Append { rows, ..append("a", expected, "x") }).await.unwrap();
        assert_eq!(store.run(&changed.run_id).await.unwrap(), Some(changed.clone()));
    }
    let another = RunRow { run_id: changed.run_id, ..row(5, "elsewhere", "renamed") };
    let element = Append { rows: vec![another.clone()], ..append("b", 0, "x") };
    append_one(store, element).await.unwrap();
    let all = RunFilter { limit: 10, ..RunFilter::default() };
    assert_eq!(store.runs(all.into()).await.unwrap(), [another]);
}

/// Twelve runs: two namespaces, two workflows, three statuses.
async fn twelve_runs(store: &dyn Store) -> Vec<RunRow> {
    store.acquire(0..Partition::COUNT, "me").await.unwrap();
    let statuses = [RunStatus::Running, RunStatus::Completed, RunStatus::Failed];
    let mut rows = Vec::new();
    for number in 0..12_i64 {
        let at = usize::try_from(number).unwrap();
        let base = row(number, ["default", "team"][at % 2], ["ship", "pay"][(at / 2) % 2]);
        rows.push(RunRow { status: statuses[at % 3], ..base });
    }
    append_one(store, Append { rows: rows.clone(), ..append("a", 0, "x") }).await.unwrap();
    rows.reverse();
    rows
}

/// Every combination of filters lists exactly the rows that fit, newest first.
pub async fn runs_are_filtered(store: &dyn Store) {
    let rows = twelve_runs(store).await;
    for namespace in [None, Some("default"), Some("team"), Some("nobody")] {
        for workflow in [None, Some("ship"), Some("none")] {
            for status in [None, Some(RunStatus::Running), Some(RunStatus::Failed), Some(RunStatus::TimedOut)]
            {
                for before in [None, Some(rows[4].run_id.clone())] {
                    let filter = RunFilter {
                        namespace: namespace.map(|name| Namespace::new(name).unwrap()),
                        workflow: workflow.map(str::to_owned),
                        status,
                        before: before.clone(),
                        limit: 100,
                    };
                    let fits = |row: &&RunRow| {
                        namespace.is_none_or(|name| row.key.namespace.as_str() == name)
                            && workflow.is_none_or(|name| row.workflow == name)
                            && status.is_none_or(|status| row.status == status)
                            && before.as_ref().is_none_or(|before| row.run_id < *before)
                    };
                    let expected: Vec<_> = rows.iter().filter(fits).cloned().collect();
                    assert_eq!(store.runs(filter.clone().into()).await.unwrap(), expected, "{filter:?}");
                }
            }
        }
    }
}

/// Going on from the last row of a page lists everything once.
pub async fn runs_are_paged_newest_first(store: &dyn Store) {
    let rows = twelve_runs(store).await;
    let mut filter = RunFilter { limit: 5, ..RunFilter::default() };
    let mut seen = Vec::new();
    loop {
        let page = store.runs(filter.clone().into()).await.unwrap();
        let Some(last) = page.last() else { break };
        filter.before = Some(last.run_id.clone());
        seen.extend(page);
    }
    assert_eq!(seen, rows);
    filter = RunFilter::default();
    assert!(store.runs(filter.into()).await.unwrap().is_empty(), "a limit of 0 lists nothing");
}

/// Bytes are found by their hash only, and putting them twice is putting them once.
pub async fn blobs_are_found_by_their_hash(store: &dyn Store) {
    let large: Vec<u8> = (0..200_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    for bytes in [b"".as_slice(), b"hello", &[0xff; 10], &large] {
        let hash = store.blob_put(bytes.to_vec()).await.unwrap();
        assert_eq!(hash, Hash::of(bytes));
        assert_eq!(store.blob_put(bytes.to_vec()).await.unwrap(), hash);
        assert_eq!(store.blob_get(&hash).await.unwrap().as_deref(), Some(bytes));
    }
    assert_eq!(store.blob_get(&Hash::of(b"unknown")).await.unwrap(), None);
}
