//! Endpoints: their options, and who may call them.

use super::Checker;
use super::timeout::has_key;
use super::topology::text;
use crate::text::diagnostic::Diagnostic;
use crate::twf::ast::{EndpointDef, ExprKind, NamespaceDef, OptionValue};
use crate::twf::options::OptionScope;

impl<'a> Checker<'a> {
    pub(super) fn endpoint(&mut self, def: &'a EndpointDef, namespace: Option<&'a NamespaceDef>) {
        self.options(OptionScope::Endpoint, &def.options);
        if !has_key(&def.options, OptionScope::Endpoint, "task_queue") {
            let message = format!("the endpoint `{}` needs a `task_queue`", def.name.name);
            let found = Diagnostic::error("MISSING_ENDPOINT_TASK_QUEUE", def.name.span, message)
                .help("write `options:` and `task_queue: \"..\"` under it");
            // The queue of the first worker beside it is the likely one.
            let mut queues = namespace.into_iter().flat_map(|it| &it.workers);
            let queue = queues.find_map(|(_, options)| text(options, OptionScope::Worker, "task_queue"));
            self.report(match queue {
                Some(queue) => self.add_queue(found, def.name.span, &def.options, queue),
                None => found,
            });
        }
        self.access(def);
    }

    fn access(&mut self, def: &'a EndpointDef) {
        const ALLOWED: &str = "allowed_caller_namespaces";
        let is_it = |key: &str| OptionScope::Endpoint.key(key).is_some_and(|key| key.name == ALLOWED);
        let Some(entry) = def.options.iter().find(|entry| is_it(&entry.key.name)) else {
            let message = format!("the endpoint `{}` says nothing about who may call it", def.name.name);
            let found = Diagnostic::warning("NEXUS_OPEN_ACCESS", def.name.span, message)
                .help(format!("name the callers: `{ALLOWED}: [\"..\"]`"));
            return self.report(found);
        };
        let OptionValue::Expr(value) = &entry.value else { return };
        let ExprKind::List(items) = &value.kind else { return };
        let all = items.iter().find(|item| matches!(&item.kind, ExprKind::Str(name) if name == "*"));
        if let Some(all) = all {
            let message = format!("the endpoint `{}` lets everybody call it", def.name.name);
            let found = Diagnostic::warning("NEXUS_OPEN_ACCESS", all.span, message)
                .help("name the namespaces that may call it");
            self.report(found);
        }
    }
}
