//! Simulations: the pure step in a world without threads, disks or waiting, where time jumps to what comes next.
//!
//! What a server does with effects is done here at once and in a fixed order, so a simulated run has the history that
//! a server would give it: the same records, retries, wrapping of failures, parent-close policies and refusals.

mod answer;
mod crash;
mod deliver;
mod history;
mod message;
mod replay;

pub use answer::{Answer, Answers, Remote, RemoteKind};
pub use crash::CrashError;
pub use history::{Attempt, Entry, RunHistory};
pub use message::UpdateAnswer;
pub use replay::{Bounds, Mismatch, Verified, verify};

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher;
use std::sync::Arc;
use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::error::Error;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::{Key, Namespace, RunId, WorkflowId};
use nexus_kernel::memory::rng::SeededRng;
use nexus_kernel::port::log::Stored;
use nexus_kernel::time::Timestamp;
use nexus_lang::twf::machine::Trace;

use crate::decide::{self, Context};
use crate::definition::Definition;
use crate::effect::{Dispatch, Effect};
use crate::failures;
use crate::input::{Due, Input, Limit, Reply, Start};
use crate::nexus;
use crate::record::{IntentId, Record, StartOptions};
use crate::state::{Intent, KeyState, RunState};

/// Transitions of one simulation unless somebody says otherwise; beyond that something goes round and round.
pub const TRANSITIONS_MAX: usize = 50_000;

/// One key: its state, and what a store would hold of it.
#[derive(Debug, Default)]
struct Cell {
    state: KeyState,
    records: Vec<Record>,
    stored: Vec<Stored>,
}

/// Something that is going to happen.
#[derive(Debug)]
enum Wake {
    Input(Key, Input),
    Deliver(Key, RunId, IntentId, Intent),
}

/// An attempt that waits for somebody to end it.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// Namespace and workflow id of its run.
    pub key: Key,
    /// Its run.
    pub run: RunId,
    /// The activity's command.
    pub seq: u64,
    /// The activity.
    pub activity: String,
    /// From 1.
    pub attempt: u32,
    /// The attempt, counted over resets.
    pub ticket: u32,
    /// When it began.
    pub began: Timestamp,
}

/// A simulated world.
pub struct World<'a> {
    definition: Arc<Definition>,
    rng: SeededRng,
    now: Timestamp,
    cells: BTreeMap<Key, Cell>,
    /// Keys in the order of their first start.
    order: Vec<Key>,
    queue: BTreeMap<(Timestamp, u64), Wake>,
    next: u64,
    transitions: usize,
    transitions_max: usize,
    answers: Box<dyn Answers + 'a>,
    held: Vec<Held>,
    /// Runs that only their answer exists of.
    mocked: BTreeSet<Key>,
    /// Fingerprints of programs after each of their tasks, by the number of events then in history.
    fingerprints: BTreeMap<RunId, BTreeMap<u64, u64>>,
    keeps_fingerprints: bool,
    traces: Option<BTreeMap<String, Trace>>,
    /// Whether runs fail whose programs cannot go on.
    panic_fails: bool,
}

/// The simulation was given up: too many transitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endless;

impl<'a> World<'a> {
    /// A world at a point in time. Equal seeds and answers give equal histories.
    pub fn new(
        definition: Arc<Definition>,
        (now, seed): (Timestamp, u64),
        answers: impl Answers + 'a,
    ) -> World<'a> {
        World {
            definition,
            rng: SeededRng::new(seed),
            now,
            cells: BTreeMap::new(),
            order: Vec::new(),
            queue: BTreeMap::new(),
            next: 0,
            transitions: 0,
            transitions_max: TRANSITIONS_MAX,
            answers: Box::new(answers),
            held: Vec::new(),
            mocked: BTreeSet::new(),
            fingerprints: BTreeMap::new(),
            keeps_fingerprints: false,
            traces: None,
            panic_fails: false,
        }
    }

    /// Fails the runs whose programs cannot go on.
    pub fn failing_on_panic(self) -> World<'a> {
        World { panic_fails: true, ..self }
    }

    /// Gives up after so many transitions.
    pub fn limited(self, transitions_max: usize) -> World<'a> {
        World { transitions_max, ..self }
    }

    /// Keeps fingerprints of every program after every task, for [`verify`].
    pub fn keeping_fingerprints(mut self) -> World<'a> {
        self.keeps_fingerprints = true;
        self
    }

    /// Counts what queries and refused updates run; histories show the rest.
    pub fn tracing(mut self) -> World<'a> {
        self.traces = Some(BTreeMap::new());
        self
    }

    /// What queries and refused updates have run, by workflow.
    pub fn take_traces(&mut self) -> BTreeMap<String, Trace> {
        self.traces.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The definition that runs use.
    pub fn definition(&self) -> &Arc<Definition> {
        &self.definition
    }

    /// Every key that something has happened to, in that order.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.order.iter()
    }

    /// Attempts that wait for somebody to end them, oldest first.
    pub fn held(&self) -> &[Held] {
        &self.held
    }

    /// Starts a run, where it is deployed or in the namespace `default`.
    pub fn start(
        &mut self,
        namespace: &Namespace,
        workflow_id: &WorkflowId,
        workflow: &str,
        input: Json,
    ) -> Result<Key, Error> {
        let key = Key { namespace: namespace.clone(), workflow_id: workflow_id.clone() };
        let task_queue = nexus::task_queue(Some(&self.definition), namespace, workflow)
            .map_err(|failure| Error::new(&nexus_kernel::code::WORKFLOW_UNKNOWN, failure.message))?;
        let request_id = format!("request-{}", self.next);
        let workflow = workflow.to_owned();
        let options = StartOptions::default();
        let start = Start { options, ..Start::new(workflow, input, task_queue, request_id) };
        match self.apply(&key, Input::Start(Box::new(start))) {
            Reply::Refused(error) => Err(error),
            _ => Ok(key),
        }
    }

    /// Does everything that is to be done now.
    pub fn settle(&mut self) -> Result<(), Endless> {
        self.advance_to(self.now)
    }

    /// Lets time pass, doing everything that falls due on the way.
    pub fn advance_to(&mut self, until: Timestamp) -> Result<(), Endless> {
        while self.queue.first_key_value().is_some_and(|((at, _), _)| *at <= until) {
            self.turn()?;
        }
        self.now = self.now.max(until);
        Ok(())
    }

    /// Lets time pass until a key has no open run, or until nothing can happen any more.
    pub fn run_to_end(&mut self, key: &Key) -> Result<(), Endless> {
        while self.is_open(key) && !self.queue.is_empty() {
            self.turn()?;
        }
        self.settle()
    }

    /// Whether a key has an open run whose program can go on.
    pub fn is_open(&self, key: &Key) -> bool {
        self.open(key).is_some_and(|run| run.blocked.is_none())
    }

    /// The open run of a key.
    fn open(&self, key: &Key) -> Option<&RunState> {
        self.cells.get(key).and_then(|cell| cell.state.open())
    }

    fn turn(&mut self) -> Result<(), Endless> {
        if self.transitions > self.transitions_max {
            return Err(Endless);
        }
        if let Some(((at, _), wake)) = self.queue.pop_first() {
            self.now = self.now.max(at);
            match wake {
                Wake::Input(key, input) => {
                    self.apply(&key, input);
                }
                Wake::Deliver(key, run, id, intent) => self.deliver(&key, &run, id, intent),
            }
        }
        Ok(())
    }

    fn push(&mut self, at: Timestamp, wake: Wake) {
        self.queue.insert((at, self.next), wake);
        self.next += 1;
    }

    /// One transition, with everything a shard does around it.
    fn apply(&mut self, key: &Key, input: Input) -> Reply {
        self.transitions += 1;
        if !self.cells.contains_key(key) {
            self.order.push(key.clone());
        }
        let cell = self.cells.entry(key.clone()).or_default();
        let definition = Arc::clone(&self.definition);
        let context = Context {
            key,
            now: self.now,
            rng: &self.rng,
            definition: &|_| Some(Arc::clone(&definition)),
            current: Some(Arc::clone(&definition)),
            beside: None,
            panic_fails: self.panic_fails,
        };
        let transition = decide::step(&mut cell.state, input, &context);
        if let Some(record) = transition.record {
            cell.keep(record);
        }
        self.fingerprint(key);
        for effect in transition.effects {
            self.perform(key, effect);
        }
        if let Some(cell) = self.cells.get_mut(key) {
            cell.state.forget_settled();
        }
        transition.reply
    }

    /// Notes what the open program of a key looks like.
    fn fingerprint(&mut self, key: &Key) {
        if !self.keeps_fingerprints {
            return;
        }
        let Some(run) = self.cells.get(key).and_then(|cell| cell.state.open()) else { return };
        let Some(machine) = &run.machine else { return };
        let noted = self.fingerprints.entry(run.run_id.clone()).or_default();
        noted.insert(run.next_event - 1, fingerprint_of(machine));
    }

    /// What programs looked like after their tasks, by the number of events then in history.
    pub fn fingerprints(&self, run: &RunId) -> Option<&BTreeMap<u64, u64>> {
        self.fingerprints.get(run)
    }

    fn perform(&mut self, key: &Key, effect: Effect) {
        match effect {
            Effect::Dispatch(dispatch) => self.dispatch(*dispatch),
            Effect::Arm(at, run, due) => {
                self.push(at.max(self.now), Wake::Input(key.clone(), Input::Due(run, due)));
            }
            Effect::Deliver(run, id, intent) => {
                self.push(self.now, Wake::Deliver(key.clone(), run, id, intent));
            }
            Effect::Closed(run) => self.held.retain(|held| held.run != run),
            // Scenarios play runs; nobody makes a schedule in one.
            Effect::Blocked(_) | Effect::Errand(_) | Effect::Answered(..) => {}
            Effect::Withdraw { run, seq, ticket, .. } => {
                self.held.retain(|held| (&held.run, held.seq, held.ticket) != (&run, seq, ticket));
            }
        }
    }

    /// An attempt begins at once: there is always a worker here. It ends by its answer or by its timeout.
    fn dispatch(&mut self, dispatch: Dispatch) {
        let Dispatch { task, close_before, .. } = dispatch;
        let began = self.now;
        let own_limit = began.plus(Duration::from_millis(task.start_to_close_ms));
        let limit = close_before.map_or(own_limit, |close| close.min(own_limit));
        let answer = self.answers.activity(&task, began);
        let ended = |outcome| Input::ActivityEnded {
            run: task.run_id.clone(),
            seq: task.activity_id,
            attempt: task.ticket,
            started_at: began,
            outcome,
        };
        let ends = began.plus(answer.takes);
        match answer.outcome {
            Some(outcome) if ends < limit || answer.takes.is_zero() => {
                self.push(ends, Wake::Input(task.key.clone(), ended(outcome)));
            }
            outcome => {
                let what = if limit < own_limit { Limit::ScheduleToClose } else { Limit::StartToClose };
                let too_slow = ended(Err(failures::timeout(what)));
                self.push(limit, Wake::Input(task.key.clone(), too_slow));
                if outcome.is_none() {
                    self.hold(&task, began);
                }
            }
        }
    }

    fn hold(&mut self, task: &nexus_kernel::activity::ActivityTask, began: Timestamp) {
        self.held.retain(|held| (&held.run, held.seq) != (&task.run_id, task.activity_id));
        self.held.push(Held {
            key: task.key.clone(),
            run: task.run_id.clone(),
            seq: task.activity_id,
            activity: task.activity.clone(),
            attempt: task.attempt,
            ticket: task.ticket,
            began,
        });
    }

    /// Ends the oldest attempt of an activity that waits for it; false when none does.
    pub fn end_held(&mut self, activity: &str, outcome: Result<Json, Failure>) -> bool {
        self.drop_stale();
        let Some(at) = self.held.iter().position(|held| held.activity == activity) else { return false };
        let Held { key, run, seq, ticket, began, .. } = self.held.remove(at);
        self.apply(&key, Input::ActivityEnded { run, seq, attempt: ticket, started_at: began, outcome });
        true
    }

    /// Lets go of attempts that have timed out or that nobody wants any more.
    fn drop_stale(&mut self) {
        let cells = &self.cells;
        self.held.retain(|held| {
            let run = cells.get(&held.key).and_then(|cell| cell.state.run(&held.run));
            run.and_then(|run| run.activities.get(&held.seq))
                .is_some_and(|it| !it.unwanted && it.is_under_way(held.ticket))
        });
    }

    /// When the next thing happens by itself, and what a person would call it.
    pub fn next_due(&self) -> Option<(Timestamp, &'static str)> {
        let ((at, _), wake) = self.queue.first_key_value()?;
        let what = match wake {
            Wake::Input(_, Input::Due(_, Due::Timer(_))) => "a timer fires",
            Wake::Input(_, Input::Due(_, Due::Start)) => "a run begins",
            Wake::Input(_, Input::Due(_, Due::Attempt(..))) => "an activity is tried again",
            Wake::Input(_, Input::ActivityEnded { .. }) => "an activity ends",
            Wake::Input(..) => "a deadline passes",
            Wake::Deliver(..) => "a message is delivered",
        };
        Some((*at, what))
    }
}

impl Cell {
    /// What a store does with a record.
    fn keep(&mut self, record: Record) {
        let bytes = record.encode();
        self.state.head += 1;
        self.state.count_bytes(&record, bytes.len());
        self.stored.push(Stored { sequence: self.state.head, record: bytes });
        self.records.push(record);
    }
}

/// A number that programs of equal state share.
fn fingerprint_of(machine: &nexus_lang::twf::machine::Machine) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(&serde_json::to_vec(machine).unwrap_or_default());
    hasher.finish()
}
