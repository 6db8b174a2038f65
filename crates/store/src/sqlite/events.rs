//! The tables `events` and `event_heads`.

use nexus_kernel::id::Namespace;
use nexus_kernel::port::StoreError;
use nexus_kernel::port::event::{
    Appended, Event, EventPage, EventQuery, Events, Fact, PAGE_BYTES_MAX, Prune, TypeFilter,
};
use nexus_kernel::time::Timestamp;
use nexus_kernel::trace::TraceContext;

use nexus_kernel::{BoxFuture, Json};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::fault::{Fault, counted, stored};
use super::job::Job;
use super::store::{SqliteStore, check_size};
use super::usage::signed;

/// A fact as the table takes it: its data become text before they reach the writer, whose time everybody shares.
#[derive(Debug)]
pub(crate) struct Line {
    fact: Fact,
    data: String,
}

impl From<Fact> for Line {
    fn from(mut fact: Fact) -> Line {
        let data = fact.data.take().to_string();
        Line { fact, data }
    }
}

/// Appends inside the open transaction, and tells how many bytes of data those were that are new.
pub(crate) fn append(
    connection: &Connection,
    namespace: &Namespace,
    lines: &[Line],
) -> Result<(Vec<Appended>, i64), Fault> {
    let before = head(connection, namespace)?;
    let (mut last, mut bytes) = (before, 0);
    let mut places = Vec::with_capacity(lines.len());
    for line in lines {
        let known = place(connection, namespace, &line.fact.id)?;
        if known.is_none() {
            last += 1;
            insert(connection, namespace, last, line)?;
            bytes += signed(line.data.len());
        }
        places.push(Appended { sequence: known.unwrap_or(last), is_new: known.is_none() });
    }
    if last > before {
        let mut set = connection.prepare_cached(
            "INSERT INTO event_heads (namespace, last) VALUES (?1, ?2)
             ON CONFLICT (namespace) DO UPDATE SET last = excluded.last",
        )?;
        set.execute(params![namespace.as_str(), stored(last)])?;
    }
    Ok((places, bytes))
}

fn insert(
    connection: &Connection,
    namespace: &Namespace,
    sequence: u64,
    Line { fact, data }: &Line,
) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO events (namespace, sequence, type, time, id, source, subject, data, traceparent, tracestate)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    let (space, place, time) = (namespace.as_str(), stored(sequence), fact.time.micros());
    let (parent, state) = match &fact.trace {
        Some(trace) => (Some(trace.parent()), trace.state.as_deref()),
        None => (None, None),
    };
    let Fact { kind, id, source, subject, .. } = fact;
    insert.execute(params![space, place, kind, time, id, source, subject, data, parent, state])?;
    Ok(())
}

fn head(connection: &Connection, namespace: &Namespace) -> Result<u64, Fault> {
    let mut select = connection.prepare_cached("SELECT last FROM event_heads WHERE namespace = ?1")?;
    let found = select.query_row([namespace.as_str()], |row| row.get(0)).optional()?;
    found.map_or(Ok(0), counted)
}

fn place(connection: &Connection, namespace: &Namespace, id: &str) -> Result<Option<u64>, Fault> {
    let mut select =
        connection.prepare_cached("SELECT sequence FROM events WHERE namespace = ?1 AND id = ?2")?;
    let found = select.query_row([namespace.as_str(), id], |row| row.get(0)).optional()?;
    found.map(counted).transpose()
}

/// Deletes inside the open transaction, and tells how many events that were, and how many bytes of data.
pub(crate) fn prune(
    connection: &Connection,
    namespace: &Namespace,
    prune: &Prune,
) -> Result<(u64, i64), Fault> {
    let floor = match prune.keep {
        Some(keep) => head(connection, namespace)?.saturating_sub(keep),
        None => 0,
    };
    let mut select = connection.prepare_cached(
        "SELECT sequence, time FROM events WHERE namespace = ?1 ORDER BY sequence LIMIT ?2",
    )?;
    let mut rows = select.query(params![namespace.as_str(), stored(prune.limit as u64)])?;
    let mut through = None;
    while let Some(row) = rows.next()? {
        let (sequence, time) = (counted(row.get(0)?)?, Timestamp::from_micros(row.get(1)?));
        if sequence > floor && prune.before.is_none_or(|before| time >= before) {
            break;
        }
        through = Some(sequence);
    }
    drop(rows);
    let Some(through) = through else { return Ok((0, 0)) };
    let mut delete = connection.prepare_cached(
        "DELETE FROM events WHERE namespace = ?1 AND sequence <= ?2 RETURNING octet_length(data)",
    )?;
    let (mut count, mut bytes) = (0, 0);
    let mut gone = delete.query(params![namespace.as_str(), stored(through)])?;
    while let Some(row) = gone.next()? {
        count += 1;
        bytes += row.get::<_, i64>(0)?;
    }
    Ok((count, bytes))
}

const COLUMNS: &str = "sequence, id, source, type, subject, time, data, traceparent, tracestate";

fn read(connection: &Connection, query: &EventQuery) -> Result<EventPage, Fault> {
    // One moment for all statements: what is appended meanwhile must not be passed over.
    let moment = connection.unchecked_transaction()?;
    let last = head(&moment, &query.namespace)?;
    let first = first(&moment, &query.namespace)?.unwrap_or(last + 1);
    let mut page = EventPage { events: Vec::new(), next: query.after.max(last), first, last };
    if query.limit == 0 {
        page.next = query.after;
    } else {
        fill(&moment, query, &mut page)?;
    }
    Ok(page)
}

fn first(connection: &Connection, namespace: &Namespace) -> Result<Option<u64>, Fault> {
    let mut select = connection.prepare_cached("SELECT min(sequence) FROM events WHERE namespace = ?1")?;
    let found: Option<i64> = select.query_row([namespace.as_str()], |row| row.get(0))?;
    found.map(counted).transpose()
}

fn fill(connection: &Connection, query: &EventQuery, page: &mut EventPage) -> Result<(), Fault> {
    let (condition, kind) = match &query.kind {
        None => ("?3 = ''", ""),
        Some(TypeFilter::Is(kind)) => ("type = ?3", kind.as_str()),
        Some(TypeFilter::Begins(prefix)) => ("substr(type, 1, length(?3)) = ?3", prefix.as_str()),
    };
    let mut select = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM events WHERE namespace = ?1 AND sequence > ?2 AND {condition} ORDER BY sequence"
    ))?;
    let mut rows = select.query(params![query.namespace.as_str(), stored(query.after), kind])?;
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        bytes += row.get_ref(6)?.as_bytes().map_or(0, <[u8]>::len);
        let event = decode(row)?;
        let sequence = event.sequence;
        page.events.push(event);
        if page.events.len() == query.limit || bytes >= PAGE_BYTES_MAX {
            page.next = sequence;
            break;
        }
    }
    Ok(())
}

fn get(connection: &Connection, namespace: &Namespace, id: &str) -> Result<Option<Event>, Fault> {
    let mut select = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM events WHERE namespace = ?1 AND id = ?2"))?;
    let mut rows = select.query([namespace.as_str(), id])?;
    rows.next()?.map(decode).transpose()
}

fn namespaces(connection: &Connection) -> Result<Vec<Namespace>, Fault> {
    let mut select = connection.prepare_cached("SELECT namespace FROM event_heads ORDER BY namespace")?;
    let rows = select.query_map([], |row| row.get::<_, String>(0))?;
    rows.map(|name| Namespace::new(&name?).map_err(|error| Fault::Damaged(error.message().to_owned())))
        .collect()
}

fn decode(row: &Row<'_>) -> Result<Event, Fault> {
    let (sequence, data): (i64, String) = (row.get(0)?, row.get(6)?);
    let data: Json = serde_json::from_str(&data)
        .map_err(|error| Fault::Damaged(format!("the data of event {sequence} are no JSON: {error}")))?;
    let (parent, state): (Option<String>, Option<String>) = (row.get(7)?, row.get(8)?);
    let fact = Fact {
        id: row.get(1)?,
        source: row.get(2)?,
        kind: row.get(3)?,
        subject: row.get(4)?,
        time: Timestamp::from_micros(row.get(5)?),
        data,
        trace: parent.and_then(|parent| TraceContext::parse(&parent, state.as_deref())),
    };
    Ok(Event { sequence: counted(sequence)?, fact })
}

impl Events for SqliteStore {
    fn event_append(
        &self,
        namespace: &Namespace,
        facts: Vec<Fact>,
    ) -> BoxFuture<'_, Result<Vec<Appended>, StoreError>> {
        let namespace = namespace.clone();
        Box::pin(async move {
            let lines: Vec<_> = facts.into_iter().map(Line::from).collect();
            check_size(lines.iter().map(|line| line.data.len()).max().unwrap_or(0))?;
            self.ask(move |answer| Job::Events { namespace, lines, answer }).await
        })
    }

    fn event_read(&self, query: EventQuery) -> BoxFuture<'_, Result<EventPage, StoreError>> {
        Box::pin(self.inner.readers.read(move |connection| read(connection, &query)))
    }

    fn event_get(&self, namespace: &Namespace, id: &str) -> BoxFuture<'_, Result<Option<Event>, StoreError>> {
        let (namespace, id) = (namespace.clone(), id.to_owned());
        Box::pin(self.inner.readers.read(move |connection| get(connection, &namespace, &id)))
    }

    fn event_prune(&self, namespace: &Namespace, prune: Prune) -> BoxFuture<'_, Result<u64, StoreError>> {
        let namespace = namespace.clone();
        Box::pin(self.ask(move |answer| Job::Prune { namespace, prune, answer }))
    }

    fn event_namespaces(&self) -> BoxFuture<'_, Result<Vec<Namespace>, StoreError>> {
        Box::pin(self.inner.readers.read(namespaces))
    }
}
