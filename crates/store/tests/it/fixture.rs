//! A store in a folder of its own.

use std::ops::Deref;

use nexus_store::{Options, SqliteStore};
use tempfile::TempDir;

/// Dropped in this order: the store before its folder.
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
    let store = SqliteStore::open(&Options::new(folder.path())).unwrap();
    Fresh { store, folder }
}
