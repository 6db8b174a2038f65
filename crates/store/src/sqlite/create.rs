//! A new file, which comes into being whole or not at all.

use std::fs::{self, File};
use std::path::Path;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use rusqlite::Connection;

use super::fault::Fault;
use super::lock::refused;
use super::migration::migrate;

/// Marks the file as ours: "NXUS".
pub(crate) const APPLICATION_ID: i32 = 0x4e58_5553;

/// Until the file is renamed nobody relies on it, so it is written without a journal and synchronised once.
/// `auto_vacuum` can be chosen only while there are no tables.
const BEFORE: &str = "PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA encoding='UTF-8';
    PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;";

/// Creates the file at `path`, which must not exist, under another name and renames it when it is complete.
pub(crate) fn create(path: &Path) -> Result<(), Error> {
    let unfinished = path.with_extension("db.new");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(refused(&unfinished, &error));
        }
        _ => {}
    }
    reserve(&unfinished).map_err(|error| refused(&unfinished, &error))?;
    fill(&unfinished).map_err(|fault| {
        let message = format!("{} cannot be created: {fault}", path.display());
        Error::new(&code::STORE_FAILED, message)
            .help("check the space and the permissions of the data folder")
    })?;
    publish(&unfinished, path).map_err(|error| refused(path, &error))
}

/// An empty file that only its owner may read; SQLite gives the write-ahead log the same permissions.
pub(crate) fn reserve(unfinished: &Path) -> std::io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(unfinished).map(drop)
}

fn fill(unfinished: &Path) -> Result<(), Fault> {
    let mut connection = Connection::open(unfinished)?;
    connection.execute_batch(BEFORE)?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    migrate(&mut connection)?;
    connection.execute_batch("PRAGMA journal_mode=WAL")?;
    connection.close().map_err(|(_, error)| Fault::Sql(error))
}

/// The rename is durable only when the folder is, too.
pub(crate) fn publish(unfinished: &Path, path: &Path) -> std::io::Result<()> {
    File::open(unfinished)?.sync_all()?;
    fs::rename(unfinished, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
