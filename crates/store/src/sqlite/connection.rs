//! Connections and their settings.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

/// How long a statement waits for another program that holds the file's write lock, such as a forgotten shell.
const BUSY_WAIT: Duration = Duration::from_secs(10);

/// What every connection needs. `fullfsync` makes macOS wait for the disk itself; elsewhere it changes nothing.
const EVERY: &str = "PRAGMA synchronous=FULL; PRAGMA fullfsync=ON; PRAGMA checkpoint_fullfsync=ON;
    PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=67108864;
    PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA mmap_size=0;
    PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=OFF;";

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The one that writes.
    Write,
    /// One of those that read.
    Read,
    /// The one that moves pages from the write-ahead log into the file.
    Checkpoint,
}

/// Opens the file, which must exist. Closing the connection leaves the write-ahead log as it is.
pub(crate) fn open(path: &Path, purpose: Purpose) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    // A refused file must stay as it is, and a checkpoint at closing would write to it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.execute_batch(EVERY)?;
    // Sizes are negative kibibytes; the cache grows with use only.
    let (cache_kib, query_only) = match purpose {
        Purpose::Write => (-16_384, false),
        Purpose::Read => (-4_096, true),
        Purpose::Checkpoint => (-256, false),
    };
    connection.pragma_update(None, "cache_size", cache_kib)?;
    connection.pragma_update(None, "query_only", query_only)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}
