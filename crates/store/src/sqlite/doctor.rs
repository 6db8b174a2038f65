//! Examining a data folder: everything is read, nothing is changed. A server may be working on it meanwhile: all is one
//! moment of the file.

use std::path::Path;

use nexus_kernel::id::Key;
use nexus_kernel::port::blob::Hash;
use nexus_kernel::port::log::Stored;
use nexus_kernel::port::runs::RunRow;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::connection::{self, Purpose};
use super::fault::Fault;
use super::lock::FolderLock;
use super::{FILE_NAME, attributes, inspect, log, runs, wal};

/// Most findings of one kind that are told one by one.
const TOLD_MAX: usize = 20;

/// A write-ahead log of this length (128 MiB) means that checkpoints do not get through.
const LOG_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// As it should be.
    Good,
    /// Worth knowing.
    Warning,
    /// Something is lost or wrong.
    Error,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at: `format`, `file`, `records` and so on.
    pub check: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is so.
    pub message: String,
    /// What to do about it.
    pub advice: Option<&'static str>,
}

/// Everything that is stored of a key, for whoever understands its records.
#[derive(Debug)]
pub struct KeyImage {
    /// The key.
    pub key: Key,
    /// Whether it is marked as having work to do.
    pub live: bool,
    /// Its records in order.
    pub records: Vec<Stored>,
    /// The rows of its runs.
    pub rows: Vec<RunRow>,
}

/// Looks at a key's records and rows, and tells what does not fit.
pub type Visit<'a> = &'a mut dyn FnMut(KeyImage) -> Vec<String>;

const RESTORE: &str = "keep a copy of the folder, then restore the newest backup that has no fault";
const REPORT: &str =
    "keep a copy of the folder and report this: it is a fault in Nexus, or another program wrote to the file";

/// Examines a data folder.
pub fn examine(folder: &Path, visit: Visit<'_>) -> Vec<Finding> {
    let path = folder.join(FILE_NAME);
    let mut findings = Vec::new();
    match FolderLock::take(folder) {
        Ok(_lock) => findings.push(good("owner", "no server uses the folder")),
        Err(error) => findings.push(good("owner", error.message())),
    }
    findings.push(match wal::path_of(&path).metadata().map_or(0, |log| log.len()) {
        bytes if bytes > LOG_BYTES_MAX => warning(
            "log",
            format!("the write-ahead log has {} MiB", bytes >> 20),
            "a program that reads the file for long keeps the log from beginning anew: look for forgotten shells",
        ),
        bytes => good("log", format!("the write-ahead log has {} KiB", bytes >> 10)),
    });
    findings.extend(examine_file(&path, visit));
    findings
}

/// Examines a database file.
pub(crate) fn examine_file(path: &Path, visit: Visit<'_>) -> Vec<Finding> {
    if let Err(error) = inspect::header(path) {
        return vec![fault("format", error.message(), RESTORE)];
    }
    let connection = match connection::open(path, Purpose::Read) {
        Ok(connection) => connection,
        Err(error) => return vec![fault("format", format!("the file cannot be opened: {error}"), RESTORE)],
    };
    if let Err(error) = inspect::tables(path, &connection) {
        return vec![fault("format", error.message(), RESTORE)];
    }
    let mut examination = Examination { connection: &connection, findings: Vec::new() };
    examination.findings.push(good("format", format!("format {}", super::migration::newest())));
    let moment = match connection.unchecked_transaction() {
        Ok(moment) => moment,
        Err(error) => return vec![fault("file", error.to_string(), RESTORE)],
    };
    examination.run(visit);
    drop(moment);
    examination.findings
}

fn good(check: &'static str, message: impl Into<String>) -> Finding {
    Finding { check, severity: Severity::Good, message: message.into(), advice: None }
}

fn warning(check: &'static str, message: impl Into<String>, advice: &'static str) -> Finding {
    Finding { check, severity: Severity::Warning, message: message.into(), advice: Some(advice) }
}

fn fault(check: &'static str, message: impl Into<String>, advice: &'static str) -> Finding {
    Finding { check, severity: Severity::Error, message: message.into(), advice: Some(advice) }
}

struct Examination<'a> {
    connection: &'a Connection,
    findings: Vec<Finding>,
}

impl Examination<'_> {
    fn run(&mut self, visit: Visit<'_>) {
        self.file();
        let keys = self.keys(visit);
        self.conclude("records", keys);
        self.conclude("runs", strays(self.connection));
        self.conclude("blobs", blobs(self.connection));
        self.conclude("values", values(self.connection));
        self.conclude("events", events(self.connection));
        self.conclude("leases", leases(self.connection));
        self.space();
    }

    /// What SQLite itself finds: pages, order of rows, indexes that disagree with their tables.
    fn file(&mut self) {
        let mut verdicts = Vec::new();
        let mut read = || -> rusqlite::Result<()> {
            let mut check = self.connection.prepare(&format!("PRAGMA integrity_check({TOLD_MAX})"))?;
            let mut rows = check.query([])?;
            while let Some(row) = rows.next()? {
                verdicts.push(row.get::<_, String>(0)?);
            }
            Ok(())
        };
        let read = read();
        if let Err(error) = read {
            verdicts.push(error.to_string());
        }
        if verdicts == ["ok"] {
            return self.findings.push(good("file", "every page and index is sound"));
        }
        self.findings.extend(verdicts.into_iter().map(|verdict| fault("file", verdict, RESTORE)));
    }

    /// Every key with its records and rows.
    fn keys(&self, visit: Visit<'_>) -> Outcome {
        let mut outcome = Told::default();
        let mut keys = self.connection.prepare(
            "SELECT key_id, live, floor, trimmed, namespace, workflow_id FROM keys ORDER BY key_id",
        )?;
        let mut rows = keys.query([])?;
        let (mut count, mut records) = (0_u64, 0_u64);
        while let Some(row) = rows.next()? {
            let head = KeyHead {
                key_id: row.get(0)?,
                live: row.get(1)?,
                floor: row.get(2)?,
                trimmed: row.get(3)?,
                key: log::key(row, 4)?,
            };
            count += 1;
            records += self.key(head, visit, &mut outcome)?;
        }
        outcome.summary =
            format!("{records} records of {count} keys have their checksums and follow each other");
        Ok(outcome)
    }

    fn key(&self, head: KeyHead, visit: Visit<'_>, told: &mut Told) -> Result<u64, Fault> {
        let mut select = self.connection.prepare_cached(
            "SELECT key_id, sequence, crc, record FROM log WHERE key_id = ?1 ORDER BY sequence",
        )?;
        let mut rows = select.query([head.key_id])?;
        let mut records = Vec::new();
        while let Some(row) = rows.next()? {
            match log::record(row) {
                Ok(record) => records.push(record),
                Err(fault) => told.fault(format!("{}: {fault}", head.key), RESTORE),
            }
        }
        let there = records.len() as u64;
        let last = records.last().map_or(0, |record| record.sequence);
        let trimmed = u64::try_from(head.trimmed).unwrap_or(0);
        let expected = last.max(u64::try_from(head.floor).unwrap_or(0));
        if there + trimmed != expected {
            let missing =
                format!("{}: {there} records are there and {trimmed} were deleted, of {expected}", head.key);
            told.fault(missing, RESTORE);
        }
        let rows = self.rows_of(&head.key, told)?;
        let image = KeyImage { key: head.key, live: head.live, records, rows };
        for misfit in visit(image) {
            told.fault(misfit, REPORT);
        }
        Ok(there)
    }

    fn rows_of(&self, key: &Key, told: &mut Told) -> Result<Vec<RunRow>, Fault> {
        let mut select = self.connection.prepare_cached(
            "SELECT run_id FROM runs WHERE workflow_id = ?1 AND namespace = ?2 ORDER BY started_at, run_id",
        )?;
        let mut found = select.query(params![key.workflow_id.as_str(), key.namespace.as_str()])?;
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            let id: String = row.get(0)?;
            match runs::get_text(self.connection, &id) {
                Ok(Some(row)) => {
                    if !attributes::agree(self.connection, &row)? {
                        told.fault(format!("{id}: its search attributes are not those of its row"), REPORT);
                    }
                    rows.push(row);
                }
                Ok(None) => {}
                Err(fault) => told.fault(format!("{id}: {fault}"), RESTORE),
            }
        }
        Ok(rows)
    }

    fn conclude(&mut self, check: &'static str, outcome: Outcome) {
        match outcome {
            Err(error) => self.findings.push(fault(check, error.to_string(), RESTORE)),
            Ok(told) if told.faults.is_empty() => self.findings.push(good(check, told.summary)),
            Ok(told) => {
                let rest = told.faults.len().saturating_sub(TOLD_MAX);
                let shown = told.faults.into_iter().take(TOLD_MAX);
                self.findings.extend(shown.map(|(message, advice, severity)| Finding {
                    check,
                    severity,
                    message,
                    advice: Some(advice),
                }));
                if rest > 0 {
                    self.findings.push(fault(check, format!("and {rest} more of this kind"), RESTORE));
                }
            }
        }
    }

    fn space(&mut self) {
        let pages = |name: &str| {
            let sql = format!("PRAGMA {name}");
            self.connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap_or(0)
        };
        let (all, free) = (pages("page_count"), pages("freelist_count"));
        let told = format!("{} KiB, of which {} KiB are free for what comes next", all * 4, free * 4);
        self.findings.push(good("size", told));
    }
}

struct KeyHead {
    key_id: i64,
    live: bool,
    floor: i64,
    trimmed: i64,
    key: Key,
}

#[derive(Default)]
struct Told {
    faults: Vec<(String, &'static str, Severity)>,
    summary: String,
}

type Outcome = Result<Told, Fault>;

impl Told {
    fn fault(&mut self, message: String, advice: &'static str) {
        self.faults.push((message, advice, Severity::Error));
    }
}

fn number(connection: &Connection, sql: &str) -> rusqlite::Result<i64> {
    connection.query_row(sql, [], |row| row.get(0))
}

/// Rows that belong to nothing, and definitions that are missing.
fn strays(connection: &Connection) -> Outcome {
    let mut told = Told {
        summary: format!("{} runs are listed", number(connection, "SELECT count(*) FROM runs")?),
        ..Told::default()
    };
    for (sql, what) in [
        (
            "SELECT count(*) FROM log WHERE key_id NOT IN (SELECT key_id FROM keys)",
            "records belong to no key",
        ),
        (
            "SELECT count(*) FROM runs WHERE NOT EXISTS (SELECT 1 FROM keys
               WHERE keys.workflow_id = runs.workflow_id AND keys.namespace = runs.namespace)",
            "listed runs have no records",
        ),
        (
            "SELECT count(*) FROM attributes WHERE run_id NOT IN (SELECT run_id FROM runs)",
            "search attributes belong to no run",
        ),
    ] {
        let count = number(connection, sql)?;
        if count > 0 {
            told.fault(format!("{count} {what}"), REPORT);
        }
    }
    let missing = "SELECT count(*) FROM runs WHERE definition IS NOT NULL AND definition NOT IN (SELECT hash FROM blobs)";
    let open = number(connection, &format!("{missing} AND closed_at IS NULL"))?;
    if open > 0 {
        told.fault(format!("the definitions of {open} open runs are missing: they cannot go on"), RESTORE);
    }
    let closed = number(connection, &format!("{missing} AND closed_at IS NOT NULL"))?;
    if closed > 0 {
        let message = format!("the definitions of {closed} closed runs are missing: they cannot be replayed");
        told.faults.push((message, RESTORE, Severity::Warning));
    }
    Ok(told)
}

fn blobs(connection: &Connection) -> Outcome {
    let mut told = Told::default();
    let since_3 = " UNION ALL SELECT hash, bytes FROM objects";
    let more = if super::migration::format(connection)? >= 3 { since_3 } else { "" };
    let mut select = connection.prepare(&format!("SELECT hash, bytes FROM blobs{more}"))?;
    let mut rows = select.query([])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let hash: String = row.get(0)?;
        let bytes = row.get_ref(1)?.as_blob().map_err(|error| Fault::Damaged(error.to_string()))?;
        count += 1;
        if Hash::of(bytes).as_str() != hash {
            told.fault(format!("the bytes of {hash} are not what was written"), RESTORE);
        }
    }
    told.summary = format!("{count} blobs have their hashes");
    Ok(told)
}

fn values(connection: &Connection) -> Outcome {
    let mut told = Told::default();
    let count = number(connection, "SELECT count(*) FROM kv")?;
    let broken = number(connection, "SELECT count(*) FROM kv WHERE NOT json_valid(value)")?;
    if broken > 0 {
        told.fault(format!("{broken} values of programs are no JSON"), RESTORE);
    }
    let sql =
        "SELECT count(*) FROM kv WHERE version > (SELECT value FROM counters WHERE name = 'kv_version')";
    let ahead = number(connection, sql)?;
    if ahead > 0 {
        told.fault(format!("{ahead} values have versions that were never given out"), REPORT);
    }
    told.summary = format!("{count} values of programs are readable");
    Ok(told)
}

/// What is kept of a namespace's events must be the newest part of its log, without a hole.
fn events(connection: &Connection) -> Outcome {
    let mut told = Told::default();
    if super::migration::format(connection)? < 4 {
        return Ok(told);
    }
    for (sql, what, advice) in [
        ("SELECT count(*) FROM events WHERE NOT json_valid(data)", "events have data that are no JSON", RESTORE),
        (
            "SELECT count(*) FROM (SELECT namespace, count(*) AS there, min(sequence) AS first, max(sequence) AS last
               FROM events GROUP BY namespace) AS log LEFT JOIN event_heads AS head USING (namespace)
             WHERE log.there != log.last - log.first + 1 OR head.last IS NOT log.last",
            "logs of events have a hole or do not end where they say",
            REPORT,
        ),
    ] {
        let count = number(connection, sql)?;
        if count > 0 {
            told.fault(format!("{count} {what}"), advice);
        }
    }
    told.summary = format!("{} events follow each other", number(connection, "SELECT count(*) FROM events")?);
    Ok(told)
}

fn leases(connection: &Connection) -> Outcome {
    let mut told = Told::default();
    let epoch: Option<i64> = connection
        .query_row("SELECT value FROM counters WHERE name = 'epoch'", [], |row| row.get(0))
        .optional()?;
    let newest = number(connection, "SELECT coalesce(max(epoch), 0) FROM lease")?;
    let Some(epoch) = epoch else {
        told.fault("the counter of claims is missing".to_owned(), RESTORE);
        return Ok(told);
    };
    told.summary = format!("the last claim is number {epoch}");
    if newest > epoch {
        told.fault(format!("a claim has number {newest}, but only {epoch} were given out"), REPORT);
    }
    Ok(told)
}
