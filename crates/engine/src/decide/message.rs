//! Signals and updates: who takes them, what is refused, what is a repetition.

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::RunId;
use nexus_kernel::port::runs::RunStatus;
use nexus_lang::twf::ast::HandlerKind;
use nexus_lang::twf::machine::{CommandKind, Event as ProgramEvent, TaskInfo};

use crate::convert::from_program;
use crate::decide::operator::open_run;
use crate::decide::{Context, Draft, Transition, limits, on_run, start};
use crate::definition::Definition;
use crate::input::{Reply, Signal, Start, Update};
use crate::query;
use crate::record::{Event, IdConflictPolicy};
use crate::state::{KeyState, RunState};

/// A message for a run that does not exist yet.
pub(super) enum First {
    Signal(Signal),
    Update(Update),
}

/// Gives a signal to the open run. A repeated one is no second event.
pub(super) fn signal(
    state: &mut KeyState,
    wanted: Option<&RunId>,
    context: &Context<'_>,
    (signal, checked): (Signal, bool),
) -> Transition {
    let event = signaled(signal.clone());
    if let Some(taken) = known_by(state, &event) {
        return Transition::reply(Reply::Taken(taken));
    }
    let run = match open_run(state, wanted, context) {
        Ok(run) => run,
        Err(error) => return Transition::refused(error),
    };
    let full = |run: &RunState| limits::of_signals(run, &signal.input);
    let unfit = |run: &RunState| if checked { unfit_signal(run, context, &signal) } else { None };
    let unfit = state.run(&run).and_then(|run| full(run).or_else(|| unfit(run)));
    if let Some(error) = unfit {
        return Transition::refused(error.run(run));
    }
    let done = on_run(state, &run, context, |draft| draft.emit(event));
    Transition { reply: Reply::Taken(run), ..done }
}

/// Gives an update to the open run, unless the run refuses it: a refusal leaves no trace (language page, H14).
pub(super) fn update(
    state: &mut KeyState,
    wanted: Option<&RunId>,
    context: &Context<'_>,
    update: Update,
) -> Transition {
    if let Some(reply) = answered(state, &update.id) {
        return Transition::reply(reply);
    }
    let run = match open_run(state, wanted, context) {
        Ok(run) => run,
        Err(error) => return Transition::refused(error),
    };
    if state.run(&run).is_some_and(|run| run.status == RunStatus::Paused) {
        let help = format!("`nexus run unpause {run}` lets it go on");
        return Transition::refused(Error::new(&code::RUN_PAUSED, "the run is paused").help(help).run(run));
    }
    let full = |run: &RunState| limits::of_updates(run, &update.input);
    if let Some(error) = state.run(&run).and_then(|run| full(run).or_else(|| refusal(run, context, &update)))
    {
        return Transition::refused(error.run(run));
    }
    let id = update.id.clone();
    let done = on_run(state, &run, context, |draft| draft.emit(accepted(update)));
    let completed = state.run(&run).and_then(|run| run.messages.update(&id)).unwrap_or(false);
    Transition { reply: Reply::Accepted { run, completed, started: false }, ..done }
}

/// Gives a signal to the open run, or starts one whose first task takes it in.
pub(super) fn signal_with_start(
    state: &mut KeyState,
    context: &Context<'_>,
    (request, sent): (Start, Signal),
) -> Transition {
    if let Some(run) = known_by(state, &signaled(sent.clone())) {
        return Transition::reply(Reply::Started { run, existing: true });
    }
    if let Some(open) = kept(state, &request) {
        let done = signal(state, Some(&open), context, (sent, true));
        return match done.reply {
            Reply::Taken(run) => Transition { reply: Reply::Started { run, existing: true }, ..done },
            _ => done,
        };
    }
    let check = |definition: &Definition| {
        let kind = (HandlerKind::Signal, sent.name.as_str());
        query::unfit(definition, &request.workflow, kind, &sent.input)
    };
    match context.current.as_deref().and_then(check) {
        Some(error) => Transition::refused(error),
        None => start::start(state, request, context, Some(First::Signal(sent))),
    }
}

/// Gives an update to the open run, or starts one and gives it the update. What could be known to be refused starts
/// nothing; a run whose validator refuses the update goes on without it.
pub(super) fn update_with_start(
    state: &mut KeyState,
    context: &Context<'_>,
    (request, sent): (Start, Update),
) -> Transition {
    if let Some(reply) = answered(state, &sent.id) {
        return Transition::reply(reply);
    }
    if let Some(open) = kept(state, &request) {
        return update(state, Some(&open), context, sent);
    }
    let check = |definition: &Definition| {
        let kind = (HandlerKind::Update, sent.name.as_str());
        query::unfit(definition, &request.workflow, kind, &sent.input)
    };
    match context.current.as_deref().and_then(check) {
        Some(error) => Transition::refused(error),
        None => start::start(state, request, context, Some(First::Update(sent))),
    }
}

/// The open run that takes a message for a workflow id, unless the request wants it ended.
fn kept(state: &KeyState, request: &Start) -> Option<RunId> {
    let ends = request.options.conflict == IdConflictPolicy::TerminateExisting;
    state.open().filter(|_| !ends).map(|open| open.run_id.clone())
}

/// Gives an update to a run that has just been started, after its first task.
pub(super) fn first_update(draft: &mut Draft<'_>, update: Update) -> Reply {
    let run = draft.run.run_id.clone();
    if !draft.run.status.is_open() {
        let message = format!("the run that was started for update {} has ended already", update.name);
        return Reply::Refused(Error::new(&code::RUN_CLOSED, message).run(run));
    }
    if let Some(error) = refusal(draft.run, draft.context, &update) {
        return Reply::Refused(error.run(run));
    }
    let id = update.id.clone();
    draft.emit(accepted(update));
    draft.advance();
    let completed = draft.run.messages.update(&id).unwrap_or(false);
    Reply::Accepted { run, completed, started: true }
}

/// The event of a signal.
pub(super) fn signaled(signal: Signal) -> Event {
    let Signal { name, input, request_id } = signal;
    Event::WorkflowExecutionSignaled { name, input, request_id }
}

fn accepted(update: Update) -> Event {
    let Update { id, name, input } = update;
    Event::WorkflowExecutionUpdateAccepted { id, name, input }
}

/// The run that has taken a message in already: a sender that lost its answer may come when that run has ended.
fn known_by(state: &KeyState, event: &Event) -> Option<RunId> {
    state.runs.iter().rev().find(|run| run.messages.knows(event)).map(|run| run.run_id.clone())
}

/// What is told about an update that was accepted before.
fn answered(state: &KeyState, id: &str) -> Option<Reply> {
    state.runs.iter().rev().find_map(|run| {
        let completed = run.messages.update(id)?;
        Some(Reply::Accepted { run: run.run_id.clone(), completed, started: false })
    })
}

fn unfit_signal(run: &RunState, context: &Context<'_>, signal: &Signal) -> Option<Error> {
    let definition = (context.definition)(run.definition())?;
    query::unfit(&definition, &run.started.workflow, (HandlerKind::Signal, &signal.name), &signal.input)
}

/// Why a run refuses an update.
fn refusal(run: &RunState, context: &Context<'_>, update: &Update) -> Option<Error> {
    let definition = (context.definition)(run.definition())?;
    let kind = (HandlerKind::Update, update.name.as_str());
    let unfit = query::unfit(&definition, &run.started.workflow, kind, &update.input);
    let failure = objection(run, &definition, context, update);
    match (unfit, failure) {
        (Some(error), Some(failure)) => Some(error.failure(failure)),
        (Some(error), None) => Some(error),
        (None, Some(failure)) => {
            let message = format!("the run refuses update {}: {}", update.name, failure.message);
            Some(Error::new(&code::UPDATE_REFUSED, message).failure(failure))
        }
        (None, None) => None,
    }
}

/// What the program has against an update, tried on a copy. A program that cannot go on objects to nothing.
fn objection(
    run: &RunState,
    definition: &Definition,
    context: &Context<'_>,
    update: &Update,
) -> Option<Failure> {
    let mut machine = run.machine.clone()?;
    let info = TaskInfo { now_ms: context.now.millis(), replaying: true, ..TaskInfo::default() };
    let Update { id, name, input } = update;
    let event = ProgramEvent::Updated { id: id.clone(), name: name.clone(), input: input.clone() };
    let commands = machine.task(&definition.program, &info, &[event]).ok()?;
    commands.iter().find_map(|command| match &command.kind {
        CommandKind::RejectUpdate { id: refused, failure } if refused == id => Some(from_program(failure)),
        _ => None,
    })
}
