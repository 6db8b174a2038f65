//! A pending activity as callers see it.

use nexus_kernel::Json;
use nexus_kernel::activity::ActivityToken;
use nexus_kernel::id::RunId;
use serde_json::json;

use crate::activity::state::Activity;
use crate::shard::Shared;

/// A pending activity as an object.
pub(crate) fn to_json(shared: &Shared, run: &RunId, seq: u64, activity: &Activity) -> Json {
    let token = ActivityToken { run_id: run.clone(), activity_id: seq, ticket: activity.ticket };
    let started_at = activity.outside.or_else(|| shared.workers.started_at(run, (seq, activity.ticket)));
    // A time that has passed is no wait: the attempt is in its queue, or under way.
    let next_at = Some(activity.available_at).filter(|at| activity.waiting && *at > shared.clock.now());
    let unbound = activity.outside.is_none() && !shared.workers.is_bound(&activity.name);
    let state = match (&activity.paused, started_at, next_at) {
        _ if activity.cancelled => "cancel_requested",
        (Some(_), None, _) => "paused",
        (Some(_), Some(_), _) => "pause_requested",
        (None, Some(_), _) => "started",
        (None, None, Some(_)) => "backing_off",
        (None, None, None) => "scheduled",
    };
    let (details, beaten_at) = activity.heartbeat.clone().unzip();
    json!({
        "kind": "activity",
        "seq": seq,
        "name": activity.name,
        "state": state,
        "attempt": activity.attempt(),
        "maximum_attempts": activity.options.retry.maximum_attempts,
        "token": token.to_string(),
        "at": activity.at,
        "scheduled_at": activity.scheduled_at.to_string(),
        "started_at": started_at.map(|at| at.to_string()),
        "next_attempt_at": next_at.map(|at| at.to_string()),
        "last_failure": activity.last_failure,
        "heartbeat_details": details,
        "last_heartbeat_at": beaten_at.map(|at| at.to_string()),
        "outside": activity.outside.is_some(),
        "paused": activity.paused.as_ref().map(|(at, reason)| json!({ "at": at.to_string(), "reason": reason })),
        "summary": activity.options.summary,
        "task_queue": activity.options.task_queue,
        "unbound": unbound,
    })
}
