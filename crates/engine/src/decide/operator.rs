//! What operators do to an open run: cancel, terminate.

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::RunId;

use crate::decide::{Context, Transition, on_run};
use crate::input::Reply;
use crate::record::Event;
use crate::state::{KeyState, RunState};

/// Gives an event to the open run. A repeated cancel request is no second event.
pub(super) fn to_open_run(
    state: &mut KeyState,
    wanted: Option<&RunId>,
    context: &Context<'_>,
    event: Event,
) -> Transition {
    let run = match open_run(state, wanted, context) {
        Ok(run) => run,
        Err(error) => return Transition::refused(error),
    };
    if state.run(&run).is_some_and(|run| run.knows(&event)) {
        return Transition::reply(Reply::Done);
    }
    on_run(state, &run, context, |draft| draft.emit(event))
}

/// Stops the program of the open run for now, or lets it go on with what has come together.
pub(super) fn pause(
    state: &mut KeyState,
    wanted: Option<&RunId>,
    context: &Context<'_>,
    (reason, ends): (String, bool),
) -> Transition {
    if !ends {
        return to_open_run(state, wanted, context, Event::WorkflowExecutionPaused { reason });
    }
    let run = match open_run(state, wanted, context) {
        Ok(run) => run,
        Err(error) => return Transition::refused(error),
    };
    let event = Event::WorkflowExecutionUnpaused { reason };
    if state.run(&run).is_some_and(|run| run.knows(&event)) {
        return Transition::reply(Reply::Done);
    }
    on_run(state, &run, context, |draft| {
        draft.emit(event);
        draft.program_is_due = !draft.run.begun || !draft.run.unseen.is_empty();
    })
}

/// The open run that a caller means, or why there is none.
pub(super) fn open_run(
    state: &KeyState,
    wanted: Option<&RunId>,
    context: &Context<'_>,
) -> Result<RunId, Error> {
    match state.open().filter(|run| is_meant(run, wanted)) {
        Some(run) => Ok(run.run_id.clone()),
        None => Err(no_open_run(state, wanted, context)),
    }
}

/// A caller that knows the first run of a chain means whichever run of it is the latest now.
fn is_meant(run: &RunState, wanted: Option<&RunId>) -> bool {
    wanted.is_none_or(|wanted| *wanted == run.run_id || wanted == run.first_run())
}

fn no_open_run(state: &KeyState, wanted: Option<&RunId>, context: &Context<'_>) -> Error {
    let closed = match wanted {
        Some(wanted) => state.runs.iter().rev().find(|run| is_meant(run, Some(wanted))),
        None => state.latest(),
    };
    let name = wanted.map_or_else(|| context.key.to_string(), ToString::to_string);
    // Whoever names a run has found it in the list: what the key does not hold any more has closed.
    if let (Some(wanted), None, Some(latest)) = (wanted, closed, state.latest()) {
        return Error::new(&code::RUN_CLOSED, format!("the run {wanted} is closed; others came after it"))
            .help(format!("the latest of them is {}", latest.run_id))
            .run(wanted.clone());
    }
    let Some(closed) = closed.filter(|run| !run.status.is_open()) else {
        return Error::new(&code::RUN_UNKNOWN, format!("there is no open run {name}"))
            .help("`nexus run list --status running` shows the open runs");
    };
    let message = format!("the run {name} is closed: it is {}", closed.status.as_str());
    Error::new(&code::RUN_CLOSED, message)
        .help(format!("`nexus run show {}` says how it ended", closed.run_id))
        .run(closed.run_id.clone())
}
