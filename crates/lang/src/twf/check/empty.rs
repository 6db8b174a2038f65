//! Definitions with nothing inside.

use super::Checker;
use crate::text::diagnostic::Diagnostic;
use crate::twf::ast::{Definition, Workflow};

impl Checker<'_> {
    pub(super) fn empty(&mut self, definition: &Definition) {
        let (is_empty, code, what, name) = match definition {
            Definition::Workflow(it) => (is_empty(it), "EMPTY_WORKFLOW", "workflow", &it.name),
            Definition::Activity(it) => {
                (it.body.is_empty() && it.defaults.is_empty(), "EMPTY_ACTIVITY", "activity", &it.name)
            }
            Definition::Worker(it) => {
                let is_empty = it.workflows.is_empty() && it.activities.is_empty() && it.services.is_empty();
                (is_empty, "EMPTY_WORKER", "worker", &it.name)
            }
            Definition::Namespace(it) => {
                (it.workers.is_empty() && it.endpoints.is_empty(), "EMPTY_NAMESPACE", "namespace", &it.name)
            }
            Definition::Service(_) | Definition::Endpoint(_) | Definition::Type(_) => return,
        };
        if is_empty {
            let message = format!("the {what} `{}` has nothing inside", name.name);
            self.report(Diagnostic::warning(code, name.span, message));
        }
    }
}

fn is_empty(workflow: &Workflow) -> bool {
    workflow.body.is_empty()
        && workflow.handlers.is_empty()
        && workflow.state.is_empty()
        && workflow.on_cancel.is_none()
}
