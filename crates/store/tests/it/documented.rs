//! The page about the data folder says what is so.

use nexus_kernel::port::log::{Append, Log as _};
use nexus_kernel::testing::store_contract::{append, row};
use rusqlite::{Connection, OpenFlags};

use super::fixture::{Fresh, fresh, wait};

const PAGE: &str = include_str!("../../../../docs/store.md");

fn filled() -> (Fresh, Connection) {
    let fresh = fresh();
    let run = row(1, "default", "order");
    let record = r#"{"v":1,"at":1700000000000000,"runs":[]}"#;
    let element = Append { key: run.key.clone(), rows: vec![run], ..append("x", 0, record) };
    wait(fresh.append(vec![element])).unwrap();
    let path = fresh.folder.path().join("nexus.db");
    let shell = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    (fresh, shell)
}

#[test]
fn the_queries_of_the_page_have_answers() {
    let (_fresh, shell) = filled();
    let queries: Vec<_> =
        PAGE.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(queries.len(), 4);
    for query in queries {
        let mut statement = shell.prepare(query).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        let first = rows.next().unwrap().unwrap_or_else(|| panic!("no rows: {query}"));
        for column in 0..columns {
            assert_ne!(first.get_ref(column).unwrap(), rusqlite::types::ValueRef::Null, "{query}");
        }
    }
}

#[test]
fn every_table_and_column_is_on_the_page() {
    let (_fresh, shell) = filled();
    let sql = "SELECT tables.name, columns.name FROM sqlite_schema AS tables
        JOIN pragma_table_info(tables.name) AS columns WHERE tables.type = 'table'";
    let mut statement = shell.prepare(sql).unwrap();
    let columns = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    for column in columns {
        let (table, column): (String, String) = column.unwrap();
        let line = PAGE.lines().find(|line| line.starts_with(&format!("| `{table}` |")));
        assert!(line.is_some_and(|line| line.contains(&format!("`{column}`"))), "{table}.{column}");
    }
}

#[test]
fn a_copy_made_by_a_shell_is_a_store() {
    let (fresh, shell) = filled();
    let backup = tempfile::tempdir().unwrap();
    let path = backup.path().join("nexus.db");
    shell.execute("VACUUM INTO ?1", [path.to_str().unwrap()]).unwrap();
    let store = super::fixture::open(backup.path()).unwrap();
    let key = row(1, "default", "order").key;
    assert_eq!(wait(store.read(&key, 0)).unwrap(), wait(fresh.read(&key, 0)).unwrap());
}
