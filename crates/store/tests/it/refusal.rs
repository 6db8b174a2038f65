//! Folders that cannot be opened, and stores that are closed.

use nexus_kernel::code;
use nexus_kernel::port::StoreError;
use nexus_kernel::port::blob::Blobs as _;
use nexus_kernel::port::log::Log as _;
use nexus_kernel::testing::store_contract::{append, key};

use super::fixture::{fresh, open, wait};

#[test]
fn a_folder_has_one_owner() {
    let fresh = fresh();
    let error = open(fresh.folder.path()).unwrap_err();
    assert_eq!(error.code(), &code::DATA_IN_USE);
    let owner = format!("process {} uses the data folder", std::process::id());
    assert!(error.message().contains(&owner), "{error}");
    assert!(error.help_text().is_some());
    fresh.close();
    open(fresh.folder.path()).unwrap();
}

#[test]
fn a_folder_is_free_when_the_last_clone_is_gone() {
    let fresh = fresh();
    let clone = fresh.store.clone();
    drop(fresh.store);
    assert!(open(fresh.folder.path()).is_err());
    drop(clone);
    open(fresh.folder.path()).unwrap();
}

#[test]
fn a_closed_store_says_so() {
    let fresh = fresh();
    wait(fresh.append(vec![append("a", 0, "one")])).unwrap();
    fresh.close();
    fresh.close();
    assert!(matches!(wait(fresh.append(vec![append("a", 1, "two")])), Err(StoreError::Closed)));
    assert!(matches!(wait(fresh.read(&key("a"), 0)), Err(StoreError::Closed)));
    assert!(matches!(wait(fresh.blob_put(vec![1])), Err(StoreError::Closed)));
    assert!(!fresh.folder.path().join("nexus.db-wal").metadata().is_ok_and(|log| log.len() > 0));
    let again = open(fresh.folder.path()).unwrap();
    assert_eq!(wait(again.read(&key("a"), 0)).unwrap().len(), 1);
}

#[test]
fn folders_are_created_with_their_parents() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a b").join("?mode=ro#é");
    drop(open(&path).unwrap());
    drop(open(&path).unwrap());
    assert!(path.join("nexus.db").exists());
    let odd = std::path::PathBuf::from(format!("{}/./file:x", folder.path().display()));
    drop(open(&odd).unwrap());
}

#[test]
fn a_file_in_the_place_of_the_folder_is_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    std::fs::write(&path, "x").unwrap();
    let error = open(&path).unwrap_err();
    assert_eq!(error.code(), &code::STORE_FAILED);
    assert!(error.message().contains("data"), "{error}");
}

/// A process that died while it created the file leaves an unfinished one beside the place where it should be.
#[test]
fn an_unfinished_file_is_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("nexus.db.new"), [7; 5_000]).unwrap();
    let store = open(folder.path()).unwrap();
    assert_eq!(wait(store.append(vec![append("a", 0, "one")])).unwrap(), [Ok(1)]);
    assert!(!folder.path().join("nexus.db.new").exists());
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_data() {
    use std::os::unix::fs::PermissionsExt as _;
    let fresh = fresh();
    wait(fresh.append(vec![append("a", 0, "one")])).unwrap();
    for name in ["nexus.db", "nexus.db-wal", "nexus.db-shm"] {
        let mode = fresh.folder.path().join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
    }
}
