//! Going on with another definition, once it was tried on a run's whole history.

use nexus_kernel::failure::Failure;
use nexus_kernel::id::RunId;
use nexus_kernel::port::blob::Hash;

use crate::decide::{Context, Transition, on_run};
use crate::input::Followed;
use crate::record::Note;
use crate::state::{KeyState, RunState};

/// Lets an open run go on with another definition, or notes why it keeps its own. A run that could not go on tries again
/// with the other program.
pub(super) fn follow(
    state: &mut KeyState,
    run: &RunId,
    context: &Context<'_>,
    (definition, outcome): (Hash, Result<Box<Followed>, Failure>),
) -> Transition {
    let waits = |run: &RunState| run.status.is_open() && *run.definition() != definition;
    if !state.run(run).is_some_and(waits) {
        return Transition::nothing();
    }
    on_run(state, run, context, |draft| match outcome {
        Ok(followed) => {
            let was_blocked = draft.run.blocked.is_some();
            draft.note(Note::DefinitionChanged { definition });
            draft.run.machine = Some(followed.machine);
            draft.run.unseen = followed.unseen;
            draft.program_is_due = was_blocked || !draft.run.unseen.is_empty();
        }
        Err(failure) => {
            let told = Some((definition.clone(), failure.clone()));
            if draft.run.pinned.stayed != told {
                draft.note(Note::DefinitionRefused { definition, failure });
            }
        }
    })
}
