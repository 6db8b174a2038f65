//! What is left after a process was killed, or its disk was full.

use super::child::Writer;
use super::fixture::{open, wait};
use super::kept::{Acknowledged, verify};

/// Kills a writer at many points, each time on what the one before left.
#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Acknowledged::default();
    // From the first commits of a new file to the middle of checkpoints, which come about every 5 000 records.
    for count in [1, 2, 9, 33, 70, 150, 310, 700, 1_500, 2_900, 4_100, 5_300] {
        let mut writer = Writer::start(folder.path(), None);
        writer.wait_for(count, &mut acknowledged);
        writer.kill(&mut acknowledged);
        let store = open(folder.path()).unwrap();
        wait(verify(&store, &acknowledged));
    }
}

/// A child that may not write files beyond 2 MiB meets a failing write in the middle of a commit.
#[test]
fn a_failed_write_stops_the_store_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Acknowledged::default();
    let script = r#"trap "" XFSZ; ulimit -f 4096; exec "$@""#;
    let mut writer = Writer::start(folder.path(), Some(script));
    let mut report = Vec::new();
    for line in &mut writer.lines {
        let line = line.unwrap();
        if !acknowledged.note(&line) {
            report.push(line);
        }
    }
    assert!(writer.process.wait().unwrap().success(), "{report:?}");
    assert!(report.iter().any(|line| line.starts_with("failed: the store failed")), "{report:?}");
    assert!(report.iter().any(|line| line == "still failed"), "{report:?}");
    let store = open(folder.path()).unwrap();
    wait(verify(&store, &acknowledged));
}
