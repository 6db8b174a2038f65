//! What follows from what happened to an activity.

use nexus_kernel::activity::{ActivityTask, ActivityToken};
use nexus_kernel::id::{Key, RunId};
use nexus_kernel::time::Timestamp;
use nexus_kernel::trace::{SpanId, TraceContext};

use crate::activity::record::ActivityNote;
use crate::activity::state::Activity;
use crate::effect::{Dispatch, Effect};
use crate::input::{Due, Limit};
use crate::state::RunState;

/// The attempt of a pending activity that is to run now. None begins while it is paused.
pub(crate) fn dispatch(key: &Key, run: &RunState, seq: u64) -> Option<Effect> {
    let activity = run.activities.get(&seq).filter(|activity| activity.paused.is_none())?;
    let options = &activity.options;
    let task = ActivityTask {
        key: key.clone(),
        run_id: run.run_id.clone(),
        workflow: run.started.workflow.clone(),
        activity_id: seq,
        activity: activity.name.clone(),
        input: activity.input.clone(),
        parameters: None,
        attempt: activity.attempt(),
        ticket: activity.ticket,
        start_to_close_ms: options.start_to_close_ms,
        heartbeat_ms: options.heartbeat_ms,
        heartbeat_details: activity.details(),
        session: run.started.options.session.clone(),
        trace: trace_of(run, seq, activity.ticket),
        own_idempotency_key: options.idempotency_key.clone(),
    };
    Some(Effect::Dispatch(Box::new(Dispatch {
        task,
        task_queue: options.task_queue.clone(),
        priority: options.priority.clone().unwrap_or_default(),
        since: activity.available_at,
        start_before: activity.start_before(),
        close_before: activity.close_before(),
    })))
}

/// Where an attempt stands in the trace of its run. Its span follows from its name, so that it is the same after a restart.
fn trace_of(run: &RunState, seq: u64, ticket: u32) -> Option<TraceContext> {
    let trace = run.started.options.trace_of(&run.run_id)?;
    let token = ActivityToken { run_id: run.run_id.clone(), activity_id: seq, ticket };
    Some(trace.within(SpanId::of(&token.to_string())))
}

/// The effects of a change that history does not show.
pub(crate) fn of_note(key: &Key, run: &RunState, seq: u64, note: &ActivityNote) -> Vec<Effect> {
    let Some(activity) = run.activities.get(&seq) else { return Vec::new() };
    let arm = |at, due| Effect::Arm(at, run.run_id.clone(), due);
    match note {
        ActivityNote::HandedOver { .. } => watches(&run.run_id, seq, activity),
        ActivityNote::Paused { .. } => {
            let withdraw =
                Effect::Withdraw { run: run.run_id.clone(), seq, ticket: activity.ticket, begun: false };
            let whole = watch(&run.run_id, seq, activity, Limit::ScheduleToClose);
            std::iter::once(withdraw).chain(whole).collect()
        }
        ActivityNote::Unpaused { .. } | ActivityNote::Reset { .. } if activity.waiting => {
            vec![arm(activity.available_at, Due::Attempt(seq, activity.ticket))]
        }
        // One that never began is handed out again; one that is under way is not handed out twice.
        ActivityNote::Unpaused { .. } if activity.outside.is_none() => {
            dispatch(key, run, seq).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// The times by which an attempt that is outside has to be heard of.
pub(crate) fn watches(run: &RunId, seq: u64, activity: &Activity) -> Vec<Effect> {
    let limits = [Limit::ScheduleToClose, Limit::StartToClose, Limit::Heartbeat];
    limits.into_iter().filter_map(|limit| watch(run, seq, activity, limit)).collect()
}

/// The timer of one limit, when the activity has it.
pub(crate) fn watch(run: &RunId, seq: u64, activity: &Activity, limit: Limit) -> Option<Effect> {
    let at = ends(activity, limit)?;
    Some(Effect::Arm(at, run.clone(), Due::Activity(seq, activity.ticket, limit)))
}

/// When a limit is reached as things are now.
pub(crate) fn ends(activity: &Activity, limit: Limit) -> Option<Timestamp> {
    match limit {
        Limit::ScheduleToClose => activity.close_before(),
        Limit::StartToClose => activity.end_before(),
        Limit::Heartbeat => {
            // Nothing heard in this process yet: the time of the record is a beginning to count from.
            let recorded = activity.heartbeat.as_ref().map(|(_, at)| *at);
            let from =
                activity.live.heard_at.or(recorded).or(activity.outside).or(activity.live.started_at)?;
            Some(from.plus(std::time::Duration::from_millis(activity.options.heartbeat_ms?)))
        }
        // Whoever holds the attempt in its queue keeps this time.
        Limit::ScheduleToStart => activity.start_before(),
        Limit::Lost => Some(activity.available_at),
    }
}

/// The effects of a pending activity whose process was lost.
pub(crate) fn of_state(key: &Key, run: &RunState, seq: u64, activity: &Activity) -> Vec<Effect> {
    let arm = |at, due| Effect::Arm(at, run.run_id.clone(), due);
    if activity.outside.is_some() {
        return watches(&run.run_id, seq, activity);
    }
    if activity.cancelled {
        // The attempt died with its process, and nobody wants another one.
        return vec![arm(activity.available_at, Due::Activity(seq, activity.ticket, Limit::Lost))];
    }
    let begin = if activity.waiting {
        Some(arm(activity.available_at, Due::Attempt(seq, activity.ticket)))
    } else {
        dispatch(key, run, seq)
    };
    let paused = activity.paused.is_some();
    let whole = watch(&run.run_id, seq, activity, Limit::ScheduleToClose).filter(|_| paused);
    begin.into_iter().chain(whole).collect()
}
