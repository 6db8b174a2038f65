//! Endpoints: their options, and who may call them.

use super::Checker;
use crate::text::diagnostic::Diagnostic;
use crate::twf::options::OptionScope;

impl Checker<'_> {
    pub(super) fn endpoints(&mut self) {
        let index = self.index;
        for endpoint in index.endpoints.values() {
            let def = endpoint.def;
            self.options(OptionScope::Endpoint, &def.options);
            let has = |name: &str| {
                let is_it = |key: &str| OptionScope::Endpoint.key(key).is_some_and(|it| it.name == name);
                def.options.iter().any(|entry| is_it(&entry.key.name))
            };
            if !has("task_queue") {
                let message = format!("the endpoint `{}` needs a `task_queue`", def.name.name);
                self.report(
                    Diagnostic::error("MISSING_ENDPOINT_TASK_QUEUE", def.name.span, message)
                        .help("write `options:` and `task_queue: \"..\"` under it"),
                );
            }
        }
    }
}
