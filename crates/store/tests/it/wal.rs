//! The write-ahead log after crashes and after damage: a torn tail is dropped, a hole in the middle is told.

use std::fs;
use std::path::Path;

use nexus_kernel::code;
use nexus_kernel::port::log::Log as _;
use nexus_kernel::testing::store_contract::{append, key};
use tempfile::TempDir;

use super::fixture::{crashed, fresh, open, wait};

const HEADER: usize = 32;
const FRAME: usize = 24 + 4_096;

/// What a crash leaves of a store that committed so many records one by one.
fn left_by(commits: u64) -> TempDir {
    let fresh = fresh();
    for sequence in 0..commits {
        wait(fresh.append(vec![append("a", sequence, "record")])).unwrap();
    }
    crashed(fresh.folder.path())
}

fn edit(folder: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let path = folder.join("nexus.db-wal");
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(&path, bytes).unwrap();
}

fn records(folder: &Path) -> usize {
    let store = open(folder).unwrap();
    wait(store.read(&key("a"), 0)).unwrap().len()
}

/// The frames that end a commit, from 0.
fn commits(folder: &Path) -> Vec<usize> {
    let bytes = fs::read(folder.join("nexus.db-wal")).unwrap();
    let frames = bytes[HEADER..].chunks_exact(FRAME);
    frames.enumerate().filter(|(_, frame)| frame[4..8] != [0; 4]).map(|(number, _)| number).collect()
}

#[test]
fn recovery_finds_every_commit() {
    let folder = left_by(20);
    assert_eq!(commits(folder.path()).len(), 20);
    assert_eq!(records(folder.path()), 20);
}

#[test]
fn a_torn_tail_is_dropped() {
    let folder = left_by(20);
    let last = commits(folder.path())[18] + 1;
    for cut in [HEADER + last * FRAME + 1, HEADER + last * FRAME + 30, HEADER + last * FRAME + FRAME - 1] {
        let copy = crashed(folder.path());
        edit(copy.path(), |bytes| bytes.truncate(cut));
        assert_eq!(records(copy.path()), 19);
    }
}

/// The first frame of the last group reached the disk broken, the rest of the group whole.
#[test]
fn a_torn_last_group_is_dropped_whole() {
    let folder = left_by(20);
    let first_of_last = commits(folder.path())[18] + 1;
    edit(folder.path(), |bytes| bytes[HEADER + first_of_last * FRAME + 2_000] ^= 1);
    assert_eq!(records(folder.path()), 19);
}

#[test]
fn a_hole_before_acknowledged_work_is_told() {
    let folder = left_by(20);
    let ends = commits(folder.path());
    // In the page, the salt and the checksum of the last frame of a group, and in the first frame of all.
    for (frame, at) in [(ends[5], 1_000), (ends[9], 9), (ends[9], 17), (0, 30), (ends[17], 3_000)] {
        let copy = crashed(folder.path());
        edit(copy.path(), |bytes| bytes[HEADER + frame * FRAME + at] ^= 0x40);
        let before = fs::read(copy.path().join("nexus.db-wal")).unwrap();
        let error = open(copy.path()).unwrap_err();
        assert_eq!(error.code(), &code::DATA_DAMAGED, "{error}");
        assert!(error.message().contains("nexus.db-wal"), "{error}");
        assert!(fs::read(copy.path().join("nexus.db-wal")).unwrap() == before);
    }
}

#[test]
fn a_broken_header_is_told() {
    for at in [0, 9, 17, 25] {
        let folder = left_by(3);
        edit(folder.path(), |bytes| bytes[at] ^= 0x40);
        assert_eq!(open(folder.path()).unwrap_err().code(), &code::DATA_DAMAGED);
    }
}

/// Some file systems leave a file of zeros where nothing was synchronised yet.
#[test]
fn a_log_of_zeros_is_an_empty_one() {
    let folder = left_by(3);
    edit(folder.path(), |bytes| bytes.fill(0));
    assert_eq!(records(folder.path()), 0);
}

/// A checkpoint that was cut off leaves a short file, and the log has the rest; without it the file is damaged.
#[test]
fn a_short_database_needs_its_log() {
    let fresh = fresh();
    let large = "x".repeat(200_000);
    wait(fresh.append(vec![append("a", 0, &large)])).unwrap();
    let folder = crashed(fresh.folder.path());
    assert_eq!(records(folder.path()), 1);
    // Opening and closing moved everything into the file.
    let path = folder.path().join("nexus.db");
    let length = path.metadata().unwrap().len();
    let store = open(folder.path()).unwrap();
    wait(store.append(vec![append("b", 0, "one")])).unwrap();
    let copy = crashed(folder.path());
    fs::File::options()
        .write(true)
        .open(copy.path().join("nexus.db"))
        .unwrap()
        .set_len(length - 40_960)
        .unwrap();
    let error = open(copy.path()).unwrap_err();
    assert_eq!(error.code(), &code::DATA_DAMAGED, "{error}");
    assert!(error.message().contains("cut off"), "{error}");
}
