//! What happens on the way: attempts, timers, children and Nexus operations.

use nexus_kernel::Json;
use nexus_kernel::failure::{Failure, FailureKind};
use nexus_kernel::id::{Key, RunId};
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::retry::{Retry, RetryState};
use nexus_kernel::time::Timestamp;
use std::time::Duration;

use crate::chain;
use crate::decide::{Context, Draft, Transition};
use crate::effect::{self, Effect};
use crate::failures;
use crate::input::{Due, Reply};
use crate::record::{Event, IntentId, Note};
use crate::state::{Activity, Intent, KeyState, RemoteCall, RunState};

/// An attempt that ended.
pub(super) struct Ended {
    pub(super) seq: u64,
    pub(super) attempt: u32,
    pub(super) started_at: Timestamp,
    pub(super) outcome: Result<Json, Failure>,
}

/// Takes in the end of an attempt. An attempt that is not the current one has lost a race and is dropped.
pub(super) fn activity_ended(draft: &mut Draft<'_>, ended: Ended) {
    let Ended { seq, attempt, started_at, outcome } = ended;
    let Some(activity) = draft.run.activities.get(&seq).filter(|activity| activity.attempt == attempt) else {
        return;
    };
    match outcome {
        Ok(result) => {
            draft.emit(Event::ActivityTaskStarted { seq, attempt, started_at });
            draft.emit(Event::ActivityTaskCompleted { seq, result });
        }
        Err(failure) if activity.cancelled => {
            let name = activity.name.clone();
            draft.emit(Event::ActivityTaskStarted { seq, attempt, started_at });
            draft.emit(last_event(seq, &name, failure, RetryState::CancelRequested));
        }
        Err(failure) => {
            let policy = &activity.options.retry;
            match policy.decide(&failure, attempt, draft.context.now, deadline(activity)) {
                Retry::At(next_at) => {
                    let (run, name) = (draft.run.run_id.as_str(), activity.name.as_str());
                    tracing::warn!(run, attempt, %failure, next_at = %next_at, "activity {name} failed and is tried again");
                    draft.note(Note::AttemptFailed { seq, attempt, failure, next_at });
                }
                Retry::Stop(state) => {
                    let name = activity.name.clone();
                    draft.emit(Event::ActivityTaskStarted { seq, attempt, started_at });
                    draft.emit(last_event(seq, &name, failure, state));
                }
            }
        }
    }
}

/// An activity that was cancelled between two attempts has ended.
pub(super) fn cancelled(seq: u64, name: &str) -> Event {
    let cause = failures::canceled("cancelled by its workflow before the next attempt");
    last_event(seq, name, cause, RetryState::CancelRequested)
}

fn deadline(activity: &Activity) -> Option<Timestamp> {
    let limit = activity.options.schedule_to_close_ms?;
    Some(activity.scheduled_at.plus(Duration::from_millis(limit)))
}

fn last_event(seq: u64, name: &str, cause: Failure, retry_state: RetryState) -> Event {
    let timed_out = cause.kind == FailureKind::Timeout;
    let failure = failures::activity(name, cause);
    if timed_out {
        Event::ActivityTaskTimedOut { seq, failure, retry_state }
    } else {
        Event::ActivityTaskFailed { seq, failure, retry_state }
    }
}

/// The wait before an attempt is over: nothing to write, only to hand the attempt out.
pub(super) fn attempt_due(
    state: &KeyState,
    context: &Context<'_>,
    run: &RunId,
    seq: u64,
    attempt: u32,
) -> Transition {
    let is_due = |run: &&RunState| {
        // While a run is paused no attempt begins; the end of the pause arms them again.
        run.status != RunStatus::Paused && run.activities.get(&seq).is_some_and(|a| a.attempt == attempt)
    };
    let run = state.run(run).filter(is_due);
    let task = run.and_then(|run| effect::dispatch(context.key, run, seq));
    Transition { record: None, effects: task.into_iter().collect::<Vec<Effect>>(), reply: Reply::Done }
}

/// A time has come.
pub(super) fn due(draft: &mut Draft<'_>, due: Due) {
    match due {
        Due::Timer(seq) if draft.run.timers.contains_key(&seq) => draft.emit(Event::TimerFired { seq }),
        Due::Operation(seq) => operation_due(draft, seq),
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
    let failure = failures::operation(&target.to_string(), cause);
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
            let failure = failures::child(&workflow, cause);
            Event::StartChildWorkflowExecutionFailed { seq, failure }
        }
        (Intent::StartOperation { .. }, Ok((key, run))) => {
            Event::NexusOperationStarted { seq, namespace: key.namespace, workflow_id: key.workflow_id, run }
        }
        (Intent::StartOperation { target, .. }, Err(cause)) => {
            Event::NexusOperationFailed { seq, failure: failures::operation(&target.to_string(), cause) }
        }
        _ => return,
    });
}

/// A child or operation ended. Its end proves its start, should the news of that have been lost.
pub(super) fn remote_ended(draft: &mut Draft<'_>, seq: u64, outcome: Result<Json, Failure>) {
    let Some(remote) = draft.run.remotes.get(&seq).filter(|remote| !remote.stopping) else {
        return;
    };
    if !draft.run.status.is_open() {
        return;
    }
    let call = remote.call.clone();
    draft.emit(match (call, outcome) {
        (RemoteCall::Child { .. }, Ok(result)) => Event::ChildWorkflowExecutionCompleted { seq, result },
        (RemoteCall::Child { workflow, .. }, Err(cause)) => {
            Event::ChildWorkflowExecutionFailed { seq, failure: failures::child(&workflow, cause) }
        }
        (RemoteCall::Nexus { .. }, Ok(result)) => Event::NexusOperationCompleted { seq, result },
        (RemoteCall::Nexus { target, .. }, Err(cause)) => {
            Event::NexusOperationFailed { seq, failure: failures::operation(&target.to_string(), cause) }
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
