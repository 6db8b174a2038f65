//! Group commit, checkpoints, and what others see of the file meanwhile.

use nexus_kernel::id::Partition;
use nexus_kernel::port::blob::Blobs as _;
use nexus_kernel::port::kv::{Kv as _, KvWrite};
use nexus_kernel::port::log::{Append, Log as _};
use nexus_kernel::testing::store_contract::{append, key, row};
use nexus_store::Stats;

use super::fixture::{Fresh, fresh, wait};

async fn filled(callers: usize, records: u64, bytes: usize) -> Fresh {
    let fresh = fresh();
    fresh.acquire(0..Partition::COUNT, "me").await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for caller in 0..callers {
        let store = fresh.store.clone();
        tasks.spawn(async move {
            let record = "z".repeat(bytes);
            for sequence in 0..records {
                let element = append(&format!("caller-{caller}"), sequence, &record);
                assert_eq!(store.append(vec![element]).await.unwrap(), [Ok(sequence + 1)]);
            }
        });
    }
    tasks.join_all().await;
    fresh
}

/// While one group waits for the disk the next one queues up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_share_commits() {
    let fresh = filled(64, 30, 100).await;
    let Stats { commits, records, .. } = fresh.stats();
    assert_eq!(records, 64 * 30);
    assert!(commits <= records / 4, "{commits} commits for {records} records");
}

#[tokio::test]
async fn one_caller_has_a_commit_for_each_answer() {
    let fresh = filled(1, 50, 100).await;
    // One more for the claim.
    assert_eq!(fresh.stats(), Stats { commits: 51, checkpoints: 0, records: 50 });
    fresh.append(vec![append("caller-0", 7, "conflict")]).await.unwrap();
    fresh.blob_put(vec![1]).await.unwrap();
    fresh.blob_put(vec![1]).await.unwrap();
    assert_eq!(fresh.stats().commits, 52, "what changes nothing costs nothing");
}

/// The log is moved into the file and begins anew, although commits never stop.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_write_ahead_log_does_not_grow_without_end() {
    let fresh = filled(16, 260, 30_000).await;
    let log = fresh.folder.path().join("nexus.db-wal").metadata().unwrap().len();
    let database = fresh.folder.path().join("nexus.db").metadata().unwrap().len();
    assert!(fresh.stats().checkpoints > 0);
    assert!(log < 70_000_000, "{log} bytes of 125 million");
    assert!(database > 16_000_000, "{database} bytes");
}

/// Another program reads the file while the server writes it, and finds text.
#[test]
fn the_file_can_be_read_by_others_meanwhile() {
    let fresh = fresh();
    let run = row(7, "default", "ship");
    let element = Append { rows: vec![run.clone()], ..append("order-1", 0, "{\"event\":\"started\"}") };
    wait(fresh.append(vec![element])).unwrap();
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let shell = rusqlite::Connection::open_with_flags(fresh.folder.path().join("nexus.db"), flags).unwrap();
    let sql =
        "SELECT keys.workflow_id || ' ' || sequence || ' ' || (record ->> 'event') || ' ' || typeof(record)
        FROM log JOIN keys USING (key_id)";
    let text: String = shell.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(text, "order-1 1 started text");
    let listed: String = shell.query_row("SELECT run_id FROM runs", [], |row| row.get(0)).unwrap();
    assert_eq!(listed, run.run_id.as_str());
    wait(fresh.append(vec![append("order-1", 1, "{}")])).unwrap();
    assert_eq!(wait(fresh.read(&key("order-1"), 0)).unwrap().len(), 2);
}

/// A batch of any size is one group; a value of any size is one value.
#[tokio::test]
async fn large_batches_and_values_are_kept() {
    let fresh = fresh();
    let batch: Vec<_> = (0..3_000).map(|sequence| append("a", sequence, "x")).collect();
    assert!(fresh.append(batch).await.unwrap().iter().all(Result::is_ok));
    assert_eq!(fresh.stats().commits, 1);
    let namespace = nexus_kernel::id::Namespace::default();
    let value = "é".repeat(3_000_000);
    let put = vec![KvWrite::Put { key: "large".to_owned(), value: value.clone().into() }];
    fresh.kv_commit(&namespace, Vec::new(), put).await.unwrap();
    assert_eq!(fresh.kv_get(&namespace, "large").await.unwrap().unwrap().value, value);
}

/// An asker that goes away does not take the others with it.
#[tokio::test]
async fn a_dropped_question_harms_nobody() {
    let fresh = fresh();
    for sequence in 0..20 {
        let mut question = fresh.append(vec![append("a", sequence, "x")]);
        // Polled once, it is in the queue; then its asker is gone.
        let polled =
            std::future::poll_fn(|context| std::task::Poll::Ready(question.as_mut().poll(context))).await;
        drop(polled);
        drop(question);
        while fresh.read(&key("a"), sequence).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(fresh.append(vec![append("a", 20, "x")]).await.unwrap(), [Ok(21)]);
}
