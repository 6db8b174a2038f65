//! The log as a stranger reads it: stored bytes as JSON, without the engine's types, and what must hold of each history.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::task::{Context, Poll, Waker};

use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::StoreError;
use nexus_kernel::port::log::Log as _;
use nexus_kernel::{BoxFuture, Json};

use crate::sim::{Bounds, RunHistory, verify};
use crate::testing::programs;

/// Everything in a log.
#[derive(Debug, Default)]
pub(super) struct Logged {
    keys: BTreeMap<String, Vec<String>>,
    runs: BTreeMap<String, Run>,
    pub(super) records: u64,
    pub(super) digest: u64,
}

/// One run.
#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) key: String,
    pub(super) id: String,
    pub(super) workflow: String,
    pub(super) events: Vec<Event>,
    /// What history does not show, with the records it is in.
    notes: Vec<(usize, Json)>,
}

/// One event.
#[derive(Debug)]
pub(super) struct Event {
    /// As stored.
    pub(super) id: u64,
    /// Microseconds.
    pub(super) at: i64,
    /// The key's record that it is in, from 1.
    pub(super) record: usize,
    pub(super) kind: String,
    pub(super) body: Json,
}

/// The answer of a store in memory, which never waits.
pub(super) fn at_once<T>(mut answer: BoxFuture<'_, Result<T, StoreError>>) -> Result<T, String> {
    match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer.map_err(|error| error.to_string()),
        Poll::Pending => Err("the store in memory waits".to_owned()),
    }
}

/// Reads everything.
pub(super) fn read(store: &MemoryStore) -> Result<Logged, String> {
    let (mut logged, mut digest) = (Logged::default(), DefaultHasher::new());
    for key in store.keys() {
        let name = key.to_string();
        name.hash(&mut digest);
        for (place, stored) in (1..).zip(at_once(store.read(&key, 0))?) {
            if stored.sequence != place as u64 {
                return Err(format!("record {place} of {name} has number {}", stored.sequence));
            }
            stored.record.hash(&mut digest);
            let record: Json = serde_json::from_slice(&stored.record).map_err(|error| error.to_string())?;
            logged.take_in(&name, place, &record);
            logged.records += 1;
        }
    }
    logged.digest = digest.finish();
    Ok(logged)
}

impl Logged {
    fn take_in(&mut self, key: &str, place: usize, record: &Json) {
        let at = record["at"].as_i64().unwrap_or(0);
        for part in record["runs"].as_array().into_iter().flatten() {
            let id = part["run"].as_str().unwrap_or_default().to_owned();
            let run = self.runs.entry(id.clone()).or_default();
            if run.id.is_empty() {
                (run.key, run.id) = (key.to_owned(), id.clone());
                self.keys.entry(key.to_owned()).or_default().push(id);
            }
            let first = part["first"].as_u64().unwrap_or(0);
            let notes = part["notes"].as_array().into_iter().flatten();
            run.notes.extend(notes.map(|note| (place, note.clone())));
            for (id, body) in (first..).zip(part["events"].as_array().into_iter().flatten()) {
                let kind = body["type"].as_str().unwrap_or_default().to_owned();
                if kind == "WorkflowExecutionStarted" {
                    body["workflow"].as_str().unwrap_or_default().clone_into(&mut run.workflow);
                }
                run.events.push(Event { id, at, record: place, kind, body: body.clone() });
            }
        }
    }

    /// Every run.
    pub(super) fn runs(&self) -> impl Iterator<Item = &Run> {
        self.runs.values()
    }

    /// One run.
    pub(super) fn run(&self, id: &str) -> Option<&Run> {
        self.runs.get(id)
    }

    /// The runs of a key in order.
    pub(super) fn of_key(&self, key: &str) -> impl Iterator<Item = &Run> {
        self.keys.get(key).into_iter().flatten().filter_map(|id| self.runs.get(id))
    }

    /// The histories of the runs of a workflow id as a person reads them.
    pub(super) fn told(&self, id: &str) -> String {
        let of_id = self.runs().filter(|run| run.key.ends_with(&format!("/{id}")));
        of_id.map(Run::told).collect::<Vec<_>>().join("\n")
    }

    /// The last run of the chain that a run begins.
    pub(super) fn last_of_chain<'a>(&'a self, run: &'a Run) -> &'a Run {
        match run.closing().and_then(|event| event.body["new_run"].as_str()).and_then(|id| self.run(id)) {
            Some(next) => self.last_of_chain(next),
            None => run,
        }
    }
}

impl Run {
    /// The started event.
    pub(super) fn started(&self) -> &Json {
        self.events.first().map_or(&Json::Null, |event| &event.body)
    }

    /// The event that closed it.
    pub(super) fn closing(&self) -> Option<&Event> {
        self.events.iter().find(|event| closes(&event.kind))
    }

    /// Its status, in the words of the list of runs.
    pub(super) fn status(&self) -> &'static str {
        match self.closing().map(|event| event.kind.as_str()) {
            Some("WorkflowExecutionCompleted") => "completed",
            Some("WorkflowExecutionFailed") => "failed",
            Some("WorkflowExecutionTimedOut") => "timed_out",
            Some("WorkflowExecutionCanceled") => "canceled",
            Some("WorkflowExecutionTerminated") => "terminated",
            Some(_) => "continued_as_new",
            None => "running",
        }
    }

    /// Events of a kind.
    pub(super) fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Event> {
        self.events.iter().filter(move |event| event.kind == kind)
    }

    /// The history as a person reads it.
    pub(super) fn told(&self) -> String {
        let line =
            |event: &Event| format!("  {} {} record {}: {}", event.id, event.at, event.record, event.body);
        let noted = |(record, note): &(usize, Json)| format!("  record {record}: {note}");
        let lines: Vec<_> = self.events.iter().map(line).chain(self.notes.iter().map(noted)).collect();
        format!("{} {} ({})\n{}", self.key, self.id, self.workflow, lines.join("\n"))
    }
}

fn closes(kind: &str) -> bool {
    let ends = ["Completed", "Failed", "TimedOut", "Canceled", "Terminated", "ContinuedAsNew"];
    kind.strip_prefix("WorkflowExecution").is_some_and(|rest| ends.contains(&rest))
}

/// Whether an event begins the command of its `seq`.
pub(super) fn opens(event: &Event) -> bool {
    !event.body["seq"].is_null()
        && (event.kind.ends_with("Scheduled")
            || event.kind.ends_with("Initiated")
            || event.kind == "TimerStarted")
}

/// Whether an event ends the command of its `seq`.
pub(super) fn ends(event: &Event) -> bool {
    let endings = ["Completed", "Failed", "TimedOut", "Canceled", "Terminated", "Fired", "Signaled"];
    !event.body["seq"].is_null()
        && !event.kind.starts_with("WorkflowExecution")
        && !event.kind.contains("CancelRequest")
        && endings.iter().any(|ending| event.kind.ends_with(ending))
}

/// What must hold of every history by itself.
pub(super) fn check(run: &Run) -> Result<(), String> {
    if run.events.first().is_none_or(|event| event.kind != "WorkflowExecutionStarted") {
        return Err(format!("{} does not begin with its start", run.id));
    }
    if run.of_kind("WorkflowExecutionStarted").count() != 1 {
        return Err(format!("{} was started twice", run.id));
    }
    for (number, event) in (1..).zip(&run.events) {
        if event.id != number {
            return Err(format!("event {number} has number {}", event.id));
        }
    }
    if let Some(closing) = run.closing()
        && closing.id != run.events.len() as u64
    {
        return Err(format!("something happened after event {}, which closed the run", closing.id));
    }
    if let Some(blocked) = run.of_kind("WorkflowTaskFailed").next() {
        return Err(format!("the program cannot go on: {}", blocked.body));
    }
    commands(run)?;
    messages(run)
}

/// Every command begins once and ends at most once, after it began and not after nobody wanted it any more.
fn commands(run: &Run) -> Result<(), String> {
    let (mut open, mut ended) = (BTreeMap::new(), BTreeSet::new());
    for event in &run.events {
        let seq = event.body["seq"].as_u64();
        if event.kind == "CommandCancelRequested" && event.body["wait"] != true {
            ended.insert(seq);
        }
        if opens(event) && open.insert(seq, event).is_some() {
            return Err(format!("command {seq:?} began twice"));
        }
        if ends(event) && event.kind != "WorkflowExecutionUpdateCompleted" {
            if !open.contains_key(&seq) {
                return Err(format!("command {seq:?} ended before it began"));
            }
            if !ended.insert(seq) {
                return Err(format!("command {seq:?} ended twice"));
            }
        }
        if event.kind == "TimerFired" {
            let due = open.get(&seq).and_then(|timer| timer.body["fire_at"].as_i64());
            if due.is_none_or(|due| event.at < due) {
                return Err(format!("timer {seq:?} fired before its time"));
            }
        }
    }
    Ok(())
}

/// Every message is taken in once.
fn messages(run: &Run) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for event in &run.events {
        let id = match event.kind.as_str() {
            "WorkflowExecutionSignaled" => &event.body["request_id"],
            "WorkflowExecutionUpdateAccepted" | "WorkflowExecutionUpdateCompleted" => &event.body["id"],
            _ => continue,
        };
        if !seen.insert((event.kind.clone(), id.to_string())) {
            return Err(format!("{} {id} happened twice", event.kind));
        }
    }
    Ok(())
}

/// Every history makes its program do again what it did, from several cuts.
pub(super) fn replay(store: &MemoryStore) -> Result<(), String> {
    let definition = programs::definition();
    for key in store.keys() {
        let stored = at_once(store.read(&key, 0))?;
        for history in RunHistory::of_records(&key, &stored)? {
            let bounds = Bounds { events_max: 40, samples: 4 };
            verify(&definition, &history, bounds, None).map_err(|mismatch| format!("{mismatch:#?}"))?;
        }
    }
    Ok(())
}
