//! What callers see of runs: a view of the state, and the history as a list.

mod about;
pub(crate) mod handlers;

use std::sync::Arc;

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::{Key, RunId};
use nexus_kernel::port::blob::Hash;
use nexus_kernel::port::log::Stored;
use nexus_kernel::port::runs::{RunRef, RunRow, RunStatus};
use nexus_kernel::time::Timestamp;
use nexus_lang::twf::ast::HandlerKind;
use nexus_lang::twf::machine::{Blocked, Machine};
use serde_json::{Map, json};

use crate::activity;
use crate::definition::Definition;
use crate::interpret::{self, ReplayError};
use crate::nexus::pending;
use crate::record::{Event, Performer, Record};
use crate::shard::Shared;
use crate::shard::load::damaged;
use crate::state::{KeyState, Remote, RemoteCall, RunState};

/// A run as callers see it.
#[derive(Debug)]
pub struct RunView {
    /// Names, status, times.
    pub row: RunRow,
    /// The definition it is pinned to.
    pub definition: String,
    /// Its input.
    pub input: Json,
    /// Its result, when completed.
    pub result: Json,
    /// Why it closed otherwise.
    pub failure: Option<Failure>,
    /// The run that goes on in its stead.
    pub successor: Option<RunId>,
    /// What it waits for, as JSON objects.
    pub pending: Vec<Json>,
    /// Statements that cannot go on yet, and why.
    pub waits: Vec<Json>,
    /// Why its program cannot go on.
    pub blocked: Option<Failure>,
    /// Options, facts, counts and deadlines, as JSON fields.
    pub about: Map<String, Json>,
}

/// A history as callers see it.
#[derive(Debug)]
pub struct HistoryView {
    /// Names, status, times.
    pub row: RunRow,
    /// Its events in order.
    pub events: Vec<HistoryEvent>,
}

/// One event of a history.
#[derive(Debug)]
pub struct HistoryEvent {
    /// Its number, from 1.
    pub id: u64,
    /// When its transition was decided.
    pub at: Timestamp,
    /// The event.
    pub event: Event,
}

impl RunView {
    /// The view as an object.
    pub fn to_json(&self) -> Json {
        let mut view = row_json(&self.row);
        if let Some(fields) = view.as_object_mut() {
            fields.insert("definition".into(), json!(self.definition));
            fields.insert("input".into(), self.input.clone());
            fields.insert("result".into(), self.result.clone());
            fields.insert("failure".into(), json!(self.failure));
            fields.insert("successor".into(), json!(self.successor));
            fields.insert("pending".into(), Json::Array(self.pending.clone()));
            fields.insert("waits".into(), Json::Array(self.waits.clone()));
            fields.insert("blocked".into(), json!(self.blocked));
            fields.extend(self.about.clone());
        }
        view
    }
}

impl HistoryView {
    /// The history as an object with the run's row and its events.
    pub fn to_json(&self) -> Json {
        let mut view = row_json(&self.row);
        if let Some(fields) = view.as_object_mut() {
            fields.insert("events".into(), self.events.iter().map(HistoryEvent::to_json).collect());
        }
        view
    }
}

impl HistoryEvent {
    fn to_json(&self) -> Json {
        let mut object = json!({ "id": self.id, "time": self.at.to_string() });
        if let (Some(fields), Ok(Json::Object(event))) =
            (object.as_object_mut(), serde_json::to_value(&self.event))
        {
            fields.extend(event);
        }
        object
    }
}

/// The row of a run as an object.
pub fn row_json(row: &RunRow) -> Json {
    json!({
        "run_id": row.run_id,
        "workflow_id": row.key.workflow_id,
        "namespace": row.key.namespace,
        "workflow": row.workflow,
        "status": row.status,
        "started_at": row.started_at.to_string(),
        "execution_at": row.execution_at.to_string(),
        "closed_at": row.closed_at.map(|at| at.to_string()),
        "task_queue": row.task_queue,
        "build_id": row.definition.as_ref().map(Hash::short),
        "history_length": row.history.map(|history| history.events),
        "history_size_bytes": row.history.map(|history| history.bytes),
        "parent": row.parent.as_ref().map(reference),
        "root": row.root.as_ref().map(reference),
        "memo": row.memo,
        "search_attributes": row.attributes.to_json(),
    })
}

fn reference(run: &RunRef) -> Json {
    json!({ "workflow_id": run.workflow_id, "run_id": run.run_id })
}

/// Reads a run from the store.
pub(crate) async fn run(shared: &Shared, row: RunRow) -> Result<RunView, Error> {
    let stored = shared.store.read(&row.key, 0).await?;
    let state = KeyState::fold(&row.key.namespace, &stored).map_err(|why| damaged(&row.key, &why))?;
    let place = state.runs.iter().position(|run| run.run_id == row.run_id);
    let run = place.and_then(|place| state.runs.get(place));
    let run = run.ok_or_else(|| damaged(&row.key, "a listed run has no records"))?;
    let next = place.and_then(|place| state.runs.get(place + 1));
    let continues = |next: &&RunState| next.started.continued_from.as_ref() == Some(&row.run_id);
    Ok(RunView {
        definition: run.definition().to_string(),
        input: run.started.input.clone(),
        result: run.result.clone(),
        failure: run.failure.clone(),
        successor: next.filter(continues).map(|next| next.run_id.clone()).or_else(|| reset_to(run)),
        pending: waited_for(shared, &row.key, run),
        waits: waits(shared, run, &row, &stored).await?,
        blocked: run.blocked.clone(),
        about: about::about(shared, run, &state),
        row,
    })
}

/// The run that goes on in the stead of one that a reset ended.
fn reset_to(run: &RunState) -> Option<RunId> {
    run.successor.clone().filter(|_| run.status == RunStatus::Terminated)
}

/// Where an open run's program waits, found by rebuilding the program.
async fn waits(
    shared: &Shared,
    run: &RunState,
    row: &RunRow,
    records: &[Stored],
) -> Result<Vec<Json>, Error> {
    if !run.status.is_open() {
        return Ok(Vec::new());
    }
    let definition = shared.definitions.load(run.definition()).await?;
    let Ok((machine, _)) = interpret::replay(&row.key, run, &definition, records) else {
        return Ok(Vec::new());
    };
    let wait = |blocked: Blocked| {
        let at = definition.place(blocked.span);
        let source = definition.source_line(blocked.span);
        let mut wait = json!({ "at": at, "source": source, "for": blocked.reason });
        if let (Some(fields), false) = (wait.as_object_mut(), blocked.signals.is_empty()) {
            fields.insert("signals".into(), signals(&definition, &row.workflow, &blocked.signals));
        }
        wait
    };
    Ok(machine.blocked(&definition.program).into_iter().map(wait).collect())
}

/// Signals of a workflow, with what they take.
fn signals(definition: &Definition, workflow: &str, names: &[String]) -> Json {
    let known = definition.program.workflow(workflow);
    let signal = |name: &String| {
        let mut handlers = known.iter().flat_map(|workflow| &workflow.handlers);
        let found = handlers.find(|it| it.kind == HandlerKind::Signal && it.name == *name);
        let (doc, input) = found.map_or(("", json!({})), |it| (it.doc.as_str(), it.input_schema.clone()));
        json!({ "name": name, "doc": doc, "input": input })
    };
    names.iter().map(signal).collect()
}

/// The run of a key that was started last.
pub(crate) async fn latest(shared: &Shared, key: &Key) -> Result<RunId, Error> {
    let stored = shared.store.read(key, 0).await?;
    let state = KeyState::fold(&key.namespace, &stored).map_err(|why| damaged(key, &why))?;
    state.latest().map(|run| run.run_id.clone()).ok_or_else(|| {
        Error::new(&code::RUN_UNKNOWN, format!("there is no run {key}"))
            .help("`nexus run list` shows the runs")
    })
}

/// The program of a run, latest when none is named, rebuilt from the store.
pub(crate) async fn rebuilt(
    shared: &Shared,
    key: &Key,
    run: Option<&RunId>,
) -> Result<(Machine, Arc<Definition>), Error> {
    let stored = shared.store.read(key, 0).await?;
    let state = KeyState::fold(&key.namespace, &stored).map_err(|why| damaged(key, &why))?;
    let found = run.map_or_else(|| state.latest(), |run| state.run(run));
    let run = found.ok_or_else(|| {
        Error::new(&code::RUN_UNKNOWN, format!("there is no run {key}"))
            .help("`nexus run list` shows the runs")
    })?;
    let definition = shared.definitions.load(run.definition()).await?;
    match interpret::replay(key, run, &definition, &stored) {
        Ok((machine, _)) => Ok((machine, definition)),
        Err(ReplayError::Damaged(why)) => Err(damaged(key, &why)),
        Err(ReplayError::Program(failure)) => {
            Err(Error::new(&code::RUN_BLOCKED, "the run's program cannot be rebuilt from its history")
                .failure(failure)
                .run(run.run_id.clone()))
        }
    }
}

fn waited_for(shared: &Shared, key: &Key, run: &RunState) -> Vec<Json> {
    let activities = run.activities.iter();
    let activities =
        activities.map(|(seq, activity)| activity::view::to_json(shared, &run.run_id, *seq, activity));
    let timers = run.timers.iter().map(|(seq, at)| {
        json!({ "kind": "timer", "seq": seq, "name": format!("until {at}"), "fires_at": at.to_string() })
    });
    let children = run.remotes.iter().filter(|(_, it)| matches!(it.call, RemoteCall::Child { .. }));
    let children = children.map(|(seq, remote)| child_json(*seq, remote));
    let find = |name: &str| {
        let definition = shared.definitions.current();
        let program = definition.as_deref().map(|definition| &definition.program);
        Some(shared.registry.find(program, name)?.id)
    };
    let operations = pending::of_run(key, run).map(|operation| {
        let mut shown = operation.to_json(&shared.outside.breakers, &find);
        if let Some(fields) = shown.as_object_mut() {
            fields.insert("kind".into(), json!("nexus_operation"));
        }
        shown
    });
    activities.chain(timers).chain(children).chain(operations).collect()
}

fn child_json(seq: u64, remote: &Remote) -> Json {
    let name = match &remote.call {
        RemoteCall::Child { workflow, .. } => workflow.clone(),
        RemoteCall::Nexus { target, .. } => target.to_string(),
    };
    json!({
        "kind": "child_workflow",
        "seq": seq,
        "name": name,
        "at": remote.at,
        "scheduled_at": remote.scheduled_at.to_string(),
        "run_id": remote.handler.as_ref().and_then(Performer::run).map(|(_, run)| run),
    })
}

/// The events of a run in the records of its key after this one, and the last of these records.
pub(crate) async fn events(
    shared: &Shared,
    row: &RunRow,
    after: u64,
) -> Result<(Vec<HistoryEvent>, u64), Error> {
    let (mut events, mut last) = (Vec::new(), after);
    for stored in shared.store.read(&row.key, after).await? {
        last = stored.sequence;
        let record = Record::decode(&stored.record).map_err(|why| damaged(&row.key, &why))?;
        for part in record.runs.into_iter().filter(|part| part.run == row.run_id) {
            let at = part.at(record.at);
            let numbered = (part.first..).zip(part.events);
            events.extend(numbered.map(|(id, event)| HistoryEvent { id, at, event }));
        }
    }
    Ok((events, last))
}
