//! What callers and operators do to an open run: signal, update, cancel, terminate.

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::RunId;
use nexus_lang::twf::machine::{CommandKind, Event as ProgramEvent, TaskInfo};

use crate::convert::from_program;
use crate::decide::{Context, Transition, on_run};
use crate::input::Reply;
use crate::record::Event;
use crate::state::{KeyState, RunState};

/// Gives an event to the open run. A repeated signal or cancel request is no second event.
pub(super) fn to_open_run(
    state: &mut KeyState,
    wanted: Option<RunId>,
    context: &Context<'_>,
    event: Event,
) -> Transition {
    // A sender that lost its acknowledgement may come again when the run that took the signal has closed.
    let is_signal = matches!(event, Event::WorkflowExecutionSignaled { .. });
    if is_signal && state.runs.iter().any(|run| run.knows(&event)) {
        return Transition::reply(Reply::Done);
    }
    // A caller that knows the first run of a chain means whichever run is open now.
    let fits = |run: &&RunState| {
        wanted.as_ref().is_none_or(|wanted| *wanted == run.run_id || wanted == run.first_run())
    };
    let Some(run) = state.open().filter(fits).map(|run| run.run_id.clone()) else {
        let name = wanted.map_or_else(|| context.key.to_string(), |run| run.to_string());
        return Transition::refused(
            Error::new(&code::RUN_UNKNOWN, format!("there is no open run {name}"))
                .help("`nexus run list --status running` shows the open runs"),
        );
    };
    if state.run(&run).is_some_and(|run| run.knows(&event)) {
        return Transition::reply(Reply::Done);
    }
    on_run(state, &run, context, |draft| draft.emit(event))
}

/// An update as it came.
pub(super) struct Update {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) input: Json,
}

/// Gives an update to the open run, unless the run refuses it: a refusal leaves no trace (language page, H14).
pub(super) fn update(
    state: &mut KeyState,
    wanted: Option<RunId>,
    context: &Context<'_>,
    update: Update,
) -> Transition {
    // A repetition of what was accepted is no new update, whatever the validator would say by now.
    let fresh = |run: &&RunState| !run.update_ids.contains(&update.id);
    if let Some(failure) = state.open().filter(fresh).and_then(|run| refusal(run, context, &update)) {
        let message = format!("the run refuses update {}: {}", update.name, failure.message);
        return Transition::refused(Error::new(&code::UPDATE_REFUSED, message).failure(failure));
    }
    let Update { id, name, input } = update;
    to_open_run(state, wanted, context, Event::WorkflowExecutionUpdateAccepted { id, name, input })
}

/// Whether the program would refuse an update, tried on a copy. A program that cannot go on refuses nothing.
fn refusal(run: &RunState, context: &Context<'_>, update: &Update) -> Option<Failure> {
    let definition = (context.definition)(&run.started.definition)?;
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
