//! What happens on the way: timers, children and Nexus operations.

use nexus_kernel::failure::{Failure, FailureKind};
use nexus_kernel::id::{Key, RunId};

use crate::chain;
use crate::decide::{Draft, activity};
use crate::failures;
use crate::input::{Due, RemoteEnd};
use crate::record::{Event, IntentId, Note};
use crate::state::{Intent, RemoteCall};

/// A time has come.
pub(super) fn due(draft: &mut Draft<'_>, due: Due) {
    match due {
        Due::Timer(seq) if draft.run.timers.contains_key(&seq) => draft.emit(Event::TimerFired { seq }),
        Due::Operation(seq) => operation_due(draft, seq),
        Due::Activity(seq, ticket, limit) => activity::limit_due(draft, seq, ticket, limit),
        Due::Run if draft.run.status.is_open() => {
            let retry = chain::after_timeout(draft.run, draft.context.now);
            draft.emit(Event::WorkflowExecutionTimedOut { retry });
        }
        Due::Start => draft.program_is_due |= !draft.run.begun,
        _ => {}
    }
}

fn operation_due(draft: &mut Draft<'_>, seq: u64) {
    let Some(remote) = draft.run.remotes.get(&seq) else { return };
    let RemoteCall::Nexus { target, .. } = &remote.call else { return };
    let cause = Failure::new(
        FailureKind::Timeout,
        Failure::SCHEDULE_TO_CLOSE,
        "the operation took longer than its schedule-to-close timeout allows",
    );
    let failure = failures::operation(&target.to_string(), None, cause);
    if draft.run.status.is_open() && !remote.stopping {
        draft.emit(Event::NexusOperationTimedOut { seq, failure });
    }
}

/// A child or operation was started, or could not be. A closed run only notes where, to stop it or let it go.
pub(super) fn remote_started(draft: &mut Draft<'_>, seq: u64, outcome: Result<(Key, RunId), Failure>) {
    let Some(intent) = draft.run.outbox.get(&IntentId::Start(seq)).cloned() else {
        return;
    };
    let wanted = draft.run.remotes.get(&seq).is_some_and(|remote| !remote.stopping);
    if !draft.run.status.is_open() || !wanted {
        return draft.note(match outcome {
            Ok((key, run)) => Note::StartedLate { seq, key, run },
            Err(_) => Note::Delivered { intent: IntentId::Start(seq) },
        });
    }
    draft.emit(match (intent, outcome) {
        (Intent::StartChild { .. }, Ok((key, run))) => Event::ChildWorkflowExecutionStarted {
            seq,
            namespace: key.namespace,
            workflow_id: key.workflow_id,
            run,
        },
        (Intent::StartChild { workflow, .. }, Err(cause)) => {
            let failure = failures::child(&workflow, None, cause);
            Event::StartChildWorkflowExecutionFailed { seq, failure }
        }
        (Intent::StartOperation { .. }, Ok((key, run))) => {
            Event::NexusOperationStarted { seq, namespace: key.namespace, workflow_id: key.workflow_id, run }
        }
        (Intent::StartOperation { target, .. }, Err(cause)) => {
            let failure = failures::operation(&target.to_string(), None, cause);
            Event::NexusOperationFailed { seq, failure }
        }
        _ => return,
    });
}

/// A child or operation ended. Its end proves its start, should the news of that have been lost.
pub(super) fn remote_ended(draft: &mut Draft<'_>, seq: u64, end: RemoteEnd) {
    let Some(remote) = draft.run.remotes.get(&seq).filter(|remote| !remote.stopping) else {
        return;
    };
    if !draft.run.status.is_open() {
        return;
    }
    let (call, by) = (remote.call.clone(), end.by);
    draft.emit(match (call, end.outcome) {
        (RemoteCall::Child { .. }, Ok(result)) => Event::ChildWorkflowExecutionCompleted { seq, result },
        (RemoteCall::Child { workflow, .. }, Err(cause)) => {
            Event::ChildWorkflowExecutionFailed { seq, failure: failures::child(&workflow, by, cause) }
        }
        (RemoteCall::Nexus { .. }, Ok(result)) => Event::NexusOperationCompleted { seq, result },
        (RemoteCall::Nexus { target, .. }, Err(cause)) => {
            let failure = failures::operation(&target.to_string(), by, cause);
            Event::NexusOperationFailed { seq, failure }
        }
    });
}

/// A signal to another run was delivered, or could not be.
pub(super) fn signal_sent(draft: &mut Draft<'_>, seq: u64, failure: Option<Failure>) {
    let intent = IntentId::Signal(seq);
    if !draft.run.outbox.contains_key(&intent) {
        return;
    }
    if !draft.run.status.is_open() {
        return draft.note(Note::Delivered { intent });
    }
    draft.emit(match failure {
        None => Event::ExternalWorkflowExecutionSignaled { seq },
        Some(failure) => Event::SignalExternalWorkflowExecutionFailed { seq, failure },
    });
}
