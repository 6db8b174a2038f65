//! A power cut: only what was really synchronised is left. A kill cannot show a missing synchronisation, because the
//! operating system keeps what the process wrote.
//!
//! The store works on a file system of its own in an image file; at some instant the image is copied, with nothing in
//! it that was not flushed, and the copy is mounted and opened. Needs the right to mount; without it the test says so.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::child::Writer;
use super::fixture::{open, wait};
use super::kept::{Acknowledged, verify};

/// A mounted image, unmounted when dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn mount(image: &Path, at: PathBuf) -> Option<Mounted> {
        std::fs::create_dir_all(&at).unwrap();
        let options = ["-o", "loop"].map(Path::new);
        run("mount", &[options[0], options[1], image, &at]).then_some(Mounted(at))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        run("umount", &[&self.0]);
    }
}

fn run(program: &str, arguments: &[&Path]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

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
    std::fs::File::create(&image).unwrap().set_len(96 * 1024 * 1024).unwrap();
    let made = run("mkfs.ext4", &[Path::new("-q"), &image]);
    let mounted = made.then(|| Mounted::mount(&image, folder.path().join("before"))).flatten();
    let Some(Mounted(disk)) = &mounted else {
        return eprintln!("not tested: file systems in image files cannot be mounted here");
    };
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
