//! Files that are not as we left them are refused with a reason and stay as they are.

use std::fs;
use std::path::Path;

use nexus_kernel::code;
use nexus_kernel::error::{Code, Error};
use nexus_kernel::id::Namespace;
use nexus_kernel::port::StoreError;
use nexus_kernel::port::blob::{Blobs as _, Hash};
use nexus_kernel::port::event::{EventQuery, Events as _};
use nexus_kernel::port::log::Log as _;
use nexus_kernel::port::runs::{RunFilter, Runs as _};
use nexus_kernel::testing::store_contract::{append, key};
use proptest::prelude::*;
use tempfile::TempDir;

use super::fixture::{crashed, fresh, open, wait};

/// A store that was closed with so many records of a kilobyte.
fn closed(records: u64) -> TempDir {
    let fresh = fresh();
    let record = "x".repeat(1_000);
    let batch = (0..records).map(|sequence| append("a", sequence, &record)).collect();
    wait(fresh.append(batch)).unwrap();
    wait(fresh.blob_put(vec![5; 3_000])).unwrap();
    fresh.close();
    fresh.folder
}

fn contents(folder: &Path) -> Vec<Option<Vec<u8>>> {
    ["nexus.db", "nexus.db-wal"].map(|name| fs::read(folder.join(name)).ok()).into()
}

/// Opening is refused with this code and a message that tells the file and a way out; nothing changes.
fn refused(folder: &Path, code: &'static Code) -> Error {
    let before = contents(folder);
    let error = open(folder).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    assert!(error.message().contains(&folder.join("nexus.db").display().to_string()), "{error}");
    assert!(error.help_text().is_some(), "{error}");
    assert!(contents(folder) == before, "the files were changed");
    error
}

fn edit(folder: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let path = folder.join("nexus.db");
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(&path, bytes).unwrap();
}

fn shell(folder: &Path, sql: &str) {
    rusqlite::Connection::open(folder.join("nexus.db")).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn what_is_no_database_is_refused() {
    for bytes in [b"".as_slice(), b"SQLite format 3\0", &[0; 4_096], &[0xa5; 9_000], b"hello, world\n"] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("nexus.db"), bytes).unwrap();
        refused(folder.path(), &code::DATA_DAMAGED);
    }
}

#[test]
fn databases_of_others_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    shell(folder.path(), "CREATE TABLE t (x); PRAGMA user_version = 1;");
    let error = refused(folder.path(), &code::DATA_DAMAGED);
    assert!(error.message().contains("not one of Nexus"), "{error}");
}

#[test]
fn newer_formats_are_refused() {
    let folder = closed(1);
    shell(folder.path(), "PRAGMA user_version = 99");
    let error = refused(folder.path(), &code::DATA_NEWER);
    assert!(error.message().contains("format 99"), "{error}");
}

#[test]
fn older_formats_are_refused() {
    for format in [0, 1] {
        let folder = closed(1);
        shell(folder.path(), &format!("PRAGMA user_version = {format}"));
        let error = refused(folder.path(), &code::DATA_OLDER);
        assert!(error.message().contains(&format!("format {format}")), "{error}");
    }
}

/// Every record has a checksum over its bytes and its place.
#[test]
fn a_record_that_was_changed_or_moved_is_told() {
    for sql in [
        "UPDATE log SET record = replace(record, 'y', 'z') WHERE position = 1",
        "UPDATE log SET sequence = 99 WHERE position = 1",
        "UPDATE log SET crc = crc + 1 WHERE position = 1",
    ] {
        let fresh = fresh();
        wait(fresh.append(vec![append("a", 0, "yyy")])).unwrap();
        fresh.close();
        shell(fresh.folder.path(), sql);
        let store = open(fresh.folder.path()).unwrap();
        let read = wait(store.read(&key("a"), 0));
        assert!(
            matches!(&read, Err(StoreError::Damaged(why)) if why.contains("checksum")),
            "{sql}: {read:?}"
        );
        assert!(matches!(wait(store.live(0, 9)), Err(StoreError::Damaged(_))), "{sql}");
    }
}

#[test]
fn a_newer_format_in_the_write_ahead_log_is_refused() {
    let fresh = fresh();
    shell(fresh.folder.path(), "PRAGMA user_version = 99");
    refused(crashed(fresh.folder.path()).path(), &code::DATA_NEWER);
}

#[test]
fn changed_tables_are_refused() {
    for sql in [
        "UPDATE meta SET sha256 = 'x'",
        "DELETE FROM meta",
        "DROP TABLE meta",
        "DROP TABLE log",
        "DELETE FROM counters",
    ] {
        let folder = closed(1);
        shell(folder.path(), sql);
        let error = open(folder.path()).unwrap_err();
        assert_eq!(error.code(), &code::DATA_DAMAGED, "{sql}: {error}");
    }
}

#[test]
fn a_database_that_is_gone_is_not_created_again_over_its_log() {
    let fresh = fresh();
    wait(fresh.append(vec![append("a", 0, "one")])).unwrap();
    let copy = crashed(fresh.folder.path());
    fs::remove_file(copy.path().join("nexus.db")).unwrap();
    refused(copy.path(), &code::DATA_DAMAGED);
    assert!(!copy.path().join("nexus.db").exists());
}

#[test]
fn truncated_files_are_refused() {
    let folder = closed(3_000);
    let whole = fs::read(folder.path().join("nexus.db")).unwrap();
    for length in [99, 100, 4_095, 4_096, whole.len() / 2, whole.len() - 4_096, whole.len() - 1] {
        edit(folder.path(), |bytes| *bytes = whole[..length].to_vec());
        refused(folder.path(), &code::DATA_DAMAGED);
    }
}

#[test]
fn garbage_in_a_small_file_is_found_at_the_start() {
    let folder = closed(100);
    let whole = fs::read(folder.path().join("nexus.db")).unwrap();
    for page in 1..whole.len() / 4_096 {
        edit(folder.path(), |bytes| {
            bytes.clone_from(&whole);
            bytes[page * 4_096..(page + 1) * 4_096].fill(0xa5);
        });
        let error = open(folder.path()).map(drop).unwrap_err();
        assert_eq!(error.code(), &code::DATA_DAMAGED, "page {page}: {error}");
    }
}

#[test]
fn garbage_in_a_large_file_is_found_when_it_is_read() {
    let folder = closed(8_000);
    edit(folder.path(), |bytes| {
        let middle = bytes.len() / 2 / 4_096 * 4_096;
        bytes[middle..middle + 40_960].fill(0xa5);
    });
    let store = open(folder.path()).unwrap();
    assert!(matches!(wait(store.read(&key("a"), 0)), Err(StoreError::Damaged(_))));
    let good = wait(store.read(&key("a"), 7_999)).unwrap();
    assert_eq!(good[0].sequence, 8_000, "the rest of the file still is good");
}

#[test]
fn a_blob_is_checked_against_its_hash() {
    let folder = closed(1);
    shell(folder.path(), "UPDATE blobs SET bytes = x'00'");
    let store = open(folder.path()).unwrap();
    assert!(matches!(wait(store.blob_get(&Hash::of(&[5; 3_000]))), Err(StoreError::Damaged(_))));
}

#[test]
fn values_of_the_wrong_kind_are_damage() {
    let folder = closed(1);
    shell(
        folder.path(),
        "INSERT INTO kv VALUES ('default', 'k', 'no json', 1), ('default', 'n', '1', -1);
         INSERT INTO runs (run_id, namespace, workflow_id, workflow, status, started_at, execution_at, task_queue)
           VALUES ('no id', 'default', 'w', 'w', 'running', 1, 1, '');
         INSERT INTO log (key_id, sequence, crc, record) VALUES (1, 2, 0, 17);",
    );
    let store = open(folder.path()).unwrap();
    let namespace = nexus_kernel::id::Namespace::default();
    for key in ["k", "n"] {
        let value = wait(nexus_kernel::port::kv::Kv::kv_get(&store, &namespace, key));
        assert!(matches!(value, Err(StoreError::Damaged(_))), "{value:?}");
    }
    let all = RunFilter { limit: 10, ..RunFilter::default() };
    assert!(matches!(wait(store.runs(all.into())), Err(StoreError::Damaged(_))));
    assert!(matches!(wait(store.read(&key("a"), 0)), Err(StoreError::Damaged(_))));
}

#[test]
fn a_hole_in_a_log_of_events_is_told() {
    let folder = closed(1);
    let told = |sql: &str| {
        shell(folder.path(), sql);
        let findings = nexus_store::examine(folder.path(), &mut |_| Vec::new());
        let bad =
            findings.iter().filter(|it| it.check == "events" && it.severity != nexus_store::Severity::Good);
        bad.map(|it| it.message.clone()).collect::<Vec<_>>().join("; ")
    };
    let insert = "INSERT INTO events (namespace, sequence, type, time, id, source, data) VALUES ";
    assert_eq!(
        told(&format!(
            "{insert} ('n', 4, 't', 1, 'a', 's', '1'), ('n', 5, 't', 1, 'b', 's', '{{}}');
        INSERT INTO event_heads VALUES ('n', 5)"
        )),
        ""
    );
    assert!(told(&format!("{insert} ('n', 7, 't', 1, 'c', 's', '1')")).contains("have a hole"));
    assert!(told("UPDATE events SET data = 'x' WHERE sequence = 5").contains("no JSON"));
    let store = open(folder.path()).unwrap();
    let query = EventQuery { namespace: Namespace::new("n").unwrap(), after: 4, kind: None, limit: 9 };
    assert!(matches!(wait(store.event_read(query)), Err(StoreError::Damaged(_))));
}

/// Uses every part of a store, whatever is wrong with it.
async fn use_all(store: &nexus_store::SqliteStore) {
    let _ = store.live(0, 100).await;
    let _ = store.runs(RunFilter { limit: 100, ..RunFilter::default() }.into()).await;
    let _ = store.blob_get(&Hash::of(&[5; 3_000])).await;
    let there = store.read(&key("a"), 0).await.map_or(0, |records| records.len() as u64);
    let _ = store.append(vec![append("a", there, "x"), append("new", 0, "x")]).await;
    let _ = store.blob_put(vec![9; 9_000]).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens to the bytes of the files: errors, never a panic and never a store that hangs.
    #[test]
    fn no_bytes_make_a_panic(
        in_log in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let fresh = fresh();
        for sequence in 0..20 {
            wait(fresh.append(vec![append("a", sequence, &"y".repeat(500))])).unwrap();
        }
        wait(fresh.blob_put(vec![5; 3_000])).unwrap();
        let copy = crashed(fresh.folder.path());
        let path = copy.path().join(if in_log { "nexus.db-wal" } else { "nexus.db" });
        let mut bytes = fs::read(&path).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        fs::write(&path, bytes).unwrap();
        if let Ok(store) = open(copy.path()) {
            wait(use_all(&store));
        }
    }
}
