//! Stores in folders of their own.

use std::ops::Deref;
use std::path::Path;

use nexus_kernel::error::Error;
use nexus_store::{Options, SqliteStore};
use tempfile::TempDir;

/// A new store. Dropped in this order: the store before its folder.
pub(crate) struct Fresh {
    pub(crate) store: SqliteStore,
    pub(crate) folder: TempDir,
}

impl Deref for Fresh {
    type Target = SqliteStore;

    fn deref(&self) -> &SqliteStore {
        &self.store
    }
}

pub(crate) fn fresh() -> Fresh {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    Fresh { store, folder }
}

pub(crate) fn open(folder: &Path) -> Result<SqliteStore, Error> {
    SqliteStore::open(&Options::new(folder))
}

/// What a crash of the process would leave of an open store: its files as they are now.
pub(crate) fn crashed(folder: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in ["nexus.db", "nexus.db-wal"] {
        std::fs::copy(folder.join(name), copy.path().join(name)).unwrap();
    }
    copy
}

/// Runs a future to its end.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
