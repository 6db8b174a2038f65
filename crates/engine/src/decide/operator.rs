//! What callers and operators do to an open run: signal, cancel, terminate.

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::RunId;

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
