//! Lines of calls that runs make from one namespace into another: one for each side.

use nexus_kernel::code;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::witness::{Crossing, Witness};

use super::AuditLog;
use super::record::{CallLine, What};

/// What such calls come through.
const CHANNEL: &str = "nexus";

impl Witness for AuditLog {
    fn crossed(&self, crossing: Crossing) {
        let own = crossing.from.0.namespace.clone();
        let sides = std::iter::once(own.clone()).chain(crossing.to.clone().filter(|other| *other != own));
        for side in sides {
            let line = line(&crossing, &side);
            match crossing.refusal.as_deref().map(status) {
                Some(status) => {
                    self.refused(None, status, CallLine { status: Some(status.to_owned()), ..line });
                }
                None => self.note(What::End(CallLine { status: Some("ok".to_owned()), ..line })),
            }
        }
    }
}

/// What one side is told: everybody else's runs by their namespace as well.
fn line(crossing: &Crossing, side: &Namespace) -> CallLine {
    let (from, run) = &crossing.from;
    let caller = if from.namespace == *side {
        format!("run:{}", from.workflow_id)
    } else {
        format!("run:{}/{}", from.namespace, from.workflow_id)
    };
    // Whoever calls finds their own run, whoever is called the one that carries it out.
    let (workflow_id, run_id) = match &crossing.by {
        Some((key, by)) if key.namespace == *side => (Some(&key.workflow_id), Some(by)),
        _ if from.namespace == *side => (Some(&from.workflow_id), Some(run)),
        _ => (None, None),
    };
    CallLine {
        request_id: crossing.request_id.clone(),
        channel: CHANNEL.to_owned(),
        caller,
        proof: "run".to_owned(),
        namespace: Some(side.to_string()),
        operation: Some(crossing.operation.clone()),
        workflow_id: workflow_id.map(ToString::to_string),
        run_id: run_id.map(ToString::to_string),
        ..CallLine::default()
    }
}

/// The code of a refusal.
fn status(refusal: &str) -> &'static str {
    match refusal {
        "UNAUTHORIZED" | "UNAUTHENTICATED" => code::CALLER_NOT_ALLOWED.id,
        "NOT_FOUND" => code::SERVICE_UNKNOWN.id,
        "BAD_REQUEST" => code::INPUT_INVALID.id,
        "CONFLICT" => code::REQUEST_CONFLICT.id,
        "WorkflowExecutionAlreadyStarted" => code::ALREADY_RUNNING.id,
        _ => code::RUN_FAILED.id,
    }
}
