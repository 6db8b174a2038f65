//! The table `blobs`.

use nexus_kernel::port::blob::Hash;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::fault::Fault;

/// Writes bytes inside the open transaction, unless somebody else just did.
pub(crate) fn put(connection: &Connection, hash: &Hash, bytes: &[u8]) -> rusqlite::Result<()> {
    let mut insert = connection
        .prepare_cached("INSERT INTO blobs (hash, bytes) VALUES (?1, ?2) ON CONFLICT (hash) DO NOTHING")?;
    insert.execute(params![hash.as_str(), bytes])?;
    Ok(())
}

/// Which of these are the definition of no listed run. Reads the whole list when a definition is used no more.
pub(crate) fn unused(connection: &Connection, hashes: Vec<Hash>) -> Result<Vec<Hash>, Fault> {
    let mut select = connection.prepare_cached("SELECT 1 FROM runs WHERE definition = ?1 LIMIT 1")?;
    let mut unused = Vec::new();
    for hash in hashes {
        if !select.exists([hash.as_str()])? {
            unused.push(hash);
        }
    }
    Ok(unused)
}

/// Deletes bytes inside the open transaction, and tells how many there were.
pub(crate) fn delete(connection: &Connection, hashes: &[Hash]) -> rusqlite::Result<u64> {
    let mut delete = connection.prepare_cached("DELETE FROM blobs WHERE hash = ?1")?;
    let mut deleted = 0;
    for hash in hashes {
        deleted += delete.execute([hash.as_str()])? as u64;
    }
    Ok(deleted)
}

/// Whether the bytes are there, durably: readers see nothing that is not.
pub(crate) fn has(connection: &Connection, hash: &Hash) -> Result<bool, Fault> {
    let mut select = connection.prepare_cached("SELECT 1 FROM blobs WHERE hash = ?1")?;
    Ok(select.exists([hash.as_str()])?)
}

/// The bytes, which must still have their hash.
pub(crate) fn get(connection: &Connection, hash: &Hash) -> Result<Option<Vec<u8>>, Fault> {
    let mut select = connection.prepare_cached("SELECT bytes FROM blobs WHERE hash = ?1")?;
    let found: Option<Vec<u8>> = select.query_row([hash.as_str()], |row| row.get(0)).optional()?;
    match found {
        Some(bytes) if Hash::of(&bytes) != *hash => {
            Err(Fault::Damaged(format!("the bytes of {hash} are not what was written")))
        }
        found => Ok(found),
    }
}
