//! What happens on the way: timers, children and Nexus operations.

use nexus_kernel::failure::Failure;

use crate::chain;
use crate::decide::{Draft, activity, operation};
use crate::failures;
use crate::input::{Due, RemoteEnd};
use crate::record::{Event, IntentId, Note, Performer};
use crate::state::{Intent, RemoteCall};

/// A time has come.
pub(super) fn due(draft: &mut Draft<'_>, due: Due) {
    match due {
        Due::Timer(seq) if draft.run.timers.contains_key(&seq) => draft.emit(Event::TimerFired { seq }),
        Due::Operation(seq, limit) => operation::due(draft, seq, limit),
        Due::Delivery(intent) => operation::delivery_due(draft, intent),
        Due::Activity(seq, ticket, limit) => activity::limit_due(draft, seq, ticket, limit),
        Due::Run if draft.run.status.is_open() => {
            let retry = chain::after_timeout(draft.run, draft.context.now);
            draft.emit(Event::WorkflowExecutionTimedOut { retry });
        }
        Due::Start => draft.program_is_due |= !draft.run.begun,
        _ => {}
    }
}

/// A child or operation was started, or could not be. A closed run only notes where, to stop it or let it go.
pub(super) fn remote_started(draft: &mut Draft<'_>, seq: u64, outcome: Result<Performer, Failure>) {
    let Some(intent) = draft.run.outbox.get(&IntentId::Start(seq)).cloned() else {
        return;
    };
    let wanted = draft.run.remotes.get(&seq).is_some_and(|remote| !remote.stopping);
    if !draft.run.status.is_open() || !wanted {
        return draft.note(match outcome {
            Ok(by) => Note::StartedLate { seq, by },
            Err(_) => Note::Delivered { intent: IntentId::Start(seq) },
        });
    }
    draft.emit(match (intent, outcome) {
        (Intent::StartChild { .. }, Ok(Performer::Run { namespace, workflow_id, run })) => {
            Event::ChildWorkflowExecutionStarted { seq, namespace, workflow_id, run }
        }
        (Intent::StartChild { workflow, .. }, Err(cause)) => {
            let failure = failures::child(&workflow, None, cause);
            Event::StartChildWorkflowExecutionFailed { seq, failure }
        }
        (Intent::StartOperation { .. }, Ok(by)) => operation::started(draft, seq, by),
        (Intent::StartOperation { target, .. }, Err(cause)) => {
            let failure = failures::operation(&target.to_string(), None, cause);
            Event::NexusOperationFailed { seq, failure }
        }
        _ => return,
    });
}

/// A child or operation ended. Its end proves its start, should the news of that have been lost.
pub(super) fn remote_ended(draft: &mut Draft<'_>, seq: u64, end: RemoteEnd) {
    let is_open = draft.run.status.is_open();
    let Some(remote) = draft.run.remotes.get(&seq).filter(|remote| is_open && !remote.stopping) else {
        // What has ended need not be started, and nobody is to be stopped.
        let intent = IntentId::Start(seq);
        if draft.run.outbox.contains_key(&intent) {
            draft.note(Note::Delivered { intent });
        }
        return;
    };
    let (call, by) = (remote.call.clone(), end.by);
    let started = end.outside.or_else(|| by.as_ref().map(operation::performer));
    if let (RemoteCall::Nexus { .. }, None, Some(started)) = (&call, &remote.handler, started) {
        let started = operation::started(draft, seq, started);
        draft.emit(started);
    }
    if !draft.run.remotes.contains_key(&seq) {
        return; // nobody waits for the end of what is detached
    }
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
