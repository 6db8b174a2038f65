//! The table `kv`.

use nexus_kernel::Json;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::kv::{KvCheck, KvCommit, KvEntry, KvWrite};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::fault::{Fault, counted, stored};
use super::leases::{counter, set_counter};
use super::usage::signed;

/// A write as the table takes it: the key and the text of its value, or nothing to delete it. Values become text before
/// they reach the writer, whose time everybody shares.
#[derive(Debug)]
pub(crate) struct Change {
    key: String,
    value: Option<String>,
}

impl From<KvWrite> for Change {
    fn from(write: KvWrite) -> Change {
        match write {
            KvWrite::Put { key, value } => Change { key, value: Some(value.to_string()) },
            KvWrite::Delete { key } => Change { key, value: None },
        }
    }
}

impl Change {
    /// Bytes of the key and the value.
    pub(crate) fn bytes(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, String::len)
    }
}

/// The writer's side: it alone gives out versions.
#[derive(Debug)]
pub(crate) struct KvWriter {
    version: u64,
}

impl KvWriter {
    /// Goes on from the last version of the file.
    pub(crate) fn load(connection: &Connection) -> Result<KvWriter, Fault> {
        Ok(KvWriter { version: counter(connection, "kv_version")? })
    }

    /// Checks and writes inside the open transaction, and tells how many bytes more the namespace has. A conflict changes
    /// nothing.
    pub(crate) fn commit(
        &mut self,
        connection: &Connection,
        namespace: &Namespace,
        (checks, changes): (&[KvCheck], &[Change]),
    ) -> Result<(KvCommit, i64), Fault> {
        for check in checks {
            if version_of(connection, namespace, &check.key)? != check.version {
                return Ok((KvCommit::Conflict { key: check.key.clone() }, 0));
            }
        }
        let version = self.version + 1;
        set_counter(connection, "kv_version", version)?;
        let mut more = 0;
        for change in changes {
            more += apply(connection, namespace, change, version)?;
        }
        self.version = version;
        Ok((KvCommit::Committed { version }, more))
    }
}

fn version_of(connection: &Connection, namespace: &Namespace, key: &str) -> Result<Option<u64>, Fault> {
    let mut select = connection.prepare_cached("SELECT version FROM kv WHERE namespace = ?1 AND key = ?2")?;
    let found = select.query_row([namespace.as_str(), key], |row| row.get(0)).optional()?;
    found.map(counted).transpose()
}

/// Writes, and tells how many bytes more there are.
fn apply(
    connection: &Connection,
    namespace: &Namespace,
    Change { key, value }: &Change,
    version: u64,
) -> rusqlite::Result<i64> {
    let mut select =
        connection.prepare_cached("SELECT octet_length(value) FROM kv WHERE namespace = ?1 AND key = ?2")?;
    let before: Option<i64> = select.query_row([namespace.as_str(), key], |row| row.get(0)).optional()?;
    if let Some(value) = value {
        let mut put = connection.prepare_cached(
            "INSERT INTO kv (namespace, key, value, version) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (namespace, key) DO UPDATE SET value = excluded.value, version = excluded.version",
        )?;
        put.execute(params![namespace.as_str(), key, value, stored(version)])?;
    } else {
        let mut delete = connection.prepare_cached("DELETE FROM kv WHERE namespace = ?1 AND key = ?2")?;
        delete.execute([namespace.as_str(), key])?;
    }
    Ok(value.as_ref().map_or(0, |value| signed(value.len())) - before.unwrap_or(0))
}

/// The value of a key.
pub(crate) fn get(
    connection: &Connection,
    namespace: &Namespace,
    key: &str,
) -> Result<Option<KvEntry>, Fault> {
    let mut select =
        connection.prepare_cached("SELECT key, value, version FROM kv WHERE namespace = ?1 AND key = ?2")?;
    let mut rows = select.query([namespace.as_str(), key])?;
    rows.next()?.map(decode).transpose()
}

/// Where a list begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begin<'a> {
    /// What every key begins with.
    pub(crate) prefix: &'a str,
    /// What every key is greater than.
    pub(crate) after: Option<&'a str>,
}

/// Entries in key order. Keys compare by their bytes in SQLite as in Rust, so the keys of a prefix are neighbours and
/// the first that lacks it ends the list.
pub(crate) fn list(
    connection: &Connection,
    namespace: &Namespace,
    Begin { prefix, after }: Begin<'_>,
    limit: usize,
) -> Result<Vec<KvEntry>, Fault> {
    let (from, sql) = match after {
        Some(after) if after >= prefix => (
            after,
            "SELECT key, value, version FROM kv WHERE namespace = ?1 AND key > ?2 ORDER BY key LIMIT ?3",
        ),
        _ => (
            prefix,
            "SELECT key, value, version FROM kv WHERE namespace = ?1 AND key >= ?2 ORDER BY key LIMIT ?3",
        ),
    };
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = select.query(params![namespace.as_str(), from, stored(limit as u64)])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let has_prefix = row.get_ref(0)?.as_bytes().is_ok_and(|key| key.starts_with(prefix.as_bytes()));
        if !has_prefix {
            break;
        }
        entries.push(decode(row)?);
    }
    Ok(entries)
}

fn decode(row: &Row<'_>) -> Result<KvEntry, Fault> {
    let (key, value): (String, String) = (row.get(0)?, row.get(1)?);
    let value: Json = serde_json::from_str(&value)
        .map_err(|error| Fault::Damaged(format!("the value of the key {key:?} is no JSON: {error}")))?;
    Ok(KvEntry { key, value, version: counted(row.get(2)?)? })
}
