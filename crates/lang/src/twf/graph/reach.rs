//! Dispatches that nobody would take, as diagnostics.

use super::{Graph, Unreached};
use crate::text::diagnostic::{Diagnostic, sort};

/// One `DISPATCH_NO_REACHABLE_DEPLOYMENT` for each call, namespace and queue whose callee nobody on that queue runs.
pub fn unreachable_dispatches(graph: &Graph) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> = graph.unreached.iter().map(|it| diagnostic(graph, it)).collect();
    sort(&mut found);
    found
}

fn diagnostic(graph: &Graph, it: &Unreached) -> Diagnostic {
    let message = graph.unreached_text(it);
    Diagnostic::warning("DISPATCH_NO_REACHABLE_DEPLOYMENT", it.span, message)
        .help("register it with a worker on that queue, or name the queue of one that has it: `task_queue`")
}

impl Graph {
    /// What is wrong with a dispatch, in one line.
    pub fn unreached_text(&self, it: &Unreached) -> String {
        let callee = self.definitions.get(it.to);
        let (kind, name) = callee.map_or(("callee", ""), |it| (it.kind.title(), it.name.as_str()));
        format!("no deployment of {kind} `{name}` polls the queue `{}` that this goes to", it.queue)
    }
}
