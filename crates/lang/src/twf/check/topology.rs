//! Workers and namespaces: what they name, what they leave out.

use std::collections::{BTreeMap, BTreeSet};

use super::index::{Found, Package, Part, address, namespaces};
use super::timeout::has_key;
use super::{Checker, ParsedUnit};
use crate::text::diagnostic::Diagnostic;
use crate::text::source::Span;
use crate::text::suggest::propose;
use crate::twf::ast::{Definition, ExprKind, Ident, NamespaceDef, OptionEntry, OptionValue, QName, Worker};
use crate::twf::options::OptionScope;

impl<'a> Checker<'a> {
    pub(super) fn topology(&mut self, units: &[ParsedUnit<'a>]) {
        for (file, unit) in units.iter().enumerate() {
            for definition in &unit.unit.definitions {
                match definition {
                    Definition::Worker(worker) => self.worker(file, worker),
                    Definition::Namespace(namespace) => {
                        self.namespace(file, namespace);
                        for endpoint in &namespace.endpoints {
                            self.endpoint(endpoint, Some(namespace));
                        }
                    }
                    Definition::Endpoint(endpoint) => self.endpoint(endpoint, None),
                    _ => {}
                }
            }
        }
        if self.index.has_namespaces {
            self.coverage(units);
            self.shared_queues(units);
        }
    }

    fn worker(&mut self, file: usize, worker: &'a Worker) {
        for name in &worker.workflows {
            self.registered(file, name, ("WORKER_UNDEFINED_WORKFLOW", "workflow"), |it| &it.workflows);
        }
        for name in &worker.activities {
            self.registered(file, name, ("WORKER_UNDEFINED_ACTIVITY", "activity"), |it| &it.activities);
        }
        for name in &worker.services {
            self.registered(file, name, ("WORKER_UNDEFINED_NEXUS_SERVICE", "service"), |it| &it.services);
        }
    }

    fn registered<T: Copy + 'a>(
        &mut self,
        file: usize,
        name: &'a QName,
        (code, what): (&'static str, &str),
        part: Part<'a, T>,
    ) {
        if matches!(self.index.find(file, name, part), Found::Missing) {
            let known = self.index.known(file, name, part);
            let message = format!("no {what} `{}` is defined", name.name.name);
            let diagnostic = Diagnostic::error(code, name.name.span, message);
            self.report(propose(diagnostic, name.name.span, &name.name.name, known));
        }
    }

    fn namespace(&mut self, file: usize, namespace: &'a NamespaceDef) {
        for (name, options) in &namespace.workers {
            self.options(OptionScope::Worker, options);
            if !has_key(options, OptionScope::Worker, "task_queue") {
                let message = format!("the worker `{}` needs a `task_queue`", name.name);
                let found = Diagnostic::error("MISSING_TASK_QUEUE", name.span, message)
                    .help("write `options:` and `task_queue: \"..\"` under it");
                self.report(self.add_queue(found, name.span, options, &name.name));
            }
            self.placed(file, name);
        }
        self.templates(namespace);
    }

    /// Offers to write a task queue under a line that has no options yet.
    pub(super) fn add_queue(
        &self,
        found: Diagnostic,
        under: Span,
        options: &[OptionEntry],
        queue: &str,
    ) -> Diagnostic {
        let (Some(indent), Some(at)) = (self.line_indent(under), self.line_after(under)) else {
            return found;
        };
        if !options.is_empty() {
            return found;
        }
        let step = if indent.starts_with('\t') { "\t" } else { "    " };
        let lines = format!("{indent}{step}options:\n{indent}{step}{step}task_queue: \"{queue}\"\n");
        found.fix(at, lines, format!("add `task_queue: \"{queue}\"`"))
    }

    fn placed(&mut self, file: usize, name: &'a Ident) {
        let qname = QName { package: None, name: name.clone() };
        if matches!(self.index.find(file, &qname, |it| &it.workers), Found::Missing) {
            let known = self.index.known(file, &qname, |it| &it.workers);
            let message = format!("no worker `{}` is defined", name.name);
            let diagnostic = Diagnostic::error("NAMESPACE_UNDEFINED_WORKER", name.span, message);
            self.report(propose(diagnostic, name.span, &name.name, known));
        }
    }

    /// Once deployment is written down, what is left out of it never runs.
    fn coverage(&mut self, units: &[ParsedUnit<'a>]) {
        let index = self.index;
        let is_placed = |definition: usize| index.routes.is_placed(definition);
        let placed: BTreeSet<*const Worker> =
            index.placements.iter().map(|it| std::ptr::from_ref(it.worker)).collect();
        for definition in units.iter().flat_map(|unit| &unit.unit.definitions) {
            let (code, what, name, is_covered) = match definition {
                Definition::Workflow(it) => {
                    ("UNCOVERED_WORKFLOW", "workflow", &it.name, is_placed(address(it)))
                }
                Definition::Activity(it) => {
                    ("UNCOVERED_ACTIVITY", "activity", &it.name, is_placed(address(it)))
                }
                Definition::Service(it) => ("UNCOVERED_SERVICE", "service", &it.name, is_placed(address(it))),
                Definition::Worker(it) => {
                    ("UNINSTANTIATED_WORKER", "worker", &it.name, placed.contains(&std::ptr::from_ref(it)))
                }
                _ => continue,
            };
            if !is_covered {
                let is_worker = code == "UNINSTANTIATED_WORKER";
                let place = if is_worker { "no namespace has" } else { "no worker of a namespace registers" };
                let message = format!("{place} the {what} `{}`", name.name);
                let help = if is_worker {
                    format!("write `worker {}` in a namespace, with a `task_queue`", name.name)
                } else {
                    let word = if what == "service" { "nexus service" } else { what };
                    format!("write `{word} {}` in a worker, and place the worker in a namespace", name.name)
                };
                self.report(Diagnostic::warning(code, name.span, message).help(help));
            }
        }
    }

    /// Two workers on one queue take each other's tasks: harmless when they are equal, wrong when they are
    /// not.
    fn shared_queues(&mut self, units: &[ParsedUnit<'a>]) {
        for (file, unit) in self.index.files.iter().zip(units) {
            let Some(package) = self.index.packages.get(file.package) else { continue };
            for namespace in namespaces(unit.unit) {
                self.shared_queues_of(namespace, package);
            }
        }
    }

    fn shared_queues_of(&mut self, namespace: &'a NamespaceDef, package: &Package<'a>) {
        let mut queues: BTreeMap<&str, (&Ident, &Worker)> = BTreeMap::new();
        for (name, options) in &namespace.workers {
            let (Some(queue), Some(worker)) =
                (text(options, OptionScope::Worker, "task_queue"), package.workers.get(name.name.as_str()))
            else {
                continue;
            };
            let Some((first, other)) = queues.get(queue) else {
                queues.insert(queue, (name, worker));
                continue;
            };
            let diagnostic = if types(worker) == types(other) {
                let message = format!("two workers with equal types share the queue `{queue}`");
                Diagnostic::warning("TASK_QUEUE_IDENTICAL", name.span, message)
            } else {
                let message = format!("two workers with different types share the queue `{queue}`");
                Diagnostic::error("TASK_QUEUE_MISMATCH", name.span, message)
                    .help("give each its own queue, or register the same types in both")
            };
            self.report(diagnostic.label(first.span, "the other worker"));
        }
    }
}

fn types(worker: &Worker) -> BTreeSet<(u8, &str)> {
    let workflows = worker.workflows.iter().map(|it| (0, it.name.name.as_str()));
    let activities = worker.activities.iter().map(|it| (1, it.name.name.as_str()));
    let services = worker.services.iter().map(|it| (2, it.name.name.as_str()));
    workflows.chain(activities).chain(services).collect()
}

/// The text of an option, when it is given as text.
pub(super) fn text<'a>(options: &'a [OptionEntry], scope: OptionScope, name: &str) -> Option<&'a str> {
    let is_it = |entry: &&OptionEntry| scope.key(&entry.key.name).is_some_and(|key| key.name == name);
    match &options.iter().find(is_it)?.value {
        OptionValue::Expr(value) => match &value.kind {
            ExprKind::Str(text) | ExprKind::Name(text) => Some(text),
            _ => None,
        },
        OptionValue::Block(_) => None,
    }
}
