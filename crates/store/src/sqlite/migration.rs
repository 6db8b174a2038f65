//! Numbered changes of the file's layout, each applied once, whole or not at all.

use nexus_kernel::port::blob::Hash;
use rusqlite::{Connection, params};

use super::fault::Fault;

/// One step. A released step never changes: files remember its checksum.
pub(crate) struct Migration {
    /// From [`oldest`], without gaps; also the file's `user_version` afterwards.
    number: i32,
    /// What it is for, in a word or two.
    name: &'static str,
    /// What it does.
    sql: &'static str,
}

/// All steps in order. Format 1 was never released; its files are refused.
const ALL: &[Migration] = &[
    Migration { number: 2, name: "tables", sql: include_str!("migrations/0002_tables.sql") },
    Migration { number: 3, name: "functions", sql: include_str!("migrations/0003_functions.sql") },
    Migration { number: 4, name: "events", sql: include_str!("migrations/0004_events.sql") },
    Migration { number: 5, name: "usage", sql: include_str!("migrations/0005_usage.sql") },
    Migration { number: 6, name: "traces", sql: include_str!("migrations/0006_traces.sql") },
];

/// Remembers the steps that were taken. The number of the last one is the format version of the file.
const META: &str = "CREATE TABLE IF NOT EXISTS meta (
  format INTEGER PRIMARY KEY,
  name   TEXT NOT NULL,
  sha256 TEXT NOT NULL
) STRICT";

/// The format this version of Nexus writes.
pub(crate) fn newest() -> i32 {
    ALL.last().map_or(0, |migration| migration.number)
}

/// The oldest format this version of Nexus reads.
pub(crate) fn oldest() -> i32 {
    ALL.first().map_or(0, |migration| migration.number)
}

/// The format of a file.
pub(crate) fn format(connection: &Connection) -> rusqlite::Result<i32> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Takes the steps that the file has not seen, each in a transaction of its own.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), Fault> {
    let current = format(connection)?;
    for migration in ALL.iter().filter(|migration| migration.number > current) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(META)?;
        transaction.execute_batch(migration.sql)?;
        transaction.execute(
            "INSERT INTO meta (format, name, sha256) VALUES (?1, ?2, ?3)",
            params![migration.number, migration.name, Hash::of(migration.sql.as_bytes()).as_str()],
        )?;
        transaction.pragma_update(None, "user_version", migration.number)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Checks that the steps a file remembers are the ones we know; touches nothing.
pub(crate) fn verify(connection: &Connection) -> Result<(), Fault> {
    let current = format(connection)?;
    let mut statement = connection.prepare("SELECT format, sha256 FROM meta ORDER BY format")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, i32>(0)?, row.get::<_, String>(1)?)))?;
    let taken = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let known: Vec<_> = ALL
        .iter()
        .filter(|migration| migration.number <= current)
        .map(|migration| (migration.number, Hash::of(migration.sql.as_bytes()).to_string()))
        .collect();
    if taken == known {
        return Ok(());
    }
    Err(Fault::Damaged(format!("its tables are not those of format {current}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_gaps() {
        assert!((oldest()..).zip(ALL).all(|(number, migration)| migration.number == number));
    }

    #[test]
    fn released_steps_never_change() {
        let sums: Vec<_> = ALL.iter().map(|step| Hash::of(step.sql.as_bytes()).short().to_owned()).collect();
        assert_eq!(
            sums,
            ["90afd7a3c3bf", "6a2358d348ab", "d05a4a4bc89e", "7f81197ad0dc", "b1a6fb6bd59e"],
            "files out there remember these"
        );
    }

    #[test]
    fn steps_are_taken_once_and_checked() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
        verify(&connection).unwrap();
        assert_eq!(format(&connection).unwrap(), newest());
        connection.execute("UPDATE meta SET sha256 = 'other'", []).unwrap();
        assert!(matches!(verify(&connection), Err(Fault::Damaged(_))));
    }
}
