//! Copies of a data folder: made while a server works on it, checked, and put back.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nexus_kernel::code;
use nexus_kernel::error::Error;
use rusqlite::Connection;

use super::connection::{self, Purpose};
use super::create::{publish, reserve};
use super::doctor::{Finding, Severity, examine_file};
use super::lock::{FolderLock, refused};
use super::{FILE_NAME, inspect, wal};

/// Copies the store of a data folder into a new file: one moment of it, whatever a server writes meanwhile. The copy is
/// examined before it gets its name. Gives its length in bytes.
pub fn backup(folder: &Path, target: &Path) -> Result<u64, Error> {
    let source = folder.join(FILE_NAME);
    refuse_existing(target)?;
    inspect::header(&source)?;
    let unfinished = unfinished(target);
    remove_leftover(&unfinished)?;
    let made = copy(&source, &unfinished).and_then(|()| verified(&unfinished));
    if let Err(error) =
        made.and_then(|()| publish(&unfinished, target).map_err(|error| refused(target, &error)))
    {
        // What was not finished is of no use to anybody.
        let _ = fs::remove_file(&unfinished);
        return Err(error);
    }
    target.metadata().map(|found| found.len()).map_err(|error| refused(target, &error))
}

/// Puts a copy into a data folder that has no store yet. The copy is examined first, and what was written after that.
pub fn restore(source: &Path, folder: &Path) -> Result<(), Error> {
    let source = if source.is_dir() { source.join(FILE_NAME) } else { source.to_path_buf() };
    if wal::path_of(&source).metadata().is_ok_and(|log| log.len() > 0) {
        let message = format!(
            "{} has a write-ahead log beside it: it is a data folder, not a backup",
            source.display()
        );
        return Err(failed(message, "make a backup of it with `nexus backup`, which is one file"));
    }
    verified(&source)?;
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| refused(folder, &error))?;
    let _lock = FolderLock::take(folder)?;
    let target = folder.join(FILE_NAME);
    refuse_existing(&target)?;
    refuse_existing(&wal::path_of(&target))?;
    let unfinished = target.with_extension("db.new");
    remove_leftover(&unfinished)?;
    reserve(&unfinished).map_err(|error| refused(&unfinished, &error))?;
    fs::copy(&source, &unfinished).map_err(|error| refused(&unfinished, &error))?;
    verified(&unfinished)?;
    publish(&unfinished, &target).map_err(|error| refused(&target, &error))
}

fn copy(source: &Path, target: &Path) -> Result<(), Error> {
    reserve(target).map_err(|error| refused(target, &error))?;
    let told = |error: rusqlite::Error| {
        failed(
            format!("{} cannot be written: {error}", target.display()),
            "check the space and the permissions there",
        )
    };
    let connection: Connection = connection::open(source, Purpose::Checkpoint).map_err(told)?;
    let path = target
        .to_str()
        .ok_or_else(|| failed(format!("{} is no text", target.display()), "use another name"))?;
    connection.execute("VACUUM INTO ?1", [path]).map_err(told)?;
    File::open(target).and_then(|file| file.sync_all()).map_err(|error| refused(target, &error))
}

/// Reads a copy from its first byte to its last.
fn verified(path: &Path) -> Result<(), Error> {
    inspect::header(path)?;
    let findings = examine_file(path, &mut |_| Vec::new());
    let fault = findings.iter().find(|finding| finding.severity == Severity::Error);
    match fault {
        None => Ok(()),
        Some(Finding { message, .. }) => {
            Err(failed(format!("{} is not sound: {message}", path.display()), "use another backup"))
        }
    }
}

fn unfinished(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

fn remove_leftover(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(refused(path, &error)),
        _ => Ok(()),
    }
}

fn refuse_existing(path: &Path) -> Result<(), Error> {
    match path.try_exists() {
        Ok(false) => Ok(()),
        Ok(true) => Err(failed(
            format!("{} is there already", path.display()),
            "name something that does not exist, or move that away first; nothing is ever overwritten",
        )),
        Err(error) => Err(refused(path, &error)),
    }
}

fn failed(message: String, help: &str) -> Error {
    Error::new(&code::BACKUP_FAILED, message).help(help)
}
