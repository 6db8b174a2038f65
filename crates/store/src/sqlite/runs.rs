//! The table `runs`: the list of runs.

use nexus_kernel::Json;
use nexus_kernel::id::{Namespace, RunId, WorkflowId};
use nexus_kernel::port::blob::Hash;
use nexus_kernel::port::runs::{HistorySize, RunRef, RunRow, RunStatus};
use nexus_kernel::time::Timestamp;
use nexus_kernel::visibility::order::Direction;
use nexus_kernel::visibility::query::GROUPS_MAX;
use nexus_kernel::visibility::{
    Attribute, Attributes, Comparison, Filter, Group, RunCount, RunQuery, Scalar, SystemAttribute as S, Test,
};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};

use super::attributes;
use super::fault::{Fault, counted, stored};
use super::filter::Sql;
use super::log::key;

const COLUMNS: &str = "runs.run_id, runs.namespace, runs.workflow_id, runs.workflow, runs.status, runs.started_at,
    runs.execution_at, runs.closed_at, runs.task_queue, runs.definition, runs.events, runs.bytes, runs.transitions,
    runs.parent_workflow_id, runs.parent_run_id, runs.root_workflow_id, runs.root_run_id, runs.attributes, runs.memo";

/// A list is driven by an attribute's values when these are the values of at most so many runs; of more, the list's
/// own order finds a page sooner.
const DRIVEN_RUNS_MAX: i64 = 5_000;

/// Most namespaces whose lists are put together; with more, all runs are sorted.
const NAMESPACES_MERGED_MAX: usize = 100;

/// How far a count looks to find its most selective condition.
const PROBED_RUNS_MAX: i64 = 50_000;

/// Writes a row in the place of the run's former one. Mostly only the outcome changes, and then neither the indexes by
/// start and id nor the attributes need be touched.
pub(crate) fn write(connection: &Connection, row: &RunRow) -> Result<(), Fault> {
    let attributes = attributes_text(row);
    let mut former = connection.prepare_cached(
        "SELECT namespace = ?2 AND workflow_id = ?3 AND workflow = ?4 AND started_at = ?5, attributes
         FROM runs WHERE run_id = ?1",
    )?;
    let (namespace, id) = (row.key.namespace.as_str(), row.key.workflow_id.as_str());
    let identity = params![row.run_id.as_str(), namespace, id, row.workflow, row.started_at.micros()];
    let former: Option<(bool, Option<String>)> =
        former.query_row(identity, |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    match former {
        None => insert(connection, row, attributes.as_deref())?,
        Some((true, before)) => {
            update(connection, row, attributes.as_deref())?;
            if before != attributes {
                attributes::delete(connection, &row.run_id)?;
                attributes::write(connection, row)?;
            }
        }
        Some((false, _)) => {
            delete(connection, &row.run_id)?;
            insert(connection, row, attributes.as_deref())?;
        }
    }
    Ok(())
}

/// Absent when there are none, which is the usual case.
fn attributes_text(row: &RunRow) -> Option<String> {
    if row.attributes.is_empty() {
        return None;
    }
    // Maps with text keys and plain values always have a JSON form.
    serde_json::to_string(&row.attributes).ok()
}

fn memo_text(row: &RunRow) -> Option<String> {
    (!row.memo.is_null()).then(|| row.memo.to_string())
}

fn insert(connection: &Connection, row: &RunRow, attributes: Option<&str>) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO runs (run_id, namespace, workflow_id, workflow, status, started_at, execution_at, closed_at,
           task_queue, definition, events, bytes, transitions, parent_workflow_id, parent_run_id, root_workflow_id,
           root_run_id, attributes, memo)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)",
    )?;
    let history = row.history.as_ref();
    let (parent, root) = (row.parent.as_ref(), row.root.as_ref());
    insert.execute(params![
        row.run_id.as_str(),
        row.key.namespace.as_str(),
        row.key.workflow_id.as_str(),
        row.workflow,
        row.status.as_str(),
        row.started_at.micros(),
        row.execution_at.micros(),
        row.closed_at.map(Timestamp::micros),
        row.task_queue,
        row.definition.as_ref().map(Hash::as_str),
        history.map(|history| stored(history.events)),
        history.map(|history| stored(history.bytes)),
        history.map(|history| stored(history.transitions)),
        parent.map(|parent| parent.workflow_id.as_str()),
        parent.map(|parent| parent.run_id.as_str()),
        root.map(|root| root.workflow_id.as_str()),
        root.map(|root| root.run_id.as_str()),
        attributes,
        memo_text(row),
    ])?;
    if attributes.is_some() {
        attributes::write(connection, row)?;
    }
    Ok(())
}

fn update(connection: &Connection, row: &RunRow, attributes: Option<&str>) -> rusqlite::Result<()> {
    let mut update = connection.prepare_cached(
        "UPDATE runs SET status = ?2, execution_at = ?3, closed_at = ?4, task_queue = ?5, definition = ?6, events = ?7,
           bytes = ?8, transitions = ?9, parent_workflow_id = ?10, parent_run_id = ?11, root_workflow_id = ?12,
           root_run_id = ?13, attributes = ?14, memo = ?15
         WHERE run_id = ?1",
    )?;
    let history = row.history.as_ref();
    let (parent, root) = (row.parent.as_ref(), row.root.as_ref());
    update.execute(params![
        row.run_id.as_str(),
        row.status.as_str(),
        row.execution_at.micros(),
        row.closed_at.map(Timestamp::micros),
        row.task_queue,
        row.definition.as_ref().map(Hash::as_str),
        history.map(|history| stored(history.events)),
        history.map(|history| stored(history.bytes)),
        history.map(|history| stored(history.transitions)),
        parent.map(|parent| parent.workflow_id.as_str()),
        parent.map(|parent| parent.run_id.as_str()),
        root.map(|root| root.workflow_id.as_str()),
        root.map(|root| root.run_id.as_str()),
        attributes,
        memo_text(row),
    ])?;
    Ok(())
}

/// Deletes the row of a run and what it can be found by.
pub(crate) fn delete(connection: &Connection, run_id: &RunId) -> Result<(), Fault> {
    attributes::delete(connection, run_id)?;
    connection.prepare_cached("DELETE FROM runs WHERE run_id = ?1")?.execute([run_id.as_str()])?;
    Ok(())
}

/// The row of a run.
pub(crate) fn get(connection: &Connection, run_id: &RunId) -> Result<Option<RunRow>, Fault> {
    get_text(connection, run_id.as_str())
}

/// The row under a text that should be a run's id.
pub(crate) fn get_text(connection: &Connection, run_id: &str) -> Result<Option<RunRow>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM runs WHERE run_id = ?1");
    let mut select = connection.prepare_cached(&sql)?;
    let mut rows = select.query([run_id])?;
    rows.next()?.map(decode).transpose()
}

/// Rows that fit, in the order that is asked for. Every index begins with the namespace, so a list of all namespaces is
/// put together from the lists of each.
pub(crate) fn list(connection: &Connection, query: &RunQuery) -> Result<Vec<RunRow>, Fault> {
    if query.namespace.is_some() || query.order.0.is_empty() {
        return list_one(connection, query);
    }
    let namespaces = namespaces(connection)?;
    if namespaces.len() > NAMESPACES_MERGED_MAX {
        return list_one(connection, query);
    }
    let mut all = Vec::new();
    for namespace in namespaces {
        all.extend(list_one(connection, &RunQuery { namespace: Some(namespace), ..query.clone() })?);
    }
    let place = |row: &RunRow| query.order.cursor(row);
    all.sort_by(|left, right| query.order.compare(&place(left), &place(right)));
    all.truncate(query.limit);
    Ok(all)
}

/// The namespaces that have runs, each found by one step in an index.
fn namespaces(connection: &Connection) -> Result<Vec<Namespace>, Fault> {
    let mut select = connection.prepare_cached(
        "WITH RECURSIVE names(name) AS (
           SELECT min(namespace) FROM runs
           UNION ALL
           SELECT (SELECT min(namespace) FROM runs WHERE namespace > name) FROM names WHERE name IS NOT NULL)
         SELECT name FROM names WHERE name IS NOT NULL LIMIT ?1",
    )?;
    let mut rows = select.query([stored(NAMESPACES_MERGED_MAX as u64 + 1)])?;
    let mut names = Vec::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let namespace = Namespace::new(&name);
        names.push(namespace.map_err(|_| Fault::Damaged(format!("{name:?} is no namespace")))?);
    }
    Ok(names)
}

fn list_one(connection: &Connection, query: &RunQuery) -> Result<Vec<RunRow>, Fault> {
    let driver = driver(connection, query.namespace.as_ref(), query.filter.as_ref(), DRIVEN_RUNS_MAX)?;
    let (sql, values) = list_sql(query, driver);
    let mut select = connection.prepare(&sql)?;
    let mut rows = select.query(params_from_iter(values))?;
    let mut list = Vec::new();
    while let Some(row) = rows.next()? {
        list.push(decode(row)?);
    }
    Ok(list)
}

/// How many runs fit, by group.
pub(crate) fn count(connection: &Connection, count: &RunCount) -> Result<Vec<Group>, Fault> {
    let driver = driver(connection, count.namespace.as_ref(), count.filter.as_ref(), PROBED_RUNS_MAX)?;
    let (sql, values) = count_sql(count, driver);
    let mut select = connection.prepare(&sql)?;
    let mut rows = select.query(params_from_iter(values))?;
    let mut groups = Vec::new();
    while let Some(row) = rows.next()? {
        let value = match row.get_ref(0)? {
            ValueRef::Null => None,
            ValueRef::Integer(number) => Some(Scalar::Int(number)),
            ValueRef::Real(number) => Some(Scalar::Double(number)),
            ValueRef::Text(_) | ValueRef::Blob(_) => Some(Scalar::Text(row.get(0)?)),
        };
        groups.push(Group { value, count: counted(row.get(1)?)? });
    }
    Ok(groups)
}

/// A condition that few runs fit, to begin with.
type Driver = (Sql, String);

/// Looks for the condition on an attribute that the fewest runs fit, among those that all must fit.
fn driver(
    connection: &Connection,
    namespace: Option<&Namespace>,
    filter: Option<&Filter>,
    runs_max: i64,
) -> Result<Option<Driver>, Fault> {
    let (Some(namespace), Some(filter)) = (namespace, filter) else { return Ok(None) };
    let parts = match filter {
        Filter::All(parts) => parts.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut best = None;
    let mut fewest = runs_max + 1;
    for part in parts {
        let Filter::Test(attribute, test) = part else { continue };
        let mut sql = Sql::default();
        let Some(driven) = sql.driver(namespace.as_str(), attribute, test) else { continue };
        let probe = format!("SELECT count(*) FROM (SELECT 1 {driven} LIMIT {fewest})");
        let found: i64 =
            connection.prepare(&probe)?.query_row(params_from_iter(&sql.values), |row| row.get(0))?;
        if found < fewest {
            (fewest, best) = (found, Some((sql, driven)));
        }
    }
    Ok(best)
}

/// Whether a filter names the runs it wants, so that finding them and sorting is faster than any order.
fn names_runs(filter: Option<&Filter>) -> bool {
    let names = |part: &Filter| match part {
        Filter::Test(Attribute::System(S::WorkflowId | S::RunId), test) => {
            matches!(test, Test::Compare(Comparison::Equal, _) | Test::OneOf { negated: false, .. })
        }
        _ => false,
    };
    match filter {
        Some(Filter::All(parts)) => parts.iter().any(names),
        Some(one) => names(one),
        None => false,
    }
}

/// The rows to look at: those of the driver, or all.
fn from(driver: Option<Driver>) -> (Sql, String) {
    match driver {
        None => (Sql::default(), "FROM runs".to_owned()),
        // A cross join is carried out in the order in which it is written.
        Some((sql, driven)) => {
            let from = format!(
                "FROM (SELECT DISTINCT d.run_id {driven}) AS driver CROSS JOIN runs ON runs.run_id = driver.run_id"
            );
            (sql, from)
        }
    }
}

fn conditions(sql: &mut Sql, namespace: Option<&Namespace>, filter: Option<&Filter>) -> Vec<String> {
    let mut conditions = Vec::new();
    if let Some(namespace) = namespace {
        let namespace = sql.bind(Value::Text(namespace.as_str().to_owned()));
        conditions.push(format!("runs.namespace = {namespace}"));
    }
    match filter {
        // Each part on its own is what the planner looks at.
        Some(Filter::All(parts)) => conditions.extend(parts.iter().map(|part| sql.condition(part))),
        Some(filter) => conditions.push(sql.condition(filter)),
        None => {}
    }
    conditions
}

fn where_clause(conditions: &[String]) -> String {
    if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) }
}

fn list_sql(query: &RunQuery, driver: Option<Driver>) -> (String, Vec<Value>) {
    let follows_index = driver.is_none() && !names_runs(query.filter.as_ref());
    let (mut sql, from) = from(driver);
    let mut conditions = conditions(&mut sql, query.namespace.as_ref(), query.filter.as_ref());
    let columns = sql.order(&query.order, follows_index);
    if let Some(after) = &query.after {
        conditions.push(sql.behind(&columns, after));
    }
    let order: Vec<_> = columns
        .iter()
        .map(|(expression, direction)| match direction {
            Direction::Ascending => format!("{expression} ASC"),
            Direction::Descending => format!("{expression} DESC"),
        })
        .collect();
    let limit = sql.bind(Value::Integer(stored(query.limit as u64)));
    let text = format!(
        "SELECT {COLUMNS} {from}{} ORDER BY {} LIMIT {limit}",
        where_clause(&conditions),
        order.join(", ")
    );
    (text, sql.values)
}

fn count_sql(count: &RunCount, driver: Option<Driver>) -> (String, Vec<Value>) {
    let (mut sql, from) = from(driver);
    let conditions = conditions(&mut sql, count.namespace.as_ref(), count.filter.as_ref());
    let text = match &count.group {
        None => format!("SELECT NULL, count(*) {from}{}", where_clause(&conditions)),
        Some(attribute) => format!(
            "SELECT {} AS value, count(*) AS runs {from}{} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {}",
            sql.expression(attribute),
            where_clause(&conditions),
            GROUPS_MAX + 1
        ),
    };
    (text, sql.values)
}

fn decode(row: &Row<'_>) -> Result<RunRow, Fault> {
    let (run_id, status): (String, String) = (row.get(0)?, row.get(4)?);
    let (Ok(run_id), Some(status)) = (RunId::parse(&run_id), RunStatus::from_wire(&status)) else {
        return Err(Fault::Damaged(format!("the list of runs has a run {run_id:?} of status {status:?}")));
    };
    let damaged =
        |what: &str| Fault::Damaged(format!("the {what} of {run_id} in the list of runs is unreadable"));
    let definition = match row.get::<_, Option<String>>(9)? {
        None => None,
        Some(hash) => Some(Hash::parse(&hash).ok_or_else(|| damaged("definition"))?),
    };
    let attributes = match row.get_ref(17)? {
        ValueRef::Null => Attributes::default(),
        text => serde_json::from_slice(text.as_bytes().map_err(|_| damaged("attributes"))?)
            .map_err(|_| damaged("attributes"))?,
    };
    let memo = match row.get_ref(18)? {
        ValueRef::Null => Json::Null,
        text => serde_json::from_slice(text.as_bytes().map_err(|_| damaged("memo"))?)
            .map_err(|_| damaged("memo"))?,
    };
    Ok(RunRow {
        key: key(row, 1)?,
        workflow: row.get(3)?,
        status,
        started_at: Timestamp::from_micros(row.get(5)?),
        execution_at: Timestamp::from_micros(row.get(6)?),
        closed_at: row.get::<_, Option<i64>>(7)?.map(Timestamp::from_micros),
        task_queue: row.get(8)?,
        definition,
        history: history(row)?,
        parent: reference(row, 13)?,
        root: reference(row, 15)?,
        attributes,
        memo,
        run_id,
    })
}

fn history(row: &Row<'_>) -> Result<Option<HistorySize>, Fault> {
    let Some(events) = row.get::<_, Option<i64>>(10)? else { return Ok(None) };
    let (events, bytes, transitions) = (counted(events)?, counted(row.get(11)?)?, counted(row.get(12)?)?);
    Ok(Some(HistorySize { events, bytes, transitions }))
}

fn reference(row: &Row<'_>, at: usize) -> Result<Option<RunRef>, Fault> {
    let (id, run): (Option<String>, Option<String>) = (row.get(at)?, row.get(at + 1)?);
    let (Some(id), Some(run)) = (id, run) else { return Ok(None) };
    match (WorkflowId::new(&id), RunId::parse(&run)) {
        (Ok(workflow_id), Ok(run_id)) => Ok(Some(RunRef { workflow_id, run_id })),
        _ => Err(Fault::Damaged(format!("{id:?}, {run:?} is no workflow id and run"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::migration::migrate;
    use nexus_kernel::testing::visibility_contract::{full_row, schema};
    use nexus_kernel::visibility::list_query;

    /// How SQLite would carry out a second page of a list, as its own words.
    fn plan(filter: &str) -> String {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        let query = list_query(filter, &schema()).unwrap();
        let after = Some(query.order.cursor(&full_row(3)));
        let query = RunQuery { namespace: Some(Namespace::default()), after, ..query };
        let (sql, values) = list_sql(&query, None);
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = explain.query_map(params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
        steps.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn the_usual_lists_follow_an_index_and_sort_nothing() {
        for (filter, index) in [
            ("", "runs_default (namespace=? AND (closed_order,started_at,run_id)<(?,?,?))"),
            (
                "ExecutionStatus = 'Running'",
                "runs_status (namespace=? AND status=? AND (closed_order,started_at,run_id)<(?,?,?))",
            ),
            (
                "WorkflowType = 'ship'",
                "runs_workflow (namespace=? AND workflow=? AND (closed_order,started_at,run_id)<(?,?,?))",
            ),
            ("ORDER BY StartTime DESC", "runs_start (namespace=? AND (started_at,run_id)<(?,?))"),
        ] {
            let plan = plan(filter);
            assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{filter}: {plan}");
        }
        for (filter, index) in [
            ("WorkflowId = 'ship-1'", "runs_workflow_id (workflow_id=? AND namespace=?)"),
            ("StartTime > '2026-01-01T00:00:00Z' ORDER BY StartTime", "runs_start (namespace=?"),
        ] {
            let plan = plan(filter);
            assert!(plan.contains(index), "{filter}: {plan}");
        }
    }
}
