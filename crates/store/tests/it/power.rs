//! A power cut: only what was really synchronised is left. A kill cannot show a missing synchronisation, because the
//! operating system keeps what the process wrote.
//!
//! The store works on a file system of its own in an image file; at some instant the image is copied, with nothing in
//! it that was not flushed, and the copy is mounted and opened. Needs the right to mount; without it the test says so.

use std::path::{Path, PathBuf};

use super::child::Writer;
use super::fixture::{open, wait};
use super::kept::{Acknowledged, verify};
use super::mounted::{Mounted, run};

/// Whether no thread of a process runs any more.
fn is_stopped(pid: &Path) -> bool {
    let mut threads = std::fs::read_dir(Path::new("/proc").join(pid).join("task")).unwrap();
    threads.all(|thread| {
        let stat = std::fs::read_to_string(thread.unwrap().path().join("stat")).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'))
    })
}

#[test]
fn nothing_acknowledged_is_lost_by_a_power_cut() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    let Some(Mounted(disk)) = &Mounted::new(&image, 96, folder.path().join("before")) else { return };
    let mut acknowledged = Acknowledged::default();
    for (round, count) in [1, 60, 900, 3_000].into_iter().enumerate() {
        let mut writer = Writer::start(&disk.join("data"), None);
        writer.wait_for(count, &mut acknowledged);
        let pid = PathBuf::from(writer.process.id().to_string());
        assert!(run("kill", &[Path::new("-STOP"), &pid]));
        while !is_stopped(&pid) {
            std::thread::yield_now();
        }
        let copy = folder.path().join("copy");
        std::fs::copy(&image, &copy).unwrap();
        writer.kill(&mut acknowledged);
        let after = Mounted::mount(&copy, folder.path().join(format!("after-{round}"))).unwrap();
        let store = open(&after.0.join("data")).unwrap();
        wait(verify(&store, &acknowledged));
        drop(store);
    }
}
