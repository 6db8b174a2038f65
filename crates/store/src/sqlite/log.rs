//! The tables `log` and `keys`.

use nexus_kernel::id::{Key, Namespace, WorkflowId};
use nexus_kernel::port::log::{Append, LiveKey, Refused, Stored, Trim};
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::crc::record_crc;
use super::fault::{Fault, counted, stored};
use super::heads::{Head, Heads};
use super::leases::Leases;
use super::runs;

/// Keys whose heads are remembered, at least: about 0.3 kB of memory each.
const HEADS_MIN: usize = 32_768;

/// A record as people can read it: text when it is text.
struct Record<'a>(&'a [u8]);

impl ToSql for Record<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match std::str::from_utf8(self.0) {
            Ok(text) => ValueRef::Text(text.as_bytes()),
            Err(_) => ValueRef::Blob(self.0),
        }))
    }
}

/// The writer's side of the log.
#[derive(Debug)]
pub(crate) struct LogWriter {
    heads: Heads,
}

impl LogWriter {
    /// A writer that remembers nothing yet.
    pub(crate) fn new() -> LogWriter {
        LogWriter { heads: Heads::new(HEADS_MIN) }
    }

    /// Appends one record inside the open transaction, or says why not. A refusal changes nothing.
    pub(crate) fn append(
        &mut self,
        connection: &Connection,
        leases: &Leases,
        append: Append,
    ) -> Result<Result<u64, Refused>, Fault> {
        if leases.is_stale(append.key.partition(), append.epoch) {
            return Ok(Err(Refused::StaleEpoch));
        }
        let head = self.head(connection, &append.key)?;
        let actual = head.map_or(0, |head| head.sequence);
        if actual != append.expected {
            if let Some(head) = head {
                self.heads.put(append.key, head);
            }
            return Ok(Err(Refused::Conflict { actual }));
        }
        let key_id = write_key(connection, head, &append)?;
        let sequence = actual + 1;
        let mut insert = connection
            .prepare_cached("INSERT INTO log (key_id, sequence, crc, record) VALUES (?1, ?2, ?3, ?4)")?;
        let crc = record_crc(key_id, stored(sequence), &append.record);
        insert.execute(params![key_id, stored(sequence), crc, Record(&append.record)])?;
        for row in &append.rows {
            runs::write(connection, row)?;
        }
        self.heads.put(append.key, Head { key_id, sequence, live: append.live });
        Ok(Ok(sequence))
    }

    /// Deletes records and rows inside the open transaction and tells how many bytes of records those were, or says why not.
    pub(crate) fn trim(
        &mut self,
        connection: &Connection,
        leases: &Leases,
        trim: &Trim,
    ) -> Result<Result<i64, Refused>, Fault> {
        if leases.is_stale(trim.key.partition(), trim.epoch) {
            return Ok(Err(Refused::StaleEpoch));
        }
        for run in &trim.runs {
            runs::delete(connection, run)?;
        }
        let Some(head) = self.head(connection, &trim.key)? else { return Ok(Ok(0)) };
        let mut delete = connection.prepare_cached(
            "DELETE FROM log WHERE key_id = ?1 AND sequence = ?2 RETURNING octet_length(record)",
        )?;
        let (mut deleted, mut bytes) = (0, 0);
        for sequence in &trim.sequences {
            let gone = delete.query_row(params![head.key_id, stored(*sequence)], |row| row.get::<_, i64>(0));
            if let Some(gone) = gone.optional()? {
                deleted += 1;
                bytes += gone;
            }
        }
        let mut any = connection.prepare_cached("SELECT 1 FROM log WHERE key_id = ?1")?;
        if any.exists([head.key_id])? {
            let mut keep = connection.prepare_cached(
                "UPDATE keys SET floor = max(floor, ?2), trimmed = trimmed + ?3 WHERE key_id = ?1",
            )?;
            keep.execute(params![head.key_id, stored(head.sequence), deleted])?;
        } else {
            connection.prepare_cached("DELETE FROM keys WHERE key_id = ?1")?.execute([head.key_id])?;
            self.heads.remove(&trim.key);
        }
        Ok(Ok(bytes))
    }

    fn head(&self, connection: &Connection, key: &Key) -> Result<Option<Head>, Fault> {
        if let Some(head) = self.heads.get(key) {
            return Ok(Some(head));
        }
        let mut select = connection.prepare_cached(
            "SELECT key_id, live,
               max(floor, (SELECT coalesce(max(sequence), 0) FROM log WHERE log.key_id = keys.key_id))
             FROM keys WHERE workflow_id = ?1 AND namespace = ?2",
        )?;
        let parts = [key.workflow_id.as_str(), key.namespace.as_str()];
        let found = select.query_row(parts, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
        let head = found.map(|(key_id, live, sequence)| {
            Ok::<_, Fault>(Head { key_id, live, sequence: counted(sequence)? })
        });
        head.transpose()
    }
}

/// The number of the key, which is written when it is new and touched only when its flag changes.
fn write_key(connection: &Connection, head: Option<Head>, append: &Append) -> rusqlite::Result<i64> {
    let Some(head) = head else {
        let mut insert = connection
            .prepare_cached("INSERT INTO keys (namespace, workflow_id, live) VALUES (?1, ?2, ?3)")?;
        let (namespace, id) = (append.key.namespace.as_str(), append.key.workflow_id.as_str());
        return insert.insert(params![namespace, id, append.live]);
    };
    if head.live != append.live {
        let mut update = connection.prepare_cached("UPDATE keys SET live = ?2 WHERE key_id = ?1")?;
        update.execute(params![head.key_id, append.live])?;
    }
    Ok(head.key_id)
}

/// Records of a key after a sequence.
pub(crate) fn read(connection: &Connection, key: &Key, after: u64) -> Result<Vec<Stored>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT key_id, sequence, crc, record FROM log WHERE sequence > ?3
         AND key_id = (SELECT key_id FROM keys WHERE workflow_id = ?1 AND namespace = ?2) ORDER BY sequence",
    )?;
    let parts = params![key.workflow_id.as_str(), key.namespace.as_str(), stored(after)];
    let mut rows = select.query(parts)?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(record(row)?);
    }
    Ok(records)
}

/// The index is named because the planner would rather read all keys that ever were.
const LIVE: &str = "SELECT key_id, namespace, workflow_id FROM keys INDEXED BY keys_live
     WHERE live = 1 AND key_id > ?1 ORDER BY key_id LIMIT ?2";

/// Live keys after a cursor with their records, as of one moment.
pub(crate) fn live(connection: &Connection, after: u64, limit: usize) -> Result<Vec<LiveKey>, Fault> {
    let moment = connection.unchecked_transaction()?;
    let mut select = connection.prepare_cached(LIVE)?;
    let mut of_key = connection.prepare_cached(
        "SELECT key_id, sequence, crc, record FROM log WHERE key_id = ?1 ORDER BY sequence",
    )?;
    let mut rows = select.query(params![stored(after), stored(limit as u64)])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        let key_id: i64 = row.get(0)?;
        let mut live = LiveKey { cursor: counted(key_id)?, key: key(row, 1)?, records: Vec::new() };
        let mut records = of_key.query([key_id])?;
        while let Some(row) = records.next()? {
            live.records.push(record(row)?);
        }
        keys.push(live);
    }
    drop(rows);
    moment.finish()?;
    Ok(keys)
}

/// A record from the columns `key_id`, `sequence`, `crc` and `record`. What is not what was written is never handed out.
pub(crate) fn record(row: &Row<'_>) -> Result<Stored, Fault> {
    let (key_id, number, crc): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let sequence = counted(number)?;
    let bytes = row.get_ref(3)?.as_bytes();
    let bytes = bytes.map_err(|error| Fault::Damaged(format!("record {sequence} of a key: {error}")))?;
    if record_crc(key_id, number, bytes) != crc {
        return Err(Fault::Damaged(format!("record {sequence} of key {key_id} does not have its checksum")));
    }
    Ok(Stored { sequence, record: bytes.to_vec() })
}

/// A key from two columns, the namespace first.
pub(crate) fn key(row: &Row<'_>, at: usize) -> Result<Key, Fault> {
    let (namespace, id): (String, String) = (row.get(at)?, row.get(at + 1)?);
    match (Namespace::new(&namespace), WorkflowId::new(&id)) {
        (Ok(namespace), Ok(workflow_id)) => Ok(Key { namespace, workflow_id }),
        _ => Err(Fault::Damaged(format!("{namespace:?}, {id:?} is no namespace and workflow id"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::migration::migrate;

    #[test]
    fn live_keys_are_found_without_looking_at_the_others() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        let explain = format!("EXPLAIN QUERY PLAN {LIVE}");
        let plan: String = connection.query_row(&explain, [0, 9], |row| row.get(3)).unwrap();
        assert_eq!(plan, "SEARCH keys USING INDEX keys_live (live=? AND rowid>?)");
    }

    #[test]
    fn text_is_stored_as_text() {
        let connection = Connection::open_in_memory().unwrap();
        for (bytes, kind) in [("{}".as_bytes(), "text"), ("\"é\"".as_bytes(), "text"), (&[0xff], "blob")] {
            let stored: String =
                connection.query_row("SELECT typeof(?1)", [Record(bytes)], |row| row.get(0)).unwrap();
            assert_eq!(stored, kind);
        }
    }
}
