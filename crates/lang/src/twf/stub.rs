//! A host for simulations: a virtual clock, activities answered by a rule, children and Nexus operations run in place.
//!
//! It does what a server does with the commands of a machine, without a store, workers or waiting.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::failure::{Failure, kind};
use super::fault::Fault;
use super::machine::{
    Command, CommandKind, Event, InputError, Machine, NexusTarget, RunInfo, SignalTarget, TaskInfo,
};
use super::program::{Backing, Program};

/// Runs of one simulation; beyond that something starts children without end.
const RUNS_MAX: usize = 10_000;

/// Workflow tasks of one simulation.
const TASKS_MAX: usize = 100_000;

/// How an activity is answered: its name, its input, how many calls there were before in this simulation.
pub type Answer<'a> = dyn FnMut(&str, &[Json], usize) -> Result<Json, Box<Failure>> + 'a;

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// With a result.
    Completed(Json),
    /// With a failure.
    Failed(Failure),
    /// By cancellation.
    Canceled(Failure),
    /// It waits for something that will not happen here: a signal, an update.
    Waiting(Vec<String>),
}

/// One workflow task of a run, as history keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Its circumstances.
    pub info: TaskInfo,
    /// What had happened.
    pub events: Vec<Event>,
    /// What the program said.
    pub commands: Vec<Command>,
}

/// Why a simulation cannot go on.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StubError {
    /// The input does not fit.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A program went wrong.
    #[error("{workflow}: {fault}")]
    Fault {
        /// Which workflow.
        workflow: String,
        /// How.
        fault: Fault,
    },
    /// Too many runs or tasks.
    #[error("the simulation was stopped after {0}")]
    TooLong(&'static str),
}

/// Messages that a run leaves to the one that continues it.
type Messages = [(String, Vec<Json>)];

/// Who is told when a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Caller {
    run: usize,
    seq: u64,
    is_nexus: bool,
    detached: bool,
}

struct Run {
    machine: Machine,
    inbox: Vec<Event>,
    caller: Option<Caller>,
    outcome: Option<Outcome>,
    events: u64,
    children: BTreeMap<u64, usize>,
    /// Whether its first task is still to come. A start only notes that: were it to run the task, a workflow that
    /// starts itself would use up the stack.
    is_new: bool,
}

/// A simulation.
pub struct StubHost<'a> {
    program: &'a Program,
    answer: Box<Answer<'a>>,
    now_ms: i64,
    runs: Vec<Run>,
    /// Timers by time, then by the order they were set in.
    timers: BTreeMap<(i64, u64), (usize, u64)>,
    next_timer: u64,
    calls: usize,
    tasks: usize,
    /// The tasks of the first run.
    batches: Vec<Batch>,
    /// Messages for the first run by the time they arrive at.
    scripted: Vec<(i64, Event)>,
}

impl<'a> StubHost<'a> {
    /// A simulation at 2026-01-01T00:00:00Z in which every activity returns a plausible value of its type.
    pub fn new(program: &'a Program) -> StubHost<'a> {
        StubHost::with_answers(program, move |name, _, _| Ok(program.synthesise_activity(name)))
    }

    /// A simulation whose activities are answered by a rule.
    pub fn with_answers(
        program: &'a Program,
        answer: impl FnMut(&str, &[Json], usize) -> Result<Json, Box<Failure>> + 'a,
    ) -> StubHost<'a> {
        StubHost {
            program,
            answer: Box::new(answer),
            now_ms: 1_767_225_600_000,
            runs: Vec::new(),
            timers: BTreeMap::new(),
            next_timer: 0,
            calls: 0,
            tasks: 0,
            batches: Vec::new(),
            scripted: Vec::new(),
        }
    }

    /// Delivers an event to the first run after this many milliseconds of virtual time.
    pub fn after(mut self, ms: i64, event: Event) -> StubHost<'a> {
        self.scripted.push((self.now_ms + ms, event));
        self.scripted.sort_by_key(|(at, _)| *at);
        self
    }

    /// Runs a workflow to its end, or until nothing can happen any more.
    pub fn run(&mut self, workflow: &str, input: &Json) -> Result<Outcome, StubError> {
        let info = RunInfo {
            namespace: "default".into(),
            workflow_id: format!("{}-1", workflow.to_lowercase()),
            run_id: "00000000-0000-4000-8000-000000000001".into(),
            workflow_type: workflow.into(),
            task_queue: "default".into(),
            attempt: 1,
            started_at_ms: self.now_ms,
            seed: 1,
            parent_id: None,
            caller: None,
            ..RunInfo::default()
        };
        self.start(info, input, None)?;
        loop {
            if !self.run_ready()? && !self.advance() {
                break;
            }
        }
        Ok(match self.runs.first().and_then(|run| run.outcome.clone()) {
            Some(outcome) => outcome,
            None => Outcome::Waiting(self.blocked()),
        })
    }

    /// The tasks of the first run so far: its history.
    pub fn batches(&self) -> &[Batch] {
        &self.batches
    }

    /// The first run.
    pub fn machine(&self) -> Option<&Machine> {
        self.runs.first().map(|run| &run.machine)
    }

    /// Milliseconds of virtual time now.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    fn blocked(&self) -> Vec<String> {
        let blocked = self.machine().map(|machine| machine.blocked(self.program)).unwrap_or_default();
        blocked.into_iter().map(|it| it.reason).collect()
    }

    fn start(&mut self, info: RunInfo, input: &Json, caller: Option<Caller>) -> Result<usize, StubError> {
        if self.runs.len() >= RUNS_MAX {
            return Err(StubError::TooLong("10 000 runs"));
        }
        let machine = Machine::start(self.program, info, input)?;
        self.runs.push(Run {
            machine,
            inbox: Vec::new(),
            caller,
            outcome: None,
            events: 1,
            children: BTreeMap::new(),
            is_new: true,
        });
        Ok(self.runs.len() - 1)
    }

    /// Gives every run its next task; false when no run had anything new.
    fn run_ready(&mut self) -> Result<bool, StubError> {
        let is_ready = |run: &Run| run.is_new || !run.inbox.is_empty();
        let ready: Vec<usize> =
            self.runs.iter().enumerate().filter(|(_, run)| is_ready(run)).map(|(at, _)| at).collect();
        for at in &ready {
            self.task(*at)?;
        }
        Ok(!ready.is_empty())
    }

    fn task(&mut self, at: usize) -> Result<(), StubError> {
        self.tasks += 1;
        if self.tasks > TASKS_MAX {
            return Err(StubError::TooLong("100 000 workflow tasks"));
        }
        let Some(run) = self.runs.get_mut(at) else { return Ok(()) };
        let events = std::mem::take(&mut run.inbox);
        run.is_new = false;
        if run.machine.is_closed() {
            return Ok(());
        }
        run.events += events.len() as u64;
        let info = TaskInfo {
            now_ms: self.now_ms,
            history_length: run.events,
            history_bytes: run.events * 256,
            replaying: false,
        };
        let commands = run.machine.task(self.program, &info, &events).map_err(|fault| StubError::Fault {
            workflow: run.machine.info().workflow_type.clone(),
            fault,
        })?;
        run.events += commands.len() as u64;
        if at == 0 {
            self.batches.push(Batch { info, events, commands: commands.clone() });
        }
        for command in commands {
            self.perform(at, command)?;
        }
        Ok(())
    }

    fn tell(&mut self, at: usize, event: Event) {
        if let Some(run) = self.runs.get_mut(at) {
            run.inbox.push(event);
        }
    }

    fn perform(&mut self, at: usize, command: Command) -> Result<(), StubError> {
        let seq = command.seq;
        match command.kind {
            CommandKind::ScheduleActivity { name, input, .. } => {
                let calls = self.calls;
                self.calls += 1;
                let event = match (self.answer)(&name, &input, calls) {
                    Ok(result) => Event::ActivityCompleted { seq, result },
                    Err(failure) => Event::ActivityFailed { seq, failure: *failure },
                };
                self.tell(at, event);
            }
            CommandKind::StartTimer { duration_ms } => {
                let due = (self.now_ms.saturating_add(duration_ms), self.next_timer);
                self.next_timer += 1;
                self.timers.insert(due, (at, seq));
            }
            CommandKind::CancelTimer { timer } => self.timers.retain(|_, it| *it != (at, timer)),
            CommandKind::StartChild { workflow, input, options, detached } => {
                let caller = Caller { run: at, seq, is_nexus: false, detached };
                self.start_child(caller, (workflow, options.workflow_id), &input)?;
            }
            CommandKind::ScheduleNexus { target, input, detached, .. } => {
                let caller = Caller { run: at, seq, is_nexus: true, detached };
                self.start_nexus(caller, &target, &input)?;
            }
            CommandKind::RequestCancel { target, .. } => self.cancel(at, target),
            CommandKind::SendSignal { target, name, input } => self.signal(at, seq, (target, name, input)),
            CommandKind::Complete { result } => self.ended(at, Outcome::Completed(result)),
            CommandKind::Fail { failure } => self.ended(at, Outcome::Failed(failure)),
            CommandKind::Cancel { failure } => self.ended(at, Outcome::Canceled(failure)),
            CommandKind::ContinueAsNew { input, tokens, unread } => {
                self.renew(at, &input, (&tokens, &unread))?;
            }
            _ => {}
        }
        Ok(())
    }

    fn start_child(
        &mut self,
        caller: Caller,
        (workflow, workflow_id): (String, String),
        input: &Json,
    ) -> Result<(), StubError> {
        let Some(parent) = self.runs.get(caller.run).map(|run| run.machine.info().clone()) else {
            return Ok(());
        };
        if self.program.is_lenient() && self.program.workflow(&workflow).is_none() {
            self.made_up(&caller);
            return Ok(());
        }
        let number = self.runs.len() + 1;
        let run_id = format!("00000000-0000-4000-8000-{number:012}");
        let info = RunInfo {
            workflow_id,
            run_id: run_id.clone(),
            workflow_type: workflow,
            parent_id: Some(parent.workflow_id.clone()),
            started_at_ms: self.now_ms,
            seed: number as u64,
            caller: caller.is_nexus.then(|| {
                json!({ "namespace": parent.namespace, "workflow_id": parent.workflow_id, "run_id": parent.run_id })
            }),
            ..parent
        };
        // The caller hears of the start before it hears of the end.
        let Caller { run, seq, is_nexus, .. } = caller;
        let before = self.runs.get(run).map_or(0, |run| run.inbox.len());
        self.tell(
            run,
            if is_nexus { Event::NexusStarted { seq } } else { Event::ChildStarted { seq, run_id } },
        );
        match self.start(info, input, Some(caller)) {
            Ok(child) => {
                if let Some(parent) = self.runs.get_mut(run) {
                    parent.children.insert(seq, child);
                }
                Ok(())
            }
            Err(StubError::Input(error)) => {
                if let Some(parent) = self.runs.get_mut(run) {
                    parent.inbox.truncate(before);
                }
                let failure = Failure::application("BadRequest", error.to_string());
                self.tell(run, failed(&caller, failure));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn start_nexus(&mut self, caller: Caller, target: &NexusTarget, input: &Json) -> Result<(), StubError> {
        let workflow = match target {
            NexusTarget::Workflow { workflow, .. } => {
                self.program.workflow(workflow).map(|it| it.name.clone())
            }
            NexusTarget::Operation { service, operation, .. } => {
                self.program.operation(service, operation).map(|backing| match backing {
                    Backing::Workflow(name) => name.clone(),
                    Backing::Inline => format!("{service}.{operation}"),
                })
            }
        };
        match workflow {
            Some(workflow) => {
                let id = format!("nexus-{}", self.runs.len() + 1);
                self.start_child(caller, (workflow, id), input)
            }
            None if self.program.is_lenient() => {
                self.made_up(&caller);
                Ok(())
            }
            None => {
                let failure = Failure::new(kind::SERVER, "NOT_FOUND", "there is no such operation");
                self.tell(caller.run, failed(&caller, failure));
                Ok(())
            }
        }
    }

    /// A sketch calls what somebody else has or will have: it is there, and answers with an object without fields.
    fn made_up(&mut self, caller: &Caller) {
        let Caller { run, seq, is_nexus, detached } = *caller;
        let run_id = "somewhere else".to_owned();
        self.tell(
            run,
            if is_nexus { Event::NexusStarted { seq } } else { Event::ChildStarted { seq, run_id } },
        );
        if !detached {
            let result = json!({});
            self.tell(
                run,
                if is_nexus {
                    Event::NexusCompleted { seq, result }
                } else {
                    Event::ChildCompleted { seq, result }
                },
            );
        }
    }

    /// Children are asked to stop; an activity has been answered already.
    fn cancel(&mut self, at: usize, target: u64) {
        let child = self.runs.get(at).and_then(|run| run.children.get(&target)).copied();
        if let Some(child) = child {
            self.tell(child, Event::CancelRequested { reason: "cancelled by the parent".into() });
        }
    }

    fn signal(&mut self, at: usize, seq: u64, (target, name, input): (SignalTarget, String, Json)) {
        let found = match &target {
            SignalTarget::Child { seq } => self.runs.get(at).and_then(|run| run.children.get(seq)).copied(),
            SignalTarget::External { workflow_id, .. } => {
                self.runs.iter().rposition(|run| run.machine.info().workflow_id == *workflow_id)
            }
        };
        let open = found.filter(|at| self.runs.get(*at).is_some_and(|run| run.outcome.is_none()));
        let failure = match open {
            Some(open) => {
                self.tell(open, Event::Signaled { name, input });
                None
            }
            None => Some(Failure::new(kind::SERVER, "NOT_FOUND", "there is no open run to signal")),
        };
        self.tell(at, Event::SignalSent { seq, failure });
    }

    fn ended(&mut self, at: usize, outcome: Outcome) {
        self.timers.retain(|_, (run, _)| *run != at);
        let Some(run) = self.runs.get_mut(at) else { return };
        run.outcome = Some(outcome.clone());
        let Some(caller) = run.caller.filter(|caller| !caller.detached) else { return };
        let seq = caller.seq;
        let event = match outcome {
            Outcome::Completed(result) if caller.is_nexus => Event::NexusCompleted { seq, result },
            Outcome::Completed(result) => Event::ChildCompleted { seq, result },
            Outcome::Failed(failure) | Outcome::Canceled(failure) if caller.is_nexus => {
                Event::NexusFailed { seq, failure }
            }
            Outcome::Failed(failure) | Outcome::Canceled(failure) => Event::ChildFailed { seq, failure },
            Outcome::Waiting(_) => return,
        };
        self.tell(caller.run, event);
    }

    /// The next run of a chain takes the place of the one before.
    fn renew(
        &mut self,
        at: usize,
        input: &Json,
        (tokens, unread): (&Messages, &Messages),
    ) -> Result<(), StubError> {
        self.timers.retain(|_, (run, _)| *run != at);
        let Some(run) = self.runs.get_mut(at) else { return Ok(()) };
        let old = run.machine.info().clone();
        let seed = old.seed.wrapping_add(1);
        let chain = old.run_id.split('+').next().unwrap_or_default();
        let mut renewed = Machine::start(
            self.program,
            RunInfo { run_id: format!("{chain}+{seed}"), seed, started_at_ms: self.now_ms, ..old },
            input,
        )?;
        let carried =
            renewed.carry(self.program, tokens).and_then(|()| renewed.carry_unread(self.program, unread));
        carried
            .map_err(|fault| StubError::Fault { workflow: renewed.info().workflow_type.clone(), fault })?;
        run.machine = renewed;
        run.events = 1;
        run.children.clear();
        run.is_new = true;
        if at == 0 {
            self.batches.clear();
        }
        Ok(())
    }

    /// Lets time pass until the next timer or scripted message; false when nothing is left.
    fn advance(&mut self) -> bool {
        if self.runs.first().is_none_or(|run| run.outcome.is_some()) {
            return false;
        }
        let timer = self.timers.keys().next().copied();
        let message = self.scripted.first().map(|(at, _)| *at);
        match (timer, message) {
            (Some((due, _)), Some(at)) if at <= due => self.deliver(),
            (Some(key), _) => {
                self.now_ms = self.now_ms.max(key.0);
                if let Some((run, seq)) = self.timers.remove(&key) {
                    self.tell(run, Event::TimerFired { seq });
                }
            }
            (None, Some(_)) => self.deliver(),
            (None, None) => return false,
        }
        true
    }

    fn deliver(&mut self) {
        if self.scripted.is_empty() {
            return;
        }
        let (at, event) = self.scripted.remove(0);
        self.now_ms = self.now_ms.max(at);
        self.tell(0, event);
    }
}

fn failed(caller: &Caller, failure: Failure) -> Event {
    let seq = caller.seq;
    if caller.is_nexus {
        Event::NexusFailed { seq, failure }
    } else {
        Event::ChildStartFailed { seq, failure }
    }
}
