//! The tables `attributes` and `attribute_types`: what runs can be searched by.

use nexus_kernel::id::{Namespace, RunId};
use nexus_kernel::port::runs::{RunRow, UsedAttribute};
use nexus_kernel::visibility::{AttributeType, Scalar};
use rusqlite::types::Value;
use rusqlite::{Connection, params};

use super::fault::Fault;
use super::filter::value;

/// Writes the values of a row inside the open transaction; there are none of it yet.
pub(crate) fn write(connection: &Connection, row: &RunRow) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT OR IGNORE INTO attributes (namespace, name, kind, value, run_id) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut learn = connection.prepare_cached(
        "INSERT OR IGNORE INTO attribute_types (namespace, name, kind) VALUES (?1, ?2, ?3)",
    )?;
    let namespace = row.key.namespace.as_str();
    for (name, attribute) in row.attributes.iter() {
        let kind = attribute.kind().as_str();
        learn.execute(params![namespace, name, kind])?;
        for scalar in Scalar::of_value(attribute) {
            insert.execute(params![namespace, name, kind, value(&scalar), row.run_id.as_str()])?;
        }
    }
    Ok(())
}

/// Deletes the values of a run.
pub(crate) fn delete(connection: &Connection, run_id: &RunId) -> rusqlite::Result<()> {
    let mut delete = connection.prepare_cached("DELETE FROM attributes WHERE run_id = ?1")?;
    delete.execute([run_id.as_str()])?;
    Ok(())
}

/// All attributes that were ever used, in order of namespaces and names.
pub(crate) fn types(connection: &Connection) -> Result<Vec<UsedAttribute>, Fault> {
    let mut select = connection
        .prepare_cached("SELECT namespace, name, kind FROM attribute_types ORDER BY namespace, name")?;
    let mut rows = select.query([])?;
    let mut types = Vec::new();
    while let Some(row) = rows.next()? {
        let (namespace, name, kind): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        match (Namespace::new(&namespace), AttributeType::from_name(&kind)) {
            (Ok(namespace), Some(kind)) => types.push((namespace, name, kind)),
            _ => return Err(Fault::Damaged(format!("the attribute {namespace}/{name} has type {kind:?}"))),
        }
    }
    Ok(types)
}

/// Whether a run's values are exactly those of its row.
pub(crate) fn agree(connection: &Connection, row: &RunRow) -> rusqlite::Result<bool> {
    let mut select =
        connection.prepare_cached("SELECT namespace, name, kind, value FROM attributes WHERE run_id = ?1")?;
    let mut found = select.query([row.run_id.as_str()])?;
    let mut there = Vec::new();
    while let Some(value) = found.next()? {
        let (namespace, name, kind): (String, String, String) = (value.get(0)?, value.get(1)?, value.get(2)?);
        there.push((namespace, name, kind, value.get::<_, Value>(3)?));
    }
    let mut expected = Vec::new();
    for (name, attribute) in row.attributes.iter() {
        let kind = attribute.kind().as_str().to_owned();
        for scalar in Scalar::of_value(attribute) {
            let namespace = row.key.namespace.to_string();
            let entry = (namespace, name.to_owned(), kind.clone(), value(&scalar));
            if !expected.contains(&entry) {
                expected.push(entry);
            }
        }
    }
    Ok(there.len() == expected.len() && there.iter().all(|entry| expected.contains(entry)))
}
