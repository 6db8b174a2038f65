//! Nexus operations as their callers know them: their times, their ends, and attempts to reach whoever is outside.

use std::time::Duration;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::failure::{Failure, RemoteInfo};
use nexus_kernel::id::RunId;
use nexus_kernel::retry::{Retry, RetryPolicy, RetryState};
use nexus_kernel::time::Timestamp;

use crate::decide::{Context, Draft, Transition, on_run, progress};
use crate::effect::Effect;
use crate::failures;
use crate::input::{Due, Limit, RemoteEnd, Setback, Whom};
use crate::record::{Event, IntentId, Note, Performer};
use crate::state::{KeyState, Remote, RemoteCall, RunState};

/// Attempts to start, outside, what nobody waits for any more. It may have been started by an attempt whose answer was
/// lost, so it is worth some, in order to stop it.
const UNWANTED_ATTEMPTS_MAX: u32 = 10;

/// How requests to outside are tried again: from a second to an hour apart, for as long as there is time (language page,
/// section 13, 8).
fn server_policy() -> RetryPolicy {
    RetryPolicy {
        initial_interval_ms: 1_000,
        backoff_coefficient: 2.0,
        maximum_interval_ms: 3_600_000,
        maximum_attempts: 0,
        non_retryable_error_types: Vec::new(),
    }
}

/// One of an operation's times is over. What the last attempt to start it met with is told as well.
pub(super) fn due(draft: &mut Draft<'_>, seq: u64, limit: Limit) {
    let Some(remote) = draft.run.remotes.get(&seq) else { return };
    let RemoteCall::Nexus { target, .. } = &remote.call else { return };
    if !draft.run.status.is_open() || remote.stopping {
        return;
    }
    if limit == Limit::ScheduleToStart && remote.handler.is_some() {
        return;
    }
    let timeout = failures::operation_timeout(limit);
    let timeout = match draft.run.setbacks.get(&IntentId::Start(seq)) {
        Some(setback) => timeout.caused_by(setback.failure.clone()),
        None => timeout,
    };
    let failure = failures::operation(&target.to_string(), None, timeout);
    draft.emit(Event::NexusOperationTimedOut { seq, failure });
}

/// The event of an operation's start.
pub(super) fn started(draft: &Draft<'_>, seq: u64, by: Performer) -> Event {
    let limit = draft.run.remotes.get(&seq).and_then(|remote| match &remote.call {
        RemoteCall::Nexus { times, .. } => times.start_to_close_ms.filter(|_| !remote.detached),
        RemoteCall::Child { .. } => None,
    });
    let deadline = limit.map(|ms| draft.context.now.plus(Duration::from_millis(ms)));
    Event::NexusOperationStarted { seq, by, deadline }
}

/// The run that reports an end.
pub(super) fn performer(by: &RemoteInfo) -> Performer {
    let (namespace, workflow_id, run) = (by.namespace.clone(), by.workflow_id.clone(), by.run_id.clone());
    Performer::Run { namespace, workflow_id, run }
}

/// An operation ended, as somebody outside or an operator says. Whoever says so is told when nobody waits for it.
pub(super) fn complete(
    state: &mut KeyState,
    context: &Context<'_>,
    whom: &Whom,
    end: RemoteEnd,
) -> Transition {
    match waiting(state, whom) {
        Some((run, seq)) if is_another(state, (&run, seq), end.outside.as_ref()) => {
            let error = Error::new(&code::CALLBACK_REFUSED, "the completion is one of another operation");
            Transition::refused(error.help("its token is not the one that the start was answered with"))
        }
        Some((run, seq)) => on_run(state, &run, context, |draft| progress::remote_ended(draft, seq, end)),
        None => Transition::refused(gone()),
    }
}

/// Whether somebody outside brings the end of an operation that they call otherwise than the one that was started.
fn is_another(state: &KeyState, (run, seq): (&RunId, u64), by: Option<&Performer>) -> bool {
    let handler = state.run(run).and_then(|run| run.remotes.get(&seq)?.handler.as_ref());
    match (handler, by) {
        (
            Some(Performer::Outside { token: Some(known), .. }),
            Some(Performer::Outside { token: Some(told), .. }),
        ) => known != told,
        _ => false,
    }
}

/// An operator asks for the cancellation of a pending operation. Whether it is heard is up to whoever carries it out.
pub(super) fn cancel(state: &mut KeyState, context: &Context<'_>, run: &RunId, seq: u64) -> Transition {
    let Some((run, seq)) = waiting(state, &Whom::Command(run.clone(), seq)) else {
        return Transition::refused(gone());
    };
    on_run(state, &run, context, |draft| {
        if draft.run.remotes.get(&seq).is_some_and(|remote| !remote.cancelled) {
            draft.note(Note::OperationCancelRequested { seq });
        }
    })
}

fn gone() -> Error {
    Error::new(&code::OPERATION_ENDED, "nobody waits for this operation")
        .help("it has ended, or its caller has; `nexus operation list` shows those that are waited for")
}

/// The open run that waits for an operation, and its command.
fn waiting(state: &KeyState, whom: &Whom) -> Option<(RunId, u64)> {
    let is_operation = |remote: &Remote| {
        matches!(remote.call, RemoteCall::Nexus { .. }) && !remote.stopping && !remote.detached
    };
    let of_run = |run: &RunState| {
        let mut all = run.remotes.iter().filter(|(_, remote)| is_operation(remote));
        let (seq, _) = all.find(|(seq, _)| match whom {
            Whom::Command(id, wanted) => *id == run.run_id && wanted == *seq,
            Whom::Request(request) => run.request_of(**seq) == *request,
        })?;
        Some((run.run_id.clone(), *seq))
    };
    state.runs.iter().rev().filter(|run| run.status.is_open()).find_map(of_run)
}

/// Somebody outside was not reached: another attempt is made, unless there is no time for it or nobody cares any more.
pub(super) fn delivery_failed(draft: &mut Draft<'_>, intent: IntentId, setback: Setback) {
    if !draft.run.outbox.contains_key(&intent) {
        return;
    }
    let now = draft.context.now;
    let failure = match setback {
        Setback::Failed { failure } => failure,
        Setback::Held { .. } if was_never_asked_for(draft.run, intent) => {
            return draft.note(Note::Delivered { intent });
        }
        Setback::Held { wait } => {
            let run = draft.run.run_id.clone();
            return draft.extra.push(Effect::Arm(now.plus(wait), run, Due::Delivery(intent)));
        }
    };
    let attempt = draft.run.setbacks.get(&intent).map_or(0, |before| before.attempt) + 1;
    match next_attempt(draft.run, intent, (attempt, &failure), now) {
        Some(next_at) => draft.note(Note::DeliveryFailed { intent, attempt, failure, next_at }),
        None => give_up(draft, intent, failure),
    }
}

/// When it is time again: for the next attempt, or, when none can be made in time, for the end of that time. Nothing when
/// there is nothing to come.
fn next_attempt(
    run: &RunState,
    intent: IntentId,
    (attempt, failure): (u32, &Failure),
    now: Timestamp,
) -> Option<Timestamp> {
    let mut policy = server_policy();
    let mut deadline = None;
    let mut waits_for_its_time = false;
    if let IntentId::Start(seq) = intent
        && let Some(Remote { call: RemoteCall::Nexus { times, retry, .. }, stopping, .. }) =
            run.remotes.get(&seq)
    {
        policy = retry.clone().unwrap_or(policy);
        waits_for_its_time = !stopping;
        deadline = times.close.into_iter().chain(times.start.filter(|_| !stopping)).min();
        if *stopping {
            policy.maximum_attempts = UNWANTED_ATTEMPTS_MAX;
        }
    }
    match policy.decide(failure, attempt, now, deadline) {
        Retry::At(at) => Some(at),
        Retry::Stop(RetryState::Timeout) => deadline.filter(|_| waits_for_its_time),
        Retry::Stop(_) => None,
    }
}

/// There is no further attempt. A start that could not be made is the end of the operation.
fn give_up(draft: &mut Draft<'_>, intent: IntentId, failure: Failure) {
    match intent {
        IntentId::Start(seq) => progress::remote_started(draft, seq, Err(failure.final_())),
        _ => draft.note(Note::Delivered { intent }),
    }
}

/// It is time for another attempt, unless the time of what is to be started is over.
pub(super) fn delivery_due(draft: &mut Draft<'_>, intent: IntentId) {
    if let IntentId::Start(seq) = intent
        && let Some(limit) = overdue(draft.run, seq, draft.context.now)
    {
        due(draft, seq, limit);
        let is_to_be_stopped = draft.run.remotes.get(&seq).is_some_and(|remote| remote.stopping);
        // Whoever carries it out knows when all its time is over. Until then what may have been started is stopped.
        if draft.run.outbox.contains_key(&intent) && !(is_to_be_stopped && limit == Limit::ScheduleToStart) {
            return draft.note(Note::Delivered { intent });
        }
    }
    if was_never_asked_for(draft.run, intent) {
        return draft.note(Note::Delivered { intent });
    }
    if let Some(what) = draft.run.outbox.get(&intent).cloned() {
        draft.extra.push(Effect::Deliver(draft.run.run_id.clone(), intent, what));
    }
}

/// Whether a start is wanted no more that was held back all the time: there is nothing that could be stopped.
fn was_never_asked_for(run: &RunState, intent: IntentId) -> bool {
    let IntentId::Start(seq) = intent else { return false };
    let is_unwanted = run.remotes.get(&seq).is_some_and(|remote| remote.stopping);
    is_unwanted && run.outbox.contains_key(&intent) && !run.setbacks.contains_key(&intent)
}

/// Which time of an operation that has not been started is over.
fn overdue(run: &RunState, seq: u64, now: Timestamp) -> Option<Limit> {
    let RemoteCall::Nexus { times, .. } = &run.remotes.get(&seq)?.call else { return None };
    let is_over = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
    if is_over(times.close) {
        return Some(Limit::ScheduleToClose);
    }
    is_over(times.start).then_some(Limit::ScheduleToStart)
}
