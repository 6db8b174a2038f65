//! The pure step: a key's state and an input give a record and effects. No I/O, no clock, no chance of its own.
//!
//! The state is changed at once, before the record is durable. A caller whose append fails must drop the state.

mod activity;
mod defaults;
mod follow;
mod import;
pub(crate) mod limits;
mod message;
mod operation;
mod operator;
mod progress;
mod reset;
mod schedule;
mod start;

pub(crate) use defaults::retry_of_json;

use std::sync::Arc;
use std::time::Duration;

use nexus_kernel::error::Error;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::{Key, RunId};
use nexus_kernel::port::rng::Rng;
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::time::Timestamp;

use crate::definition::Definition;
use crate::effect::{self, Effect};
use crate::failures;
use crate::input::{Due, Input, Reply};
use crate::interpret;
use crate::record::{Event, IntentId, Note, Record, RunPart, VERSION};
use crate::schedule::Happening;
use crate::state::{KeyState, RunState};

/// Runs of a chain that one transition starts: a program that continues as new in its first task may do so for ever.
const SUCCESSORS_MAX: usize = 16;

/// How long the next one waits then, so that others have their turn.
const SUCCESSOR_PAUSE: Duration = Duration::from_millis(1);

/// What a step may look at beside the state.
pub struct Context<'a> {
    /// The key.
    pub key: &'a Key,
    /// The time of the transition.
    pub now: Timestamp,
    /// Chance, for run ids.
    pub rng: &'a dyn Rng,
    /// Definitions that have been loaded, by hash.
    pub definition: &'a dyn Fn(&nexus_kernel::port::blob::Hash) -> Option<Arc<Definition>>,
    /// The definition that the key's new runs get.
    pub current: Option<Arc<Definition>>,
    /// The one that other keys get, while a version ramps.
    pub beside: Option<Arc<Definition>>,
    /// Whether a run whose program cannot go on fails, instead of staying open until somebody mends it: tests may want
    /// that (language page, H6).
    pub panic_fails: bool,
}

/// What a step decides.
#[derive(Debug)]
pub struct Transition {
    /// What to append; nothing when only effects follow.
    pub record: Option<Record>,
    /// What to do once the record is durable.
    pub effects: Vec<Effect>,
    /// What to tell the sender once the record is durable.
    pub reply: Reply,
}

impl Transition {
    /// Nothing happens and nothing is told.
    pub(crate) fn nothing() -> Transition {
        Transition { record: None, effects: Vec::new(), reply: Reply::Done }
    }

    fn refused(error: Error) -> Transition {
        Transition { record: None, effects: Vec::new(), reply: Reply::Refused(error) }
    }

    fn reply(reply: Reply) -> Transition {
        Transition { record: None, effects: Vec::new(), reply }
    }
}

/// Decides what an input does to a key.
pub fn step(state: &mut KeyState, input: Input, context: &Context<'_>) -> Transition {
    match input {
        Input::Start(start) => start::start(state, *start, context, None),
        Input::Schedule(happening) => schedule::schedule(state, *happening, context),
        Input::Due(_, Due::Schedule) => schedule::schedule(state, Happening::Due, context),
        Input::RemoteEnded { seq, end, .. } if state.schedule.is_some() => {
            schedule::schedule(state, Happening::Ended { seq, outcome: end.outcome }, context)
        }
        Input::ActivityEnded { run, seq, attempt, started_at, outcome } => {
            let ended = activity::Ended { seq, ticket: attempt, started_at, outcome };
            on_run(state, &run, context, |draft| activity::ended(draft, ended))
        }
        Input::Activity(run, seq, input) => activity::input(state, context, (run, seq), input),
        Input::Due(run, Due::Attempt(seq, ticket)) => {
            activity::attempt_due(state, context, &run, (seq, ticket))
        }
        Input::Due(run, due) => on_run(state, &run, context, |draft| progress::due(draft, due)),
        Input::RemoteStarted { run, seq, outcome } => {
            on_run(state, &run, context, |draft| progress::remote_started(draft, seq, outcome))
        }
        Input::RemoteEnded { run, seq, end } => {
            on_run(state, &run, context, |draft| progress::remote_ended(draft, seq, *end))
        }
        Input::Complete(whom, end) => operation::complete(state, context, &whom, *end),
        Input::CancelOperation(run, seq) => operation::cancel(state, context, &run, seq),
        Input::DeliveryFailed { run, intent, setback } => {
            on_run(state, &run, context, |draft| operation::delivery_failed(draft, intent, *setback))
        }
        Input::SignalSent { run, seq, failure } => {
            on_run(state, &run, context, |draft| progress::signal_sent(draft, seq, failure))
        }
        Input::Delivered(run, intent) => on_run(state, &run, context, |draft| delivered(draft, intent)),
        Input::Signal { run, signal, checked } => {
            message::signal(state, run.as_ref(), context, (signal, checked))
        }
        Input::Update { run, update } => message::update(state, run.as_ref(), context, update),
        Input::SignalWithStart(start, signal) => message::signal_with_start(state, context, (*start, signal)),
        Input::UpdateWithStart(start, update) => message::update_with_start(state, context, (*start, update)),
        Input::Cancel { run, reason } => {
            let event = Event::WorkflowExecutionCancelRequested { reason };
            operator::to_open_run(state, run.as_ref(), context, event)
        }
        Input::Import(import) => import::import(state, *import, context),
        Input::Reset(reset) => reset::reset(state, *reset, context),
        Input::Attach { run, request_id, waiter } => {
            reset::attach(state, context, &run, (request_id, waiter))
        }
        Input::Pause { run, reason, ends } => operator::pause(state, run.as_ref(), context, (reason, ends)),
        Input::Follow { run, definition, outcome } => {
            follow::follow(state, &run, context, (definition, outcome))
        }
        Input::Terminate { run, reason } => {
            let event = Event::WorkflowExecutionTerminated { reason, reset: None };
            operator::to_open_run(state, run.as_ref(), context, event)
        }
    }
}

fn delivered(draft: &mut Draft<'_>, intent: IntentId) {
    if draft.run.outbox.contains_key(&intent) {
        draft.note(Note::Delivered { intent });
    }
}

/// Lets `change` write to a run, then lets the run's program go on. A run that is gone is past caring.
fn on_run(
    state: &mut KeyState,
    run: &RunId,
    context: &Context<'_>,
    change: impl FnOnce(&mut Draft<'_>),
) -> Transition {
    operate(state, run, context, Reply::Done, change)
}

/// The same for a sender who is told something.
fn operate(
    state: &mut KeyState,
    run: &RunId,
    context: &Context<'_>,
    reply: Reply,
    change: impl FnOnce(&mut Draft<'_>),
) -> Transition {
    let Some(at) = state.runs.iter().position(|candidate| candidate.run_id == *run) else {
        return Transition::nothing();
    };
    let Some(run) = state.runs.get_mut(at) else {
        return Transition::nothing();
    };
    let mut draft = Draft::new(run, context);
    change(&mut draft);
    draft.advance();
    let drafted = draft.finish();
    conclude(state, context, vec![drafted], reply)
}

/// The changes of one run in one transition, and the effects that follow from them.
struct Drafted {
    part: RunPart,
    effects: Vec<Effect>,
    successor: Option<Successor>,
}

/// The run that goes on in the stead of one that continues as new.
struct Successor {
    run: RunId,
    input: nexus_kernel::Json,
    tokens: Messages,
    unread: Messages,
    /// When it begins, when that is not at once.
    begins: Option<Timestamp>,
    /// When it begins and why the one before failed, when it is another attempt.
    retry: Option<(Timestamp, Failure)>,
}

/// Messages that a run leaves to its successor.
type Messages = Vec<(String, Vec<nexus_kernel::Json>)>;

/// Writes events to a run: each is applied to the state and kept for the record.
struct Draft<'a> {
    run: &'a mut RunState,
    context: &'a Context<'a>,
    part: RunPart,
    intents_before: Vec<IntentId>,
    /// Effects that follow from no event and no note.
    extra: Vec<Effect>,
    program_is_due: bool,
    /// Whether something came that a run does not wait for its first task with.
    cuts_delay: bool,
}

impl<'a> Draft<'a> {
    fn new(run: &'a mut RunState, context: &'a Context<'a>) -> Draft<'a> {
        let part = RunPart::new(run.run_id.clone(), run.next_event);
        let intents_before = run.outbox.keys().copied().collect();
        Draft {
            run,
            context,
            part,
            intents_before,
            extra: Vec::new(),
            program_is_due: false,
            cuts_delay: false,
        }
    }

    /// Adds an event. One that tells the program something makes it due.
    fn emit(&mut self, event: Event) {
        if let Some(news) = interpret::incoming(&event) {
            self.run.unseen.push(news);
            self.program_is_due = true;
            self.cuts_delay |= self.run.is_hurried_by(&event);
        }
        self.append(event);
    }

    fn append(&mut self, event: Event) {
        self.run.apply(self.context.now, &event);
        self.run.next_event += 1;
        self.part.events.push(event);
    }

    fn note(&mut self, note: Note) {
        self.run.note(&note);
        self.part.notes.push(note);
    }

    /// One workflow task, when the program has something new to take in and the run is open.
    fn advance(&mut self) {
        let waits = self.run.waits_to_begin(self.context.now) && !self.cuts_delay;
        if !self.program_is_due || waits || self.run.status != RunStatus::Running {
            return;
        }
        let Some(definition) = (self.context.definition)(self.run.definition()) else {
            return;
        };
        for event in interpret::task(self.context.key, self.run, &definition, self.context.now) {
            let failed = match &event {
                Event::WorkflowTaskFailed { failure } if self.context.panic_fails => Some(failure.clone()),
                _ => None,
            };
            self.append(event);
            if let Some(failure) = failed {
                let at = failure.at.clone().unwrap_or_default();
                self.append(Event::WorkflowExecutionFailed { failure, at, retry: None, retry_state: None });
            }
        }
        // What was between two attempts when it was cancelled has ended; the program is waiting to hear of it.
        let ends = self.run.status.is_open().then(|| limits::of_history(self.run, self.part.first)).flatten();
        if let Some(end) = ends {
            // A run that has no end of its own is ended before it harms others.
            return self.append(end);
        }
        self.program_is_due = false;
        if activity::end_idle(self) {
            self.advance();
        }
    }

    fn finish(self) -> Drafted {
        let successor = self.part.events.iter().find_map(|event| match event {
            Event::WorkflowExecutionContinuedAsNew { new_run, input, tokens, unread, .. } => {
                Some(Successor {
                    run: new_run.clone(),
                    input: input.clone(),
                    tokens: tokens.clone(),
                    unread: unread.clone(),
                    begins: None,
                    retry: None,
                })
            }
            Event::WorkflowExecutionFailed { retry: Some(retry), .. }
            | Event::WorkflowExecutionTimedOut { retry: Some(retry) } => Some(Successor {
                run: retry.new_run.clone(),
                input: self.run.started.input.clone(),
                tokens: Vec::new(),
                unread: Vec::new(),
                begins: None,
                retry: Some((retry.at, failures::of_closed(self.run.status, self.run.failure.as_ref()))),
            }),
            _ => None,
        });
        let mut effects = effect::of_part(self.context.key, self.run, &self.part, &self.intents_before);
        effects.extend(self.extra);
        Drafted { part: self.part, effects, successor }
    }
}

/// Makes the record of a transition, starting the successor of a run that continues as new.
fn conclude(
    state: &mut KeyState,
    context: &Context<'_>,
    mut drafts: Vec<Drafted>,
    reply: Reply,
) -> Transition {
    let mut started = 0;
    while let Some(mut next) = drafts.last_mut().and_then(|drafted| drafted.successor.take()) {
        started += 1;
        if started > SUCCESSORS_MAX {
            next.begins = Some(context.now.plus(SUCCESSOR_PAUSE));
        }
        drafts.extend(start::successor(state, context, next));
    }
    let (mut runs, mut effects) = (Vec::new(), Vec::new());
    for drafted in drafts {
        effects.extend(drafted.effects);
        if !drafted.part.events.is_empty() || !drafted.part.notes.is_empty() {
            runs.push(drafted.part);
        }
    }
    if runs.is_empty() {
        return Transition { record: None, effects, reply };
    }
    Transition { record: Some(Record { v: VERSION, at: context.now, runs, schedule: None }), effects, reply }
}
