//! Histories of simulated runs, as a test looks at them.

use nexus_kernel::Json;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::{Key, RunId};
use nexus_kernel::port::log::Stored;
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::time::Timestamp;
use serde_json::Map;

use super::World;
use crate::record::{Event, Note, Record, Started};
use crate::state::{KeyState, RunState};

/// An event with its circumstances.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// From 1.
    pub id: u64,
    /// When it was written.
    pub at: Timestamp,
    /// Bytes of history before the record it is in.
    pub bytes_before: u64,
    /// The event.
    pub event: Event,
}

/// An attempt of an activity that failed and was followed by another.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// The activity's command.
    pub seq: u64,
    /// From 1.
    pub attempt: u32,
    /// Why it failed.
    pub failure: Failure,
    /// When it failed.
    pub at: Timestamp,
    /// When the next one began.
    pub next_at: Timestamp,
}

/// One run from its start to its end, or to now.
#[derive(Debug, Clone)]
pub struct RunHistory {
    /// Namespace and workflow id.
    pub key: Key,
    /// The run.
    pub run_id: RunId,
    /// How it was started.
    pub started: Started,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// What has become of it.
    pub status: RunStatus,
    /// Its result, once completed.
    pub result: Json,
    /// Its failure, once closed otherwise.
    pub failure: Option<Failure>,
    /// Why its program cannot go on, when it cannot.
    pub blocked: Option<Failure>,
    /// Its history.
    pub events: Vec<Entry>,
    /// Failed attempts that history does not show.
    pub attempts: Vec<Attempt>,
}

impl RunHistory {
    /// Memo fields as they stand at the end.
    pub fn memo(&self) -> Map<String, Json> {
        self.merged(|event| match event {
            Event::WorkflowPropertiesModified { memo, .. } => Some(memo),
            _ => None,
        })
    }

    /// Search attributes as they stand at the end.
    pub fn search_attributes(&self) -> Map<String, Json> {
        self.merged(|event| match event {
            Event::UpsertWorkflowSearchAttributes { attributes, .. } => Some(attributes),
            _ => None,
        })
    }

    /// The runs of a key, first to last, from its stored records.
    pub fn of_records(key: &Key, stored: &[Stored]) -> Result<Vec<RunHistory>, String> {
        let mut runs: Vec<(RunHistory, RunState, u64)> = Vec::new();
        for stored in stored {
            let record = Record::decode(&stored.record)?;
            for part in &record.runs {
                if let Some(Event::WorkflowExecutionStarted(started)) = part.events.first() {
                    let (namespace, started) = (key.namespace.clone(), (**started).clone());
                    let state = RunState::new(namespace, part.run.clone(), started, part.at(record.at));
                    runs.push((begun(key, &state), state, 0));
                }
                let Some((run, state, bytes)) = runs.iter_mut().find(|(run, ..)| run.run_id == part.run)
                else {
                    continue;
                };
                for event in &part.events {
                    state.apply(part.at(record.at), event);
                    let id = run.events.len() as u64 + 1;
                    let (at, bytes_before, event) = (part.at(record.at), *bytes, event.clone());
                    run.events.push(Entry { id, at, bytes_before, event });
                }
                run.attempts.extend(part.notes.iter().filter_map(|note| attempt(note, record.at)));
                let own = || record.own_bytes(stored.record.len());
                *bytes += part.copied.map_or_else(own, |copied| copied.bytes);
            }
        }
        Ok(runs.into_iter().map(|(run, state, _)| ended(run, state)).collect())
    }

    fn merged(&self, fields: impl Fn(&Event) -> Option<&Json>) -> Map<String, Json> {
        let objects = self.events.iter().filter_map(|entry| fields(&entry.event)?.as_object());
        objects.flatten().map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

impl World<'_> {
    /// Every run in the order of their starts.
    pub fn histories(&self) -> Vec<RunHistory> {
        let mut all: Vec<RunHistory> = self.order.iter().flat_map(|key| self.chain(key)).collect();
        all.sort_by_key(|run| run.started_at);
        all
    }

    /// The runs of a key, first to last.
    pub fn chain(&self, key: &Key) -> Vec<RunHistory> {
        let stored = self.cells.get(key).map(|cell| cell.stored.as_slice()).unwrap_or_default();
        RunHistory::of_records(key, stored).unwrap_or_default() // a world reads what it has written itself
    }

    /// The state of a key that its records add up to.
    pub fn folded(&self, key: &Key) -> Option<KeyState> {
        KeyState::fold(&key.namespace, &self.cells.get(key)?.stored).ok()
    }

    /// What the open run of a key waits for: statement and reason.
    pub fn waits(&self, key: &Key) -> Vec<(String, String)> {
        let machine = self.open(key).and_then(|run| run.machine.as_ref());
        let waits = machine.map(|machine| machine.blocked(&self.definition.program)).unwrap_or_default();
        waits.into_iter().map(|wait| (self.definition.place(wait.span), wait.reason)).collect()
    }
}

fn begun(key: &Key, state: &RunState) -> RunHistory {
    RunHistory {
        key: key.clone(),
        run_id: state.run_id.clone(),
        started: state.started.clone(),
        started_at: state.started_at,
        closed_at: None,
        status: RunStatus::Running,
        result: Json::Null,
        failure: None,
        blocked: None,
        events: Vec::new(),
        attempts: Vec::new(),
    }
}

fn ended(run: RunHistory, state: RunState) -> RunHistory {
    RunHistory {
        closed_at: state.closed_at,
        status: state.status,
        result: state.result,
        failure: state.failure,
        blocked: state.blocked,
        ..run
    }
}

fn attempt(note: &Note, at: Timestamp) -> Option<Attempt> {
    match note {
        Note::AttemptFailed { seq, attempt, failure, next_at, .. } => {
            let (seq, attempt, next_at) = (*seq, *attempt, *next_at);
            Some(Attempt { seq, attempt, failure: failure.clone(), at, next_at })
        }
        _ => None,
    }
}
