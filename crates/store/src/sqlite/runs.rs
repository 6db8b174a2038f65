//! The table `runs`: the list of runs.

use nexus_kernel::id::RunId;
use nexus_kernel::port::runs::{RunFilter, RunRow, RunStatus};
use nexus_kernel::time::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};

use super::fault::{Fault, stored};
use super::log::key;

const COLUMNS: &str = "run_id, namespace, workflow_id, workflow, status, started_at, closed_at";

/// Writes a row in the place of the run's former one. Nearly always only the outcome changes, and then three of the
/// four indexes need not be touched.
pub(crate) fn write(connection: &Connection, row: &RunRow) -> rusqlite::Result<()> {
    let all = params![
        row.run_id.as_str(),
        row.key.namespace.as_str(),
        row.key.workflow_id.as_str(),
        row.workflow,
        row.status.as_str(),
        row.started_at.micros(),
        row.closed_at.map(Timestamp::micros),
    ];
    let mut update = connection.prepare_cached(
        "UPDATE runs SET status = ?5, closed_at = ?7
         WHERE run_id = ?1 AND namespace = ?2 AND workflow_id = ?3 AND workflow = ?4 AND started_at = ?6",
    )?;
    if update.execute(all)? == 0 {
        let mut replace = connection.prepare_cached(
            "REPLACE INTO runs (run_id, namespace, workflow_id, workflow, status, started_at, closed_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        replace.execute(all)?;
    }
    Ok(())
}

/// The row of a run.
pub(crate) fn get(connection: &Connection, run_id: &RunId) -> Result<Option<RunRow>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM runs WHERE run_id = ?1");
    let mut select = connection.prepare_cached(&sql)?;
    let mut rows = select.query([run_id.as_str()])?;
    rows.next()?.map(decode).transpose()
}

/// Rows that fit, newest first.
pub(crate) fn list(connection: &Connection, filter: &RunFilter) -> Result<Vec<RunRow>, Fault> {
    let (sql, values) = query(filter);
    let mut select = connection.prepare_cached(&sql)?;
    let mut rows = select.query(params_from_iter(values))?;
    let mut list = Vec::new();
    while let Some(row) = rows.next()? {
        list.push(decode(row)?);
    }
    Ok(list)
}

/// Only the conditions that are asked for appear, so that each combination gets the index it deserves.
fn query(filter: &RunFilter) -> (String, Vec<Value>) {
    let text = |text: &str| Value::Text(text.to_owned());
    let conditions = [
        ("namespace = ?", filter.namespace.as_ref().map(|namespace| text(namespace.as_str()))),
        ("workflow = ?", filter.workflow.as_deref().map(text)),
        ("status = ?", filter.status.map(|status| text(status.as_str()))),
        ("run_id < ?", filter.before.as_ref().map(|before| text(before.as_str()))),
    ];
    let mut sql = format!("SELECT {COLUMNS} FROM runs");
    let mut values = Vec::new();
    for (condition, value) in conditions {
        if let Some(value) = value {
            sql.push_str(if values.is_empty() { " WHERE " } else { " AND " });
            sql.push_str(condition);
            values.push(value);
        }
    }
    sql.push_str(" ORDER BY run_id DESC LIMIT ?");
    values.push(Value::Integer(stored(filter.limit as u64)));
    (sql, values)
}

fn decode(row: &Row<'_>) -> Result<RunRow, Fault> {
    let (run_id, status): (String, String) = (row.get(0)?, row.get(4)?);
    let (Ok(run_id), Some(status)) = (RunId::parse(&run_id), RunStatus::from_wire(&status)) else {
        return Err(Fault::Damaged(format!("the list of runs has a run {run_id:?} of status {status:?}")));
    };
    Ok(RunRow {
        key: key(row, 1)?,
        run_id,
        workflow: row.get(3)?,
        status,
        started_at: Timestamp::from_micros(row.get(5)?),
        closed_at: row.get::<_, Option<i64>>(6)?.map(Timestamp::from_micros),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::migration::migrate;
    use nexus_kernel::id::Namespace;

    /// How SQLite would carry out a list, as its own words.
    fn plan(filter: &RunFilter) -> String {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        let (sql, values) = query(filter);
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = explain.query_map(params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
        steps.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn every_list_follows_an_index_and_sorts_nothing() {
        let namespace = Some(Namespace::default());
        let before = RunId::parse("run_0688ab1tdpv3h9m5x7cq2wnk4e").ok();
        for (workflow, status, index) in [
            (None, None, "runs_namespace (namespace=? AND run_id<?)"),
            (None, Some(RunStatus::Running), "runs_status (namespace=? AND status=? AND run_id<?)"),
            (Some("ship".to_owned()), None, "runs_workflow (namespace=? AND workflow=? AND run_id<?)"),
        ] {
            let filter = RunFilter {
                namespace: namespace.clone(),
                workflow,
                status,
                before: before.clone(),
                limit: 9,
            };
            let plan = plan(&filter);
            assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{filter:?}: {plan}");
        }
        let all = plan(&RunFilter { limit: 9, ..RunFilter::default() });
        assert_eq!(all, "SCAN runs", "the newest are at the end of the table itself");
    }
}
