//! What happens to activities: the ends of attempts, heartbeats, deadlines, and what operators do.

use nexus_kernel::Json;
use nexus_kernel::activity::{ActivityToken, BeatAnswer};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::failure::{ActivityInfo, Failure, FailureKind};
use nexus_kernel::id::RunId;
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::retry::{Retry, RetryState};
use nexus_kernel::time::Timestamp;

use crate::activity::effect::{dispatch, ends, watch};
use crate::activity::input::{ActivityInput, OptionsPatch, Outcome};
use crate::activity::limits;
use crate::activity::record::{ActivityNote, ActivityOptions};
use crate::activity::state::Activity;
use crate::decide::{Context, Draft, Transition, on_run, operate};
use crate::effect::Effect;
use crate::failures;
use crate::input::{Limit, Reply};
use crate::record::{Event, Note};
use crate::state::KeyState;

/// An attempt that ended.
pub(super) struct Ended {
    pub(super) seq: u64,
    /// The attempt, counted over resets.
    pub(super) ticket: u32,
    pub(super) started_at: Timestamp,
    pub(super) outcome: Result<Json, Failure>,
}

/// Takes in the end of an attempt. An attempt that is not the current one has lost a race and is dropped.
pub(super) fn ended(draft: &mut Draft<'_>, ended: Ended) {
    let Ended { seq, ticket, started_at, outcome } = ended;
    let Some(activity) = draft.run.activities.get(&seq).filter(|it| it.is_under_way(ticket)) else { return };
    if activity.unwanted {
        return change(draft, seq, ActivityNote::Dropped {});
    }
    let name = activity.name.clone();
    match outcome.and_then(|result| limits::result(draft.run, &name, result)) {
        Ok(result) => {
            start_last(draft, seq, started_at);
            draft.emit(Event::ActivityTaskCompleted { seq, result });
        }
        Err(failure) => failed(draft, seq, started_at, limits::failure(failure)),
    }
}

/// An attempt failed: there is another one, or the activity has ended.
fn failed(draft: &mut Draft<'_>, seq: u64, started_at: Timestamp, failure: Failure) {
    let Some(activity) = draft.run.activities.get(&seq) else { return };
    if activity.cancelled {
        return close(draft, seq, Some(started_at), (failure, RetryState::CancelRequested));
    }
    let policy = &activity.options.retry;
    let (now, counted) = (draft.context.now, activity.counted_attempts());
    match policy.decide(&failure, counted, now, activity.close_before()) {
        Retry::At(next_at) => again(draft, seq, failure, next_at),
        Retry::Stop(state) => {
            let last = last_words(activity, failure, state);
            close(draft, seq, Some(started_at), last);
        }
    }
}

/// A failure as the log has it. Its message may hold anything that the run was given, so where payloads are not to be
/// told the target `nexus::payload` is off, and only the type is left; the history has the message.
fn told(failure: &Failure) -> String {
    if tracing::enabled!(target: "nexus::payload", tracing::Level::WARN) {
        failure.to_string()
    } else {
        failure.type_name.clone()
    }
}

fn again(draft: &mut Draft<'_>, seq: u64, failure: Failure, next_at: Timestamp) {
    let Some(activity) = draft.run.activities.get(&seq) else { return };
    let (run, name, attempt) = (draft.run.run_id.as_str(), activity.name.as_str(), activity.attempt());
    let failed = told(&failure);
    if failure.benign {
        tracing::debug!(run, attempt, failure = failed, next_at = %next_at, "activity {name} failed and is tried again");
    } else {
        tracing::warn!(run, attempt, failure = failed, next_at = %next_at, "activity {name} failed and is tried again");
    }
    let heartbeat = activity.live.details.clone().unwrap_or_default();
    let attempt = activity.ticket;
    draft.note(Note::AttemptFailed { seq, attempt, failure, next_at, heartbeat });
}

/// What an activity ends with. A timeout says what was heard last and why the attempt before failed; when there was
/// no time for another attempt, it was the time of all attempts that ran out.
fn last_words(activity: &Activity, failure: Failure, state: RetryState) -> (Failure, RetryState) {
    if failure.kind != FailureKind::Timeout {
        return (failure, state);
    }
    let whole = failure.type_name == Failure::SCHEDULE_TO_CLOSE;
    let (mut failure, state) = match state {
        RetryState::Timeout => (failures::timeout(Limit::ScheduleToClose).caused_by(failure), state),
        _ if whole => (failure, RetryState::Timeout),
        _ => (failure, state),
    };
    if failure.cause.is_none() {
        failure.cause = activity.last_failure.clone().map(Box::new);
    }
    let details = activity.details();
    if !details.is_null() {
        failure.details = vec![details];
    }
    (failure, state)
}

/// The end of an activity without a result.
fn close(
    draft: &mut Draft<'_>,
    seq: u64,
    started_at: Option<Timestamp>,
    (cause, retry_state): (Failure, RetryState),
) {
    let Some(activity) = draft.run.activities.get(&seq) else { return };
    let info = ActivityInfo {
        name: activity.name.clone(),
        activity_id: seq,
        attempt: activity.attempt(),
        retry_state,
    };
    let (kind, cancelled) = (cause.kind, activity.cancelled);
    let failure = failures::activity(info, cause);
    // An attempt that waited in its queue too long never began.
    let queued = failure.root().type_name == Failure::SCHEDULE_TO_START;
    if let Some(started_at) = started_at.filter(|_| !queued) {
        start_last(draft, seq, started_at);
    }
    draft.emit(match kind {
        FailureKind::Timeout => Event::ActivityTaskTimedOut { seq, failure, retry_state },
        FailureKind::Canceled if cancelled => Event::ActivityTaskCanceled { seq, failure },
        _ => Event::ActivityTaskFailed { seq, failure, retry_state },
    });
}

/// History shows the start of the last attempt only, with its number and why the one before failed.
fn start_last(draft: &mut Draft<'_>, seq: u64, started_at: Timestamp) {
    let Some(activity) = draft.run.activities.get(&seq) else { return };
    let (attempt, last_failure) = (activity.attempt(), activity.last_failure.clone());
    draft.emit(Event::ActivityTaskStarted { seq, attempt, started_at, last_failure });
}

/// Cancelled activities without an attempt have ended: the program is waiting to hear of it.
pub(super) fn end_idle(draft: &mut Draft<'_>) -> bool {
    let idle = draft.run.activities.iter().filter(|(_, it)| it.cancelled && it.waiting);
    let idle: Vec<u64> = idle.map(|(seq, _)| *seq).collect();
    for seq in &idle {
        let cause = failures::canceled("cancelled by its workflow before the next attempt");
        close(draft, *seq, None, (cause, RetryState::CancelRequested));
    }
    !idle.is_empty()
}

fn change(draft: &mut Draft<'_>, seq: u64, note: ActivityNote) {
    draft.note(Note::Activity { seq, what: note });
}

/// The wait before an attempt is over: nothing to write, only to hand the attempt out.
pub(super) fn attempt_due(
    state: &mut KeyState,
    context: &Context<'_>,
    run: &RunId,
    (seq, ticket): (u64, u32),
) -> Transition {
    let run = state.run_mut(run);
    let effect = run.and_then(|run| {
        // While a run is paused no attempt begins; the end of the pause arms them again.
        if run.status == RunStatus::Paused {
            return None;
        }
        let due = |activity: &&mut Activity| {
            activity.ticket == ticket && activity.waiting && activity.paused.is_none()
        };
        run.activities.get_mut(&seq).filter(due)?.waiting = false;
        dispatch(context.key, run, seq)
    });
    Transition { record: None, effects: effect.into_iter().collect::<Vec<Effect>>(), reply: Reply::Done }
}

/// A deadline may have come: the options may have changed since it was set, or the attempt been heard of.
pub(super) fn limit_due(draft: &mut Draft<'_>, seq: u64, ticket: u32, limit: Limit) {
    let now = draft.context.now;
    let whole = limit == Limit::ScheduleToClose;
    let Some(activity) = draft.run.activities.get_mut(&seq) else { return };
    if !whole && !activity.is_under_way(ticket) {
        return;
    }
    let since_restart = limit == Limit::Heartbeat && activity.live.heard_at.is_none();
    if since_restart {
        // Nobody could be heard while the server was down: silence counts from when it came back.
        activity.live.heard_at = Some(now);
    }
    match ends(activity, limit) {
        Some(at) if at > now => {
            let again = watch(&draft.run.run_id, seq, activity, limit);
            draft.extra.extend(again);
        }
        Some(_) if limit == Limit::Lost => lost(draft, seq),
        Some(_) => timed_out(draft, seq, limit),
        None => {}
    }
}

fn lost(draft: &mut Draft<'_>, seq: u64) {
    let Some(activity) = draft.run.activities.get(&seq).filter(|it| it.cancelled) else { return };
    if activity.unwanted {
        return change(draft, seq, ActivityNote::Dropped {});
    }
    let cause = failures::canceled("cancelled by its workflow; its attempt was lost with its server");
    close(draft, seq, None, (cause, RetryState::CancelRequested));
}

fn timed_out(draft: &mut Draft<'_>, seq: u64, limit: Limit) {
    withdraw(draft, seq);
    let Some(activity) = draft.run.activities.get(&seq) else { return };
    let failure = failures::timeout(limit);
    if activity.unwanted {
        return change(draft, seq, ActivityNote::Dropped {});
    }
    match activity.outside.or(activity.live.started_at) {
        Some(started_at) => failed(draft, seq, started_at, failure),
        None => {
            let last = last_words(activity, failure, RetryState::Timeout);
            close(draft, seq, None, last);
        }
    }
}

/// Takes the attempt away from the worker of this process that has it, if one has.
fn withdraw(draft: &mut Draft<'_>, seq: u64) {
    let Some(activity) = draft.run.activities.get(&seq) else { return };
    let (run, ticket) = (draft.run.run_id.clone(), activity.ticket);
    draft.extra.push(Effect::Withdraw { run, seq, ticket, begun: true });
}

/// Something else happens to an activity.
pub(super) fn input(
    state: &mut KeyState,
    context: &Context<'_>,
    (run, seq): (RunId, u64),
    input: ActivityInput,
) -> Transition {
    match input {
        ActivityInput::Started { ticket, at } => {
            on_run(state, &run, context, |draft| started(draft, seq, ticket, at))
        }
        ActivityInput::HandedOver { ticket, started_at } => {
            on_run(state, &run, context, |draft| handed_over(draft, seq, ticket, started_at))
        }
        asked => match check(state, &run, seq, &asked) {
            Err(error) => Transition::refused(error),
            Ok(answer) => {
                operate(state, &run, context, Reply::Beat(answer), |draft| asked_for(draft, seq, asked))
            }
        },
    }
}

fn started(draft: &mut Draft<'_>, seq: u64, ticket: u32, at: Timestamp) {
    let run = draft.run.run_id.clone();
    let Some(activity) = draft.run.activities.get_mut(&seq).filter(|it| it.is_under_way(ticket)) else {
        return;
    };
    activity.live.started_at = Some(at);
    // A heartbeat may have overtaken this message.
    activity.live.heard_at = activity.live.heard_at.max(Some(at));
    draft.extra.extend(watch(&run, seq, activity, Limit::Heartbeat));
}

fn handed_over(draft: &mut Draft<'_>, seq: u64, ticket: u32, started_at: Timestamp) {
    let Some(activity) = draft.run.activities.get_mut(&seq).filter(|it| it.is_under_way(ticket)) else {
        return;
    };
    activity.live.heard_at = activity.live.heard_at.max(Some(started_at));
    change(draft, seq, ActivityNote::HandedOver { ticket, started_at });
}

/// Whether somebody may do that to an activity as it is now, and what he is told of it.
fn check(state: &KeyState, run: &RunId, seq: u64, input: &ActivityInput) -> Result<BeatAnswer, Error> {
    let run_state = state.run(run).filter(|run| run.status.is_open());
    let activity = run_state.and_then(|run| run.activities.get(&seq)).ok_or_else(|| gone(run, seq))?;
    let ticket = match input {
        ActivityInput::Beat { ticket, .. } | ActivityInput::Reported { ticket, .. } => *ticket,
        _ => None,
    };
    if let ActivityInput::Beat { details, .. } = input {
        limits::heartbeat(details)?;
    }
    if let Some(ticket) = ticket.filter(|ticket| !activity.is_under_way(*ticket)) {
        return Err(stale(run, seq, ticket, activity));
    }
    let answer = BeatAnswer {
        cancel_requested: activity.cancelled,
        paused: activity.paused.is_some(),
        reset: activity.reset,
    };
    let refused = match input {
        ActivityInput::Reported { outcome: Outcome::Canceled(_), .. } if !activity.cancelled => {
            "nobody asked for the activity's cancellation"
        }
        ActivityInput::Beat { .. } if activity.waiting => "no attempt of the activity is under way",
        ActivityInput::Pause { .. }
        | ActivityInput::Unpause { .. }
        | ActivityInput::Reset { .. }
        | ActivityInput::Update(_)
            if activity.cancelled =>
        {
            "the activity is being cancelled"
        }
        ActivityInput::Pause { .. } if activity.paused.is_some() => "the activity is paused already",
        ActivityInput::Unpause { .. } if activity.paused.is_none() => "the activity is not paused",
        ActivityInput::Update(patch) => return patched(activity, patch).map(|_| answer),
        _ => return Ok(answer),
    };
    Err(Error::new(&code::ACTIVITY_CONFLICT, refused).run(run.clone()).help(SHOW_HELP))
}

const SHOW_HELP: &str = "`nexus run show` shows pending activities and their states";

fn gone(run: &RunId, seq: u64) -> Error {
    Error::new(&code::ACTIVITY_GONE, format!("activity {seq} of {run} is not pending"))
        .help("it has ended, or its run has: stop working on it")
        .run(run.clone())
}

fn stale(run: &RunId, seq: u64, ticket: u32, activity: &Activity) -> Error {
    let token = |ticket| ActivityToken { run_id: run.clone(), activity_id: seq, ticket };
    let why = if activity.ticket == ticket { "has not begun" } else { "is not the current one" };
    Error::new(&code::ACTIVITY_GONE, format!("the attempt {} {why}", token(ticket)))
        .help(format!(
            "the attempt timed out or failed and another took its place ({}): stop working on it",
            token(activity.ticket)
        ))
        .run(run.clone())
}

/// Does what has been checked.
fn asked_for(draft: &mut Draft<'_>, seq: u64, input: ActivityInput) {
    let at = draft.context.now;
    match input {
        ActivityInput::Beat { details, .. } => beat(draft, seq, details),
        ActivityInput::Reported { outcome, .. } => reported(draft, seq, outcome),
        ActivityInput::Pause { reason } => change(draft, seq, ActivityNote::Paused { reason, at }),
        ActivityInput::Unpause { reset_attempts: false, reset_heartbeat: false } => {
            change(draft, seq, ActivityNote::Unpaused { at });
        }
        ActivityInput::Unpause { reset_attempts, reset_heartbeat } => {
            if reset_attempts {
                reset(draft, seq, (false, reset_heartbeat));
            } else {
                change(draft, seq, ActivityNote::Heartbeat { ticket: 0, details: Json::Null, at });
                change(draft, seq, ActivityNote::Unpaused { at });
            }
        }
        ActivityInput::Reset { keep_paused, reset_heartbeat } => {
            reset(draft, seq, (keep_paused, reset_heartbeat));
        }
        ActivityInput::Update(patch) => {
            let activity = draft.run.activities.get(&seq);
            if let Some(Ok(options)) = activity.map(|activity| patched(activity, &patch)) {
                change(draft, seq, ActivityNote::OptionsUpdated { options: Box::new(options) });
            }
        }
        ActivityInput::Started { .. } | ActivityInput::HandedOver { .. } => {}
    }
}

fn beat(draft: &mut Draft<'_>, seq: u64, details: Json) {
    let now = draft.context.now;
    let Some(activity) = draft.run.activities.get_mut(&seq) else { return };
    activity.live.heard_at = Some(now);
    if !details.is_null() {
        activity.live.details = Some(details);
    }
    if activity.records_beat(now) {
        let (ticket, details) = (activity.ticket, activity.details());
        change(draft, seq, ActivityNote::Heartbeat { ticket, details, at: now });
    }
}

/// The end of an attempt, told from outside. One that a worker of this process has is taken away from it.
fn reported(draft: &mut Draft<'_>, seq: u64, outcome: Outcome) {
    let now = draft.context.now;
    let Some(activity) = draft.run.activities.get_mut(&seq) else { return };
    activity.waiting = false; // an operator may end what waits for its next attempt
    let ticket = activity.ticket;
    let started_at = activity.outside.or(activity.live.started_at).unwrap_or(now);
    withdraw(draft, seq);
    let outcome = match outcome {
        Outcome::Completed(result) => Ok(result),
        Outcome::Failed(failure) => Err(failure),
        Outcome::Canceled(details) => {
            let mut failure = failures::canceled("the activity heeded the request to cancel");
            failure.details.extend(Some(details).filter(|details| !details.is_null()));
            Err(failure)
        }
    };
    ended(draft, Ended { seq, ticket, started_at, outcome });
}

fn reset(draft: &mut Draft<'_>, seq: u64, (keep_paused, reset_heartbeat): (bool, bool)) {
    let Some(activity) = draft.run.activities.get(&seq) else { return };
    let (at, running) = (draft.context.now, !activity.waiting && activity.paused.is_none());
    let running = running || activity.outside.is_some() || activity.live.started_at.is_some();
    if !running {
        withdraw(draft, seq);
    }
    change(draft, seq, ActivityNote::Reset { at, keep_paused, reset_heartbeat, running });
}

/// The options with some of them changed.
fn patched(activity: &Activity, patch: &OptionsPatch) -> Result<ActivityOptions, Error> {
    patch
        .applied(&activity.options)
        .map_err(|fault| Error::new(&code::INPUT_INVALID, format!("the options do not fit: {fault}")))
}
