//! The tables `objects`, `object_bytes` and `parked`: what functions keep.

use nexus_kernel::BoxFuture;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::StoreError;
use nexus_kernel::port::blob::Hash;
use nexus_kernel::port::object::{Kept, Objects};
use nexus_kernel::port::parked::Parked;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::fault::{Fault, counted, stored};
use super::job::Job;
use super::store::{SqliteStore, check_size};

/// A change that the writer makes.
#[derive(Debug)]
pub(crate) enum Keep {
    /// Keep an object, unless the namespace would have too much.
    Put { namespace: Namespace, hash: Hash, bytes: Vec<u8>, bytes_max: u64 },
    /// Delete an object.
    Delete { namespace: Namespace, hash: Hash },
    /// Keep an execution that waits.
    Park { name: String, bytes: Vec<u8> },
    /// Let go of it.
    Unpark { name: String },
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    /// It was made.
    Yes,
    /// There was nothing to change.
    No,
    /// There was no room; the namespace has so many bytes.
    Full(u64),
}

/// Makes a change inside the open transaction.
pub(crate) fn apply(connection: &Connection, keep: &Keep) -> Result<Done, Fault> {
    match keep {
        Keep::Put { namespace, hash, bytes, bytes_max } => {
            if object(connection, namespace, hash)?.is_some() {
                return Ok(Done::Yes);
            }
            let used = bytes_of(connection, namespace)?;
            if used + bytes.len() as u64 > *bytes_max {
                return Ok(Done::Full(used));
            }
            let mut insert = connection
                .prepare_cached("INSERT INTO objects (namespace, hash, bytes) VALUES (?1, ?2, ?3)")?;
            insert.execute(params![namespace.as_str(), hash.as_str(), bytes])?;
            set_bytes(connection, namespace, used + bytes.len() as u64)?;
            Ok(Done::Yes)
        }
        Keep::Delete { namespace, hash } => {
            let mut delete = connection.prepare_cached(
                "DELETE FROM objects WHERE namespace = ?1 AND hash = ?2 RETURNING length(bytes)",
            )?;
            let gone = delete.query_row([namespace.as_str(), hash.as_str()], |row| row.get(0)).optional()?;
            let Some(gone) = gone.map(counted).transpose()? else { return Ok(Done::No) };
            set_bytes(connection, namespace, bytes_of(connection, namespace)?.saturating_sub(gone))?;
            Ok(Done::Yes)
        }
        Keep::Park { name, bytes } => {
            let mut insert = connection.prepare_cached(
                "INSERT INTO parked (name, bytes) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET bytes = excluded.bytes",
            )?;
            insert.execute(params![name, bytes])?;
            Ok(Done::Yes)
        }
        Keep::Unpark { name } => {
            let mut delete = connection.prepare_cached("DELETE FROM parked WHERE name = ?1")?;
            Ok(if delete.execute([name])? > 0 { Done::Yes } else { Done::No })
        }
    }
}

fn set_bytes(connection: &Connection, namespace: &Namespace, bytes: u64) -> rusqlite::Result<()> {
    let mut set = connection.prepare_cached(
        "INSERT INTO object_bytes (namespace, bytes) VALUES (?1, ?2)
         ON CONFLICT (namespace) DO UPDATE SET bytes = excluded.bytes",
    )?;
    set.execute(params![namespace.as_str(), stored(bytes)])?;
    Ok(())
}

fn bytes_of(connection: &Connection, namespace: &Namespace) -> Result<u64, Fault> {
    let mut select = connection.prepare_cached("SELECT bytes FROM object_bytes WHERE namespace = ?1")?;
    let found = select.query_row([namespace.as_str()], |row| row.get(0)).optional()?;
    found.map_or(Ok(0), counted)
}

/// The bytes of an object, which must still have their hash.
fn object(connection: &Connection, namespace: &Namespace, hash: &Hash) -> Result<Option<Vec<u8>>, Fault> {
    let mut select =
        connection.prepare_cached("SELECT bytes FROM objects WHERE namespace = ?1 AND hash = ?2")?;
    let place = [namespace.as_str(), hash.as_str()];
    let found: Option<Vec<u8>> = select.query_row(place, |row| row.get(0)).optional()?;
    match found {
        Some(bytes) if Hash::of(&bytes) != *hash => {
            Err(Fault::Damaged(format!("the object {hash} of {namespace} is not what was written")))
        }
        found => Ok(found),
    }
}

fn parked(connection: &Connection, name: &str) -> Result<Option<Vec<u8>>, Fault> {
    let mut select = connection.prepare_cached("SELECT bytes FROM parked WHERE name = ?1")?;
    Ok(select.query_row([name], |row| row.get(0)).optional()?)
}

fn names(connection: &Connection) -> Result<Vec<String>, Fault> {
    let mut select = connection.prepare_cached("SELECT name FROM parked ORDER BY name")?;
    let rows = select.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

impl SqliteStore {
    async fn keep(&self, keep: Keep) -> Result<Done, StoreError> {
        self.ask(move |answer| Job::Keep { keep, answer }).await
    }
}

impl Objects for SqliteStore {
    fn object_put(
        &self,
        namespace: &Namespace,
        bytes: Vec<u8>,
        bytes_max: u64,
    ) -> BoxFuture<'_, Result<Kept, StoreError>> {
        let namespace = namespace.clone();
        Box::pin(async move {
            check_size(bytes.len())?;
            let hash = Hash::of(&bytes);
            Ok(match self.keep(Keep::Put { namespace, hash: hash.clone(), bytes, bytes_max }).await? {
                Done::Full(used) => Kept::Full { used },
                Done::Yes | Done::No => Kept::At(hash),
            })
        })
    }

    fn object_get(
        &self,
        namespace: &Namespace,
        hash: &Hash,
    ) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        let (namespace, hash) = (namespace.clone(), hash.clone());
        Box::pin(self.inner.readers.read(move |connection| object(connection, &namespace, &hash)))
    }

    fn object_delete(&self, namespace: &Namespace, hash: &Hash) -> BoxFuture<'_, Result<bool, StoreError>> {
        let (namespace, hash) = (namespace.clone(), hash.clone());
        Box::pin(async move { Ok(self.keep(Keep::Delete { namespace, hash }).await? == Done::Yes) })
    }

    fn object_bytes(&self, namespace: &Namespace) -> BoxFuture<'_, Result<u64, StoreError>> {
        let namespace = namespace.clone();
        Box::pin(self.inner.readers.read(move |connection| bytes_of(connection, &namespace)))
    }
}

impl Parked for SqliteStore {
    fn parked_save(&self, name: &str, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), StoreError>> {
        let name = name.to_owned();
        Box::pin(async move {
            check_size(bytes.len())?;
            self.keep(Keep::Park { name, bytes }).await.map(drop)
        })
    }

    fn parked_load(&self, name: &str) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        let name = name.to_owned();
        Box::pin(self.inner.readers.read(move |connection| parked(connection, &name)))
    }

    fn parked_drop(&self, name: &str) -> BoxFuture<'_, Result<(), StoreError>> {
        let name = name.to_owned();
        Box::pin(async move { self.keep(Keep::Unpark { name }).await.map(drop) })
    }

    fn parked_names(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        Box::pin(self.inner.readers.read(names))
    }
}
