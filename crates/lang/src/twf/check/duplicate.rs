//! Names that are defined twice.

use std::collections::hash_map::Entry;

use super::{Checker, ParsedUnit, walk};
use crate::text::diagnostic::Diagnostic;
use crate::text::source::Span;
use crate::twf::ast::{
    Block, Definition, HandlerKind, Ident, Param, Service, StateItem, StmtKind, TypeDef, Workflow,
};
use crate::twf::hash::QuickMap;

/// The first place of each name.
type Places<K> = QuickMap<K, Span>;

impl<'a> Checker<'a> {
    pub(super) fn duplicates(&mut self, units: &[ParsedUnit<'a>]) {
        let index = self.index;
        let mut seen = Places::default();
        for (unit, file) in units.iter().zip(&index.files) {
            for definition in &unit.unit.definitions {
                self.duplicate_definition(definition, file.package, &mut seen);
            }
        }
    }

    fn duplicate_definition(
        &mut self,
        definition: &'a Definition,
        package: usize,
        seen: &mut Places<(usize, &'static str, &'a str)>,
    ) {
        let (code, what, name) = match definition {
            Definition::Workflow(it) => ("DUPLICATE_WORKFLOW", "the workflow", &it.name),
            Definition::Activity(it) => ("DUPLICATE_ACTIVITY", "the activity", &it.name),
            Definition::Worker(it) => ("DUPLICATE_WORKER", "the worker", &it.name),
            Definition::Namespace(it) => ("DUPLICATE_NAMESPACE", "the namespace", &it.name),
            Definition::Service(it) => ("DUPLICATE_NEXUS_SERVICE", "the service", &it.name),
            Definition::Type(it) => ("DUPLICATE_TYPE", "the type", &it.name),
            Definition::Endpoint(it) => return self.duplicate_endpoint(&it.name, seen),
        };
        self.once((package, code, name.name.as_str()), name, (code, what), seen);
        if let Definition::Namespace(namespace) = definition {
            for endpoint in &namespace.endpoints {
                self.duplicate_endpoint(&endpoint.name, seen);
            }
        }
    }

    /// Endpoints are known in the whole cluster, so packages do not keep them apart.
    fn duplicate_endpoint(&mut self, name: &'a Ident, seen: &mut Places<(usize, &'static str, &'a str)>) {
        let code = "DUPLICATE_ENDPOINT";
        self.once((usize::MAX, code, name.name.as_str()), name, (code, "the endpoint"), seen);
    }

    fn once<K: Eq + std::hash::Hash>(
        &mut self,
        key: K,
        name: &Ident,
        (code, what): (&'static str, &str),
        seen: &mut Places<K>,
    ) {
        match seen.entry(key) {
            Entry::Vacant(free) => {
                free.insert(name.span);
            }
            Entry::Occupied(first) => {
                let message = format!("{what} `{}` is defined twice", name.name);
                let first = *first.get();
                let is_warning = code == "DUPLICATE_PROMISE";
                let build = if is_warning { Diagnostic::warning } else { Diagnostic::error };
                self.report(build(code, Some(name.span), message).label(first, "first defined here"));
            }
        }
    }

    pub(super) fn duplicates_inside(&mut self, definition: &'a Definition) {
        match definition {
            Definition::Workflow(it) => self.duplicates_in_workflow(it),
            Definition::Activity(it) => self.duplicate_params(&it.params),
            Definition::Service(it) => self.duplicate_operations(it),
            Definition::Type(it) => self.duplicate_fields(it),
            Definition::Worker(_) | Definition::Namespace(_) | Definition::Endpoint(_) => {}
        }
    }

    fn duplicates_in_workflow(&mut self, workflow: &'a Workflow) {
        self.duplicate_params(&workflow.params);
        let mut handlers = Places::default();
        for handler in &workflow.handlers {
            self.duplicate_params(&handler.params);
            let what = match handler.kind {
                HandlerKind::Signal => "the signal",
                HandlerKind::Query => "the query",
                HandlerKind::Update => "the update",
            };
            self.once((what, &handler.name.name), &handler.name, ("DUPLICATE_HANDLER", what), &mut handlers);
        }
        let mut conditions = Places::default();
        for item in &workflow.state {
            let (StateItem::Condition(name) | StateItem::Init(name, _)) = item;
            self.once(&name.name, name, ("DUPLICATE_CONDITION", "the state"), &mut conditions);
        }
        let mut promises = Places::default();
        self.duplicate_promises(&workflow.body, &mut promises);
        for handler in &workflow.handlers {
            self.duplicate_promises(&handler.body, &mut promises);
        }
    }

    fn duplicate_promises(&mut self, block: &'a Block, seen: &mut Places<&'a str>) {
        let mut names = Vec::new();
        walk::each(block, &mut |stmt| {
            if let StmtKind::Promise(name, _) = &stmt.kind {
                names.push(name);
            }
        });
        // Handles of the first dialect may be left unnamed.
        for name in names.into_iter().filter(|name| name.name != "_") {
            self.once(name.name.as_str(), name, ("DUPLICATE_PROMISE", "the promise"), seen);
        }
    }

    fn duplicate_params(&mut self, params: &'a [Param]) {
        let mut seen = Places::default();
        for param in params {
            let name = &param.name;
            self.once(&name.name, name, ("DUPLICATE_PARAMETER", "the parameter"), &mut seen);
        }
    }

    fn duplicate_operations(&mut self, service: &'a Service) {
        let mut seen = Places::default();
        for operation in &service.operations {
            let name = operation.name();
            self.once(&name.name, name, ("DUPLICATE_NEXUS_OPERATION", "the operation"), &mut seen);
        }
    }

    fn duplicate_fields(&mut self, definition: &'a TypeDef) {
        let mut seen = Places::default();
        for field in &definition.fields {
            let name = &field.name;
            self.once(&name.name, name, ("DUPLICATE_FIELD", "the field"), &mut seen);
        }
    }
}
