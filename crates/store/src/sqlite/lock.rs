//! The lock on a data folder: one server at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use nexus_kernel::code;
use nexus_kernel::error::Error;

/// Holds the folder until it is dropped. The operating system lets go of it when the process dies, however it dies.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock, or tells who has it.
    pub(crate) fn take(folder: &Path) -> Result<FolderLock, Error> {
        let path = folder.join("lock");
        let mut options = OpenOptions::new();
        let opened = options.read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = opened.map_err(|error| refused(&path, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(folder, &mut file)),
            Err(TryLockError::Error(error)) => return Err(refused(&path, &error)),
        }
        write_pid(&mut file).map_err(|error| refused(&path, &error))?;
        Ok(FolderLock { _file: file })
    }
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(format!("{}\n", std::process::id()).as_bytes())
}

fn in_use(folder: &Path, file: &mut File) -> Error {
    let mut text = Vec::new();
    // The holder may be about to write its number: a missing one is no reason for another error.
    let _ = file.take(32).read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text);
    let owner = match text.trim().parse::<u32>() {
        Ok(pid) => format!("process {pid}"),
        Err(_) => "another process".to_owned(),
    };
    Error::new(&code::DATA_IN_USE, format!("{owner} uses the data folder {}", folder.display()))
        .help("stop that process, or give this server a data folder of its own")
}

/// The folder or a file in it cannot be used for reasons outside Nexus: permissions, a full disk, a missing mount.
pub(crate) fn refused(path: &Path, error: &std::io::Error) -> Error {
    Error::new(&code::STORE_FAILED, format!("{} cannot be used: {error}", path.display()))
        .help("check the permissions of the data folder and the space on its disk")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_taker_learns_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let first = FolderLock::take(folder.path()).unwrap();
        let error = FolderLock::take(folder.path()).unwrap_err();
        assert_eq!(error.code(), &code::DATA_IN_USE);
        assert!(error.message().contains(&format!("process {} uses", std::process::id())), "{error}");
        drop(first);
        FolderLock::take(folder.path()).unwrap();
    }

    #[test]
    fn garbage_in_the_lock_file_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("lock"), [0xff; 100]).unwrap();
        let _first = FolderLock::take(folder.path()).unwrap();
        assert!(FolderLock::take(folder.path()).is_err());
    }
}
