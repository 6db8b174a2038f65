//! File systems in image files, for faults that a folder cannot have. Mounting needs a right that not everybody has.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A mounted image, unmounted when dropped.
pub(crate) struct Mounted(pub(crate) PathBuf);

impl Mounted {
    /// A new file system of so many MiB. Says so when there can be none here.
    pub(crate) fn new(image: &Path, mebibytes: u64, at: PathBuf) -> Option<Mounted> {
        std::fs::File::create(image).unwrap().set_len(mebibytes * 1024 * 1024).unwrap();
        let made = run("mkfs.ext4", &[Path::new("-q"), image]);
        let mounted = made.then(|| Mounted::mount(image, at)).flatten();
        if mounted.is_none() {
            eprintln!("not tested: file systems in image files cannot be mounted here");
        }
        mounted
    }

    /// Mounts an image that has a file system.
    pub(crate) fn mount(image: &Path, at: PathBuf) -> Option<Mounted> {
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

/// Whether a program succeeds.
pub(crate) fn run(program: &str, arguments: &[&Path]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
