//! What is shown of a schedule.

use nexus_kernel::Json;
use nexus_kernel::id::Namespace;
use serde_json::json;

use super::record::Schedule;

/// Moments to come that are shown.
const UPCOMING_MAX: usize = 10;

/// A schedule as callers see it.
pub(crate) fn view(namespace: &Namespace, schedule: &Schedule) -> Json {
    let definition = &schedule.definition;
    let running = schedule.running.iter().map(|it| {
        json!({ "workflow_id": it.workflow_id, "run_id": it.run.as_ref().map(|(_, run)| run), "for": it.nominal.to_string() })
    });
    let recent = schedule.recent.iter().map(|it| {
        json!({
            "for": it.nominal.to_string(),
            "at": it.at.to_string(),
            "workflow_id": it.workflow_id,
            "run_id": it.run,
            "failure": it.failure,
        })
    });
    json!({
        "schedule_id": schedule.id,
        "namespace": namespace,
        "version": schedule.version,
        "spec": definition.spec,
        "action": definition.action,
        "policies": definition.policies,
        "paused": schedule.paused,
        "note": schedule.note,
        "remaining_actions": schedule.remaining_actions,
        "running": running.collect::<Vec<_>>(),
        "waiting": schedule.waiting.iter().map(|it| it.nominal.to_string()).collect::<Vec<_>>(),
        "recent": recent.collect::<Vec<_>>(),
        "upcoming": upcoming(schedule),
        "counts": schedule.counts,
        "last_result": schedule.last_result,
        "last_failure": schedule.last_failure,
        "created_at": schedule.created_at.to_string(),
        "updated_at": schedule.updated_at.to_string(),
    })
}

/// The next moments, as far as it acts at all.
fn upcoming(schedule: &Schedule) -> Vec<String> {
    let Ok(spec) = schedule.definition.spec.compile() else { return Vec::new() };
    let most = schedule.remaining_actions.and_then(|left| usize::try_from(left).ok()).unwrap_or(UPCOMING_MAX);
    let moments = std::iter::successors(spec.after(schedule.processed), |at| spec.after(*at));
    moments.take(most.min(UPCOMING_MAX)).map(|at| at.to_string()).collect()
}
