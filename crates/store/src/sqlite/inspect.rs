//! Whether a file is what we wrote. Nothing here changes anything.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use rusqlite::Connection;

use super::create::APPLICATION_ID;
use super::fault::Fault;
use super::lock::refused;
use super::wal::Recovered;
use super::{migration, wal};

/// Bytes of SQLite's header, and what they begin with.
const HEADER_BYTES: usize = 100;
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Files up to this many pages (4 MiB) are checked page by page; larger ones as they are read, for a start must not
/// take longer the more there is.
const CHECKED_PAGES_MAX: i64 = 1_024;

/// A file that is not as we left it.
pub(crate) fn damaged(path: &Path, what: &str) -> Error {
    Error::new(&code::DATA_DAMAGED, format!("{} is damaged: {what}", path.display())).help(
        "nothing was changed; put back a copy of the data folder, or move the folder away to begin with an empty one",
    )
}

fn newer(path: &Path, format: i32) -> Error {
    let known = migration::newest();
    let message =
        format!("{} has format {format}, and this version knows formats up to {known}", path.display());
    Error::new(&code::DATA_NEWER, message)
        .help("use the newer version of Nexus that wrote it, or another data folder")
}

fn older(path: &Path, format: i32) -> Error {
    let oldest = migration::oldest();
    let message =
        format!("{} has format {format}, and this version knows formats from {oldest} on", path.display());
    Error::new(&code::DATA_OLDER, message)
        .help("use the version of Nexus that wrote it, or move the folder away to begin with an empty one")
}

/// The format, when this version can read it.
fn known(path: &Path, format: i32) -> Result<(), Error> {
    if format > migration::newest() {
        return Err(newer(path, format));
    }
    if format < migration::oldest() {
        return Err(older(path, format));
    }
    Ok(())
}

/// A fault while opening, told with the file's name.
pub(crate) fn told(path: &Path, fault: Fault) -> Error {
    if fault.is_damage() {
        return damaged(path, &fault.to_string());
    }
    Error::new(&code::STORE_FAILED, format!("{} cannot be opened: {fault}", path.display()))
        .help("check the permissions of the data folder and the space on its disk")
}

/// Looks at the header before SQLite sees the file: SQLite takes an empty file for a new database.
pub(crate) fn header(path: &Path) -> Result<(), Error> {
    let mut bytes = [0; HEADER_BYTES];
    let mut file = File::open(path).map_err(|error| refused(path, &error))?;
    match file.read_exact(&mut bytes) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            return Err(damaged(path, "it is too short to be a database"));
        }
        other => other.map_err(|error| refused(path, &error))?,
    }
    if !bytes.starts_with(MAGIC) {
        return Err(damaged(path, "it is not a database"));
    }
    if number(&bytes, 68) != Some(APPLICATION_ID) {
        return Err(damaged(path, "it is a database, but not one of Nexus"));
    }
    // Another format may still wait in the write-ahead log; what is in the file is told before anything else is looked at.
    known(path, number(&bytes, 60).unwrap_or(0))
}

fn number(bytes: &[u8], at: usize) -> Option<i32> {
    bytes.get(at..at + 4)?.try_into().ok().map(i32::from_be_bytes)
}

/// Looks at the open file: format, tables, and the pages as far as that is cheap.
pub(crate) fn contents(path: &Path, connection: &Connection) -> Result<(), Error> {
    let told = |fault: Fault| told(path, fault);
    tables(path, connection)?;
    log(path, connection)?;
    roots(connection).and_then(|()| pages(connection)).map_err(told)
}

/// Looks at the format and the tables of the open file.
pub(crate) fn tables(path: &Path, connection: &Connection) -> Result<(), Error> {
    let told = |fault: Fault| told(path, fault);
    let format = migration::format(connection).map_err(|error| told(error.into()))?;
    known(path, format)?;
    migration::verify(connection).map_err(told)
}

fn log(path: &Path, connection: &Connection) -> Result<(), Error> {
    let wal = wal::path_of(path);
    let mut recovered = Recovered::load(connection, &wal).map_err(|fault| told(path, fault))?;
    recovered.verify_commits().map_err(|fault| told(&wal, fault))?;
    recovered.verify_pages(path).map_err(|fault| told(path, fault))
}

fn pages(connection: &Connection) -> Result<(), Fault> {
    let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    if pages > CHECKED_PAGES_MAX {
        return Ok(());
    }
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(Fault::Damaged(verdict)) }
}

/// Reads the first row of each table and index, and so the pages on the way to it.
fn roots(connection: &Connection) -> Result<(), Fault> {
    const TABLES: [&str; 9] =
        ["log", "keys", "runs", "attributes", "attribute_types", "kv", "blobs", "lease", "counters"];
    const SINCE_3: [&str; 3] = ["objects", "object_bytes", "parked"];
    const SINCE_4: [&str; 2] = ["events", "event_heads"];
    let format = migration::format(connection)?;
    let newer = if format >= 3 { &SINCE_3[..] } else { &[] };
    let newest = if format >= 4 { &SINCE_4[..] } else { &[] };
    for table in TABLES.iter().chain(newer).chain(newest) {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table} LIMIT 1"))?;
        statement.query([])?.next()?;
    }
    Ok(())
}
