//! What SQLite reports, sorted into what the ports can say.

use nexus_kernel::port::StoreError;
use rusqlite::{Error, ErrorCode};

/// A fault inside the store, before it is told to a caller.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// SQLite refused.
    #[error(transparent)]
    Sql(#[from] Error),
    /// What was read is not what was written.
    #[error("{0}")]
    Damaged(String),
}

impl Fault {
    /// Whether the file is at fault rather than the disk, the system or us.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Fault::Damaged(_) => true,
            Fault::Sql(error) => is_damage(error),
        }
    }
}

/// A column of a type we never wrote is damage as much as a broken page is, and so is a table that is missing.
fn is_damage(error: &Error) -> bool {
    match error {
        Error::SqliteFailure(failure, _) => {
            // The general code means that a statement does not fit the tables, and all our statements fit ours.
            matches!(failure.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
                || failure.extended_code == rusqlite::ffi::SQLITE_ERROR
        }
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::SqlInputError { .. }
        | Error::Utf8Error(..) => true,
        _ => false,
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> StoreError {
        if fault.is_damage() {
            return StoreError::Damaged(fault.to_string());
        }
        StoreError::Failed(fault.to_string())
    }
}

/// A number as SQLite keeps it. Numbers beyond its range are beyond everything stored, so the largest stands for them.
pub(crate) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number as we use it; a negative one was never written by us.
pub(crate) fn counted(number: i64) -> Result<u64, Fault> {
    u64::try_from(number).map_err(|_| Fault::Damaged(format!("{number} cannot be a sequence or version")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    #[test]
    fn damage_is_told_from_failure() {
        let connection = Connection::open_in_memory().unwrap();
        let wrong_type = connection.query_row("SELECT 'x'", [], |row| row.get::<_, i64>(0)).unwrap_err();
        assert!(matches!(StoreError::from(Fault::from(wrong_type)), StoreError::Damaged(_)));
        let no_table = connection.execute("SELECT x FROM nothing", []).unwrap_err();
        assert!(matches!(StoreError::from(Fault::from(no_table)), StoreError::Damaged(_)));
        connection.execute_batch("CREATE TABLE t (x UNIQUE); INSERT INTO t VALUES (1)").unwrap();
        let refused = connection.execute("INSERT INTO t VALUES (1)", []).unwrap_err();
        assert!(matches!(StoreError::from(Fault::from(refused)), StoreError::Failed(_)));
        assert!(matches!(counted(-1), Err(Fault::Damaged(_))));
        assert_eq!(stored(u64::MAX), i64::MAX);
    }
}
