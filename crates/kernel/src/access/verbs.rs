//! What each verb of Nexus needs: one table, for whoever reviews it and for the pipeline.
//!
//! A verb that is not in the table needs `admin:write`, so what somebody forgot is closed rather than open; a test holds the
//! table against the catalogue.

use super::pattern::{Act, Action};

/// What a verb is done to, as far as its input says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The server as a whole.
    Server,
    /// Everything of the namespace that the input names, or of the caller's.
    Namespace,
    /// What the caller sees: a list, or a run that is found by its id.
    Seen,
    /// The thing that this field of the input names.
    Named(&'static str),
    /// What belongs to the caller alone.
    Own,
}

/// What a caller must be allowed to do for a verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// The act.
    pub act: Act<'static>,
    /// What it is done to.
    pub subject: Subject,
    /// What must be allowed for the same subject as well.
    pub also: Option<Action>,
}

const fn need(resource: &'static str, action: Action, subject: Subject) -> Need {
    Need { act: Act { resource, action }, subject, also: None }
}

const fn run(action: Action) -> Need {
    need("workflow", action, Subject::Seen)
}

const fn queue(action: Action) -> Need {
    need("queue", action, Subject::Namespace)
}

const fn schedule(action: Action) -> Need {
    need("schedule", action, Subject::Named("schedule_id"))
}

const fn secret(action: Action, subject: Subject) -> Need {
    need("secret", action, subject)
}

const fn server(action: Action) -> Need {
    need("admin", action, Subject::Server)
}

const fn own(action: Action) -> Need {
    need("session", action, Subject::Own)
}

const fn starting(also: Option<Action>) -> Need {
    Need { also, ..need("workflow", Action::Execute, Subject::Named("workflow")) }
}

/// Every verb and what it needs, in order of their names.
pub const VERBS: &[(&str, Need)] = &[
    ("activity.cancel_ack", need("activity", Action::Write, Subject::Seen)),
    ("activity.complete", need("activity", Action::Write, Subject::Seen)),
    ("activity.fail", need("activity", Action::Write, Subject::Seen)),
    ("activity.heartbeat", need("activity", Action::Write, Subject::Seen)),
    ("activity.pause", need("activity", Action::Cancel, Subject::Seen)),
    ("activity.reset", need("activity", Action::Cancel, Subject::Seen)),
    ("activity.unpause", need("activity", Action::Cancel, Subject::Seen)),
    ("activity.update_options", need("activity", Action::Write, Subject::Seen)),
    ("audit.export", server(Action::Read)),
    ("audit.head", server(Action::Read)),
    ("audit.list", need("audit", Action::Read, Subject::Seen)),
    ("audit.verify", server(Action::Read)),
    ("auth.explain", server(Action::Read)),
    ("auth.whoami", own(Action::Read)),
    ("batch.describe", server(Action::Read)),
    ("batch.list", server(Action::Read)),
    ("batch.start", server(Action::Write)),
    ("batch.stop", server(Action::Write)),
    ("breaker.list", server(Action::Read)),
    ("cache.invalidate", need("cache", Action::Write, Subject::Namespace)),
    ("cache.show", server(Action::Read)),
    ("encryption.rotate", server(Action::Write)),
    ("encryption.show", server(Action::Read)),
    ("endpoint.create", server(Action::Write)),
    ("endpoint.delete", server(Action::Write)),
    ("endpoint.list", need("endpoint", Action::Read, Subject::Server)),
    ("endpoint.show", need("endpoint", Action::Read, Subject::Server)),
    ("endpoint.update", server(Action::Write)),
    ("event.list", need("event", Action::Read, Subject::Namespace)),
    ("event.publish", need("event", Action::Write, Subject::Namespace)),
    ("event.show", need("event", Action::Read, Subject::Namespace)),
    ("key.create", server(Action::Write)),
    ("key.list", server(Action::Read)),
    ("key.revoke", server(Action::Write)),
    ("key.rotate", server(Action::Write)),
    ("namespace.list", run(Action::Read)),
    ("namespace.show", need("workflow", Action::Read, Subject::Namespace)),
    ("operation.cancel", run(Action::Cancel)),
    ("operation.complete", run(Action::Write)),
    ("operation.deliver", need("endpoint", Action::Write, Subject::Server)),
    ("operation.fail", run(Action::Write)),
    ("operation.list", run(Action::Read)),
    ("operation.request-cancel", need("endpoint", Action::Execute, Subject::Namespace)),
    ("operation.show", run(Action::Read)),
    ("operation.start", need("endpoint", Action::Execute, Subject::Namespace)),
    ("queue.describe", queue(Action::Read)),
    ("queue.limit", queue(Action::Write)),
    ("queue.list", need("queue", Action::Read, Subject::Seen)),
    ("queue.pause", queue(Action::Write)),
    ("queue.unpause", queue(Action::Write)),
    ("run.attributes", run(Action::Read)),
    ("run.cancel", run(Action::Cancel)),
    ("run.count", run(Action::Read)),
    ("run.delete", run(Action::Write)),
    ("run.export", run(Action::Read)),
    ("run.handlers", run(Action::Read)),
    ("run.history", run(Action::Read)),
    ("run.import", server(Action::Write)),
    ("run.list", run(Action::Read)),
    ("run.pause", run(Action::Cancel)),
    ("run.query", run(Action::Read)),
    ("run.replay", run(Action::Read)),
    ("run.reset", run(Action::Write)),
    ("run.result", run(Action::Read)),
    ("run.show", run(Action::Read)),
    ("run.signal", run(Action::Signal)),
    ("run.signal-with-start", starting(Some(Action::Signal))),
    ("run.stack", run(Action::Read)),
    ("run.start", starting(None)),
    ("run.terminate", run(Action::Cancel)),
    ("run.unpause", run(Action::Cancel)),
    ("run.update", run(Action::Signal)),
    ("run.update-with-start", starting(Some(Action::Signal))),
    ("run.upgrade", run(Action::Write)),
    ("schedule.backfill", schedule(Action::Execute)),
    ("schedule.create", schedule(Action::Write)),
    ("schedule.delete", schedule(Action::Write)),
    ("schedule.list", need("schedule", Action::Read, Subject::Seen)),
    ("schedule.pause", schedule(Action::Write)),
    ("schedule.show", schedule(Action::Read)),
    ("schedule.trigger", schedule(Action::Execute)),
    ("schedule.unpause", schedule(Action::Write)),
    ("schedule.update", schedule(Action::Write)),
    ("secret.delete", secret(Action::Write, Subject::Named("name"))),
    ("secret.list", secret(Action::Read, Subject::Namespace)),
    ("secret.set", secret(Action::Write, Subject::Named("name"))),
    ("service.list", need("endpoint", Action::Read, Subject::Server)),
    ("service.show", need("endpoint", Action::Read, Subject::Server)),
    ("session.create", own(Action::Write)),
    ("session.delete", own(Action::Write)),
    ("session.list", own(Action::Read)),
    ("session.show", own(Action::Read)),
    ("session.update", own(Action::Write)),
    ("subscription.dead-letters", server(Action::Read)),
    ("subscription.discard", server(Action::Write)),
    ("subscription.list", server(Action::Read)),
    ("subscription.redeliver", server(Action::Write)),
    ("workflow.check", server(Action::Read)),
    ("workflow.list", run(Action::Read)),
    ("workflow.promote", server(Action::Write)),
    ("workflow.ramp", server(Action::Write)),
    ("workflow.rollback", server(Action::Write)),
    ("workflow.show", need("workflow", Action::Read, Subject::Named("name"))),
    ("workflow.versions", server(Action::Read)),
];

/// What a verb needs.
pub fn needed(verb: &str) -> Need {
    let found = VERBS.binary_search_by(|(name, _)| (*name).cmp(verb)).ok().and_then(|at| VERBS.get(at));
    found.map_or(server(Action::Write), |(_, need)| *need)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_what_is_not_in_it_is_closed() {
        assert!(VERBS.is_sorted_by(|left, right| left.0 < right.0));
        assert_eq!(needed("run.cancel").act.action, Action::Cancel);
        assert_eq!(needed("run.forgotten"), server(Action::Write));
    }
}
