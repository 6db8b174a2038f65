//! Kill and replay: a run's program rebuilt from its history, cut at every event, must go on as it did.
//!
//! A server loses nothing but the program's state when it dies, and it rebuilds that from whole batches: what a cut
//! inside a batch leaves over is handed to the program again as one batch. So a cut at an event is a rebuild from the
//! batches before it. Every cut is checked one batch far, from a stored and read copy; cuts of short histories, and
//! a sample of the cuts of long ones, are rebuilt from the first event and followed to the end.

use nexus_kernel::id::RunId;
use nexus_kernel::time::Timestamp;
use nexus_lang::twf::machine::{Command, Event as ProgramEvent, Machine, TaskInfo, Trace};

use super::history::{Entry, RunHistory};
use super::{World, fingerprint_of};
use crate::definition::Definition;
use crate::interpret;
use crate::record::Event;
use crate::state::RunState;

/// How much is rebuilt from the first event; the work grows with the square of the length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Histories of so many events have every cut followed to the end.
    pub events_max: usize,
    /// Longer ones so many of them, evenly spread.
    pub samples: usize,
}

impl Bounds {
    /// One life from the first event to the last, and no cut.
    pub const NONE: Bounds = Bounds { events_max: 0, samples: 0 };
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds { events_max: 200, samples: 16 }
    }
}

/// What was checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verified {
    /// Events of the history, hence places where it was cut.
    pub events: usize,
    /// Workflow tasks, hence different programs to go on with.
    pub tasks: usize,
    /// Tasks whose program was rebuilt from the first event and followed to the end.
    pub followed: usize,
}

/// A program that did not do again what its history says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The run.
    pub run: RunId,
    /// Its workflow.
    pub workflow: String,
    /// The event after which the history was cut.
    pub cut: u64,
    /// The event that differs.
    pub event: u64,
    /// What history has, with its statement.
    pub history: String,
    /// What the program did, with its statement.
    pub program: String,
}

/// One workflow task of a history.
struct Batch {
    at: Timestamp,
    info: TaskInfo,
    /// Events before the task, its own incoming ones included.
    end: u64,
    incoming: Vec<ProgramEvent>,
}

impl World<'_> {
    /// Verifies a run of this world; see [`verify`]. Fingerprints are compared when they were kept.
    pub fn verify(
        &self,
        history: &RunHistory,
        bounds: Bounds,
        trace: Option<&mut Trace>,
    ) -> Result<Verified, Box<Mismatch>> {
        let mut replay = Replay::new(&self.definition, history);
        let made = replay.live_through(trace)?;
        for (count, found) in &made.fingerprints {
            let lived = self.fingerprints.get(&history.run_id).and_then(|noted| noted.get(count));
            if lived.is_some_and(|lived| lived != found) {
                let (history, program) = ("the state of the run that lived", "another state when rebuilt");
                return Err(replay.mismatch((*count, *count), history.to_owned(), program.to_owned()));
            }
        }
        replay.cut_everywhere(&made, bounds)
    }
}

/// Verifies a history against a definition, counting what ran when somebody wants to know.
pub fn verify(
    definition: &Definition,
    history: &RunHistory,
    bounds: Bounds,
    trace: Option<&mut Trace>,
) -> Result<Verified, Box<Mismatch>> {
    let mut replay = Replay::new(definition, history);
    let made = replay.live_through(trace)?;
    replay.cut_everywhere(&made, bounds)
}

struct Replay<'a> {
    definition: &'a Definition,
    history: &'a RunHistory,
    batches: Vec<Batch>,
}

/// What a program did while it lived through its whole history.
struct Made {
    /// Its state before each task, and after the last one.
    states: Vec<String>,
    /// The commands of each task.
    commands: Vec<Vec<Command>>,
    /// Fingerprints after each task, by the number of events then in history.
    fingerprints: Vec<(u64, u64)>,
}

#[expect(
    clippy::unnecessary_box_returns,
    reason = "mismatches are rare and large, and always travel in a box"
)]
impl<'a> Replay<'a> {
    fn new(definition: &'a Definition, history: &'a RunHistory) -> Replay<'a> {
        Replay { definition, history, batches: batches(&history.events) }
    }

    fn begin(&self) -> Result<Machine, Box<Mismatch>> {
        let RunHistory { key, run_id, started, started_at, .. } = self.history;
        interpret::begin(key, run_id, started, self.definition, *started_at)
            .map_err(|error| self.mismatch((0, 1), "a run of this input".to_owned(), error.to_string()))
    }

    fn mismatch(&self, (cut, event): (u64, u64), history: String, program: String) -> Box<Mismatch> {
        let (run, workflow) = (self.history.run_id.clone(), self.history.started.workflow.clone());
        Box::new(Mismatch { run, workflow, cut, event, history, program })
    }

    fn fault(&self, batch: &Batch, cut: u64, fault: &nexus_lang::twf::fault::Fault) -> Box<Mismatch> {
        let program = format!("{fault} at {}", self.definition.place(fault.span));
        self.mismatch((cut, batch.end), "a completed task".to_owned(), program)
    }

    /// One life from the first event to the last, compared with what is recorded.
    fn live_through(&mut self, mut trace: Option<&mut Trace>) -> Result<Made, Box<Mismatch>> {
        let history = self.history;
        let mut machine = self.begin()?;
        let mut made = Made { states: Vec::new(), commands: Vec::new(), fingerprints: Vec::new() };
        let mut run = RunState::new(
            history.key.namespace.clone(),
            history.run_id.clone(),
            history.started.clone(),
            history.started_at,
        );
        let mut folded = 0;
        for batch in &self.batches {
            while let Some(entry) = history.events.get(folded).filter(|entry| entry.id <= batch.end) {
                run.apply(entry.at, &entry.event);
                folded += 1;
            }
            made.states.push(state_of(&machine));
            let info = TaskInfo { replaying: true, ..batch.info };
            let program = &self.definition.program;
            let commands = match trace.as_deref_mut() {
                Some(trace) => machine.task_traced(program, &info, &batch.incoming, trace),
                None => machine.task(program, &info, &batch.incoming),
            };
            let commands = commands.map_err(|fault| self.fault(batch, batch.end, &fault))?;
            let last = self.compare(&run, batch, &commands)?;
            made.fingerprints.push((last, fingerprint_of(&machine)));
            made.commands.push(commands);
        }
        made.states.push(state_of(&machine));
        Ok(made)
    }

    /// Compares the commands of a task with the events that follow it; gives the id of the last one.
    fn compare(&self, run: &RunState, batch: &Batch, commands: &[Command]) -> Result<u64, Box<Mismatch>> {
        // The id of the event that ends the batch; the commands' events come after it.
        let mut id = batch.end + 1;
        for command in commands {
            let event = interpret::event_of(&self.history.key, run, self.definition, (batch.at, command));
            let Some(event) = event else { continue };
            id += 1;
            let kept = usize::try_from(id - 1).ok().and_then(|at| self.history.events.get(at));
            if kept.is_none_or(|kept| kept.event != event) {
                let history = kept.map_or_else(|| "nothing".to_owned(), |kept| described(&kept.event));
                return Err(self.mismatch((batch.end, id), history, described(&event)));
            }
        }
        Ok(id)
    }

    /// Every cut one task far from a stored copy; some or all of them from the first event to the end.
    fn cut_everywhere(&self, made: &Made, bounds: Bounds) -> Result<Verified, Box<Mismatch>> {
        let tasks = self.batches.len();
        let stride = if self.history.events.len() <= bounds.events_max {
            1
        } else {
            tasks.div_ceil(bounds.samples.max(1)).max(1)
        };
        let mut verified = Verified { events: self.history.events.len(), tasks, followed: 0 };
        if bounds == Bounds::NONE {
            return Ok(verified);
        }
        for cut in 0..tasks {
            self.thaw(cut, made)?;
            if cut % stride == 0 {
                self.rebuild(cut, made)?;
                verified.followed += 1;
            }
        }
        Ok(verified)
    }

    /// A stored state, read back, does its next task like the original.
    fn thaw(&self, cut: usize, made: &Made) -> Result<(), Box<Mismatch>> {
        let (Some(batch), Some(state)) = (self.batches.get(cut), made.states.get(cut)) else { return Ok(()) };
        let mut machine: Machine = serde_json::from_str(state).map_err(|error| {
            self.mismatch((batch.end, batch.end), "a stored state".to_owned(), error.to_string())
        })?;
        self.follow(&mut machine, cut..cut + 1, batch.end, made)
    }

    /// A program rebuilt from the first event has the state of the original, and goes on like it to the end.
    fn rebuild(&self, cut: usize, made: &Made) -> Result<(), Box<Mismatch>> {
        let mut machine = self.begin()?;
        let event = self.batches.get(cut).map_or(0, |batch| batch.end);
        self.follow(&mut machine, 0..cut, event, made)?;
        if made.states.get(cut).is_some_and(|state| *state != state_of(&machine)) {
            return Err(self.another_state(event, event));
        }
        self.follow(&mut machine, cut..self.batches.len(), event, made)
    }

    fn another_state(&self, cut: u64, event: u64) -> Box<Mismatch> {
        let (history, program) = ("the state of the run that lived", "another state when rebuilt");
        self.mismatch((cut, event), history.to_owned(), program.to_owned())
    }

    /// Some tasks, each compared with what the original did; at the end the state is compared as well.
    fn follow(
        &self,
        machine: &mut Machine,
        tasks: std::ops::Range<usize>,
        cut: u64,
        made: &Made,
    ) -> Result<(), Box<Mismatch>> {
        let end = tasks.end;
        for at in tasks {
            let (Some(batch), Some(expected)) = (self.batches.get(at), made.commands.get(at)) else { break };
            let info = TaskInfo { replaying: true, ..batch.info };
            let commands = machine.task(&self.definition.program, &info, &batch.incoming);
            let commands = commands.map_err(|fault| self.fault(batch, cut, &fault))?;
            if commands != *expected {
                return Err(self.other_commands((cut, batch.end), expected, &commands));
            }
        }
        if made.states.get(end).is_some_and(|state| *state != state_of(machine)) {
            return Err(self.another_state(cut, cut));
        }
        Ok(())
    }

    fn other_commands(&self, at: (u64, u64), expected: &[Command], found: &[Command]) -> Box<Mismatch> {
        let differs = (0..expected.len().max(found.len())).find(|at| expected.get(*at) != found.get(*at));
        let told = |commands: &[Command]| match differs.and_then(|at| commands.get(at)) {
            Some(command) => format!("{:?} at {}", command.kind, self.definition.place(command.span)),
            None => "nothing".to_owned(),
        };
        self.mismatch(at, told(expected), told(found))
    }
}

fn state_of(machine: &Machine) -> String {
    serde_json::to_string(machine).unwrap_or_default()
}

/// An event with its fields, as a person compares it.
fn described(event: &Event) -> String {
    serde_json::to_string(event).unwrap_or_default()
}

fn batches(events: &[Entry]) -> Vec<Batch> {
    let mut batches = Vec::new();
    let mut incoming = Vec::new();
    for entry in events {
        if matches!(entry.event, Event::WorkflowTaskCompleted {}) {
            let info = TaskInfo {
                now_ms: entry.at.millis(),
                history_length: entry.id - 1,
                history_bytes: entry.bytes_before,
                replaying: false,
            };
            let incoming = std::mem::take(&mut incoming);
            batches.push(Batch { at: entry.at, info, end: entry.id - 1, incoming });
        } else {
            incoming.extend(interpret::incoming(&entry.event));
        }
    }
    batches
}
