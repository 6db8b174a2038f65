//! The table `used_bytes`: how much of the store each namespace takes. Objects are counted in a table of their own.

use std::collections::HashMap;

use nexus_kernel::BoxFuture;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::StoreError;
use nexus_kernel::port::usage::Usage;
use rusqlite::{Connection, params};

use super::fault::{Fault, counted};
use super::store::SqliteStore;

/// What the open transaction has changed so far.
#[derive(Debug, Default)]
pub(crate) struct UsageWriter(HashMap<Namespace, i64>);

impl UsageWriter {
    /// A namespace has so many bytes more, or fewer.
    pub(crate) fn add(&mut self, namespace: &Namespace, bytes: i64) {
        if bytes != 0 {
            *self.0.entry(namespace.clone()).or_default() += bytes;
        }
    }

    /// Writes it down inside the open transaction: one row for each namespace, however much was done.
    pub(crate) fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let mut add = connection.prepare_cached(
            "INSERT INTO used_bytes (namespace, bytes) VALUES (?1, ?2)
             ON CONFLICT (namespace) DO UPDATE SET bytes = bytes + excluded.bytes",
        )?;
        for (namespace, bytes) in self.0.drain().filter(|(_, bytes)| *bytes != 0) {
            add.execute(params![namespace.as_str(), bytes])?;
        }
        Ok(())
    }
}

/// Bytes, as the writer counts them.
pub(crate) fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn read(connection: &Connection, namespace: &Namespace) -> Result<u64, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT coalesce((SELECT bytes FROM used_bytes WHERE namespace = ?1), 0)
              + coalesce((SELECT bytes FROM object_bytes WHERE namespace = ?1), 0)",
    )?;
    counted(select.query_row([namespace.as_str()], |row| row.get(0))?)
}

impl Usage for SqliteStore {
    fn used_bytes(&self, namespace: &Namespace) -> BoxFuture<'_, Result<u64, StoreError>> {
        let namespace = namespace.clone();
        Box::pin(self.inner.readers.read(move |connection| read(connection, &namespace)))
    }
}
