//! Dispatches that nobody would take.

use super::{Graph, Unreached};

impl Graph {
    /// What is wrong with a dispatch, in one line. `check` reports the same as `DISPATCH_NO_REACHABLE_DEPLOYMENT`.
    pub fn unreached_text(&self, it: &Unreached) -> String {
        let callee = self.definitions.get(it.to);
        let (kind, name) = callee.map_or(("callee", ""), |it| (it.kind.title(), it.name.as_str()));
        format!("no deployment of {kind} `{name}` polls the queue `{}` that this goes to", it.queue)
    }
}
