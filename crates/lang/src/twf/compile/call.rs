//! Calls: names bound to definitions, arguments to parameters.

use std::sync::Arc;

use serde_json::Value as Json;

use super::Compiler;
use super::catalog::{Catalog, Entry, param_fields};
use super::names::has_option;
use super::options::on_failure_captures;
use crate::text::source::Span;
use crate::twf::ast::{Arg, Call, Callee, Ident, Param, QName, Service, ServiceOperation, Workflow};
use crate::twf::code::{Args, NexusCode, Start};
use crate::twf::fault::ARITY_MISMATCH;
use crate::twf::options::OptionScope;
use crate::twf::shape::Shape;

/// Nexus calls take nothing over from what they call.
const NO_DEFAULTS: (&[crate::twf::ast::OptionEntry], OptionScope) = (&[], OptionScope::NexusCall);

/// What is known about a callee.
struct Known {
    names: Option<Vec<Arc<str>>>,
    defaults: Vec<Option<Json>>,
    result: Shape,
}

impl<'a> Compiler<'a> {
    /// A call, and whether its failure is captured.
    pub(super) fn call(&mut self, call: &'a Call) -> (Start, bool) {
        let capture = has_option(call, "on_failure") && on_failure_captures(call);
        let start = match &call.callee {
            Callee::Activity(name) => self.activity(name, call),
            Callee::Workflow(name) => self.child(name, call),
            Callee::Nexus { endpoint, service, operation } => {
                self.nexus((endpoint, service, operation), call)
            }
            Callee::NexusWorkflow { namespace, workflow } => {
                let name = QName { package: None, name: workflow.clone() };
                let entry = self.catalog.workflow(&name, self.home);
                let public =
                    entry.map_or_else(|| workflow.name.as_str().into(), |entry| entry.public.clone());
                let known = self.known_workflow(entry);
                let code = NexusCode::Workflow(namespace.name.as_str().into(), public);
                let args = self.known_args(call, &known);
                Start::Nexus(
                    code,
                    args,
                    self.options(NO_DEFAULTS, &call.options, OptionScope::NexusCall),
                    known.result,
                )
            }
        };
        (start, capture)
    }

    fn activity(&mut self, name: &'a QName, call: &'a Call) -> Start {
        let catalog = self.catalog;
        let entry = catalog.activity(name, self.home);
        let public = entry.map_or_else(|| qualified(name), |entry| entry.public.clone());
        let known = match entry {
            Some(entry) => self.known(&entry.node.params, catalog.types.result(&entry.node.result)),
            None => Known::nothing(),
        };
        let defaults = entry.map_or(&[][..], |entry| entry.node.defaults.as_slice());
        let args = self.known_args(call, &known);
        let options =
            self.options((defaults, OptionScope::ActivityDefaults), &call.options, OptionScope::ActivityCall);
        Start::Activity(public, args, options, known.result)
    }

    fn child(&mut self, name: &'a QName, call: &'a Call) -> Start {
        let catalog = self.catalog;
        let entry = catalog.workflow(name, self.home);
        let public = entry.map_or_else(|| qualified(name), |entry| entry.public.clone());
        let known = self.known_workflow(entry);
        let defaults = entry.map_or(&[][..], |entry| entry.node.defaults.as_slice());
        let args = self.known_args(call, &known);
        let options =
            self.options((defaults, OptionScope::WorkflowDefaults), &call.options, OptionScope::WorkflowCall);
        Start::Child(public, args, options, known.result)
    }

    fn nexus(
        &mut self,
        (endpoint, service, operation): (&'a Ident, &'a QName, &'a Ident),
        call: &'a Call,
    ) -> Start {
        let catalog = self.catalog;
        let entry = catalog.service(service, self.home);
        let known = match entry {
            Some(entry) => self.known_operation(entry, &operation.name),
            None => Known::nothing(),
        };
        let public = entry.map_or_else(|| qualified(service), |entry| entry.public.clone());
        let endpoint = self.template(endpoint);
        let code = NexusCode::Operation(endpoint, public, operation.name.as_str().into());
        let args = self.known_args(call, &known);
        Start::Nexus(
            code,
            args,
            self.options(NO_DEFAULTS, &call.options, OptionScope::NexusCall),
            known.result,
        )
    }

    fn known(&self, params: &[Param], result: Shape) -> Known {
        let fields = param_fields(&self.catalog.types, params);
        Known {
            names: Some(fields.iter().map(|field| field.name.clone()).collect()),
            defaults: fields.into_iter().map(|field| field.default).collect(),
            result,
        }
    }

    fn known_workflow(&self, entry: Option<&Entry<'a, Workflow>>) -> Known {
        let Some(entry) = entry else { return Known::nothing() };
        let known = self.known(&entry.node.params, self.catalog.types.result(&entry.node.result));
        // The callee fills in its own defaults when it starts.
        Known { defaults: Vec::new(), ..known }
    }

    fn known_operation(&self, service: &Entry<'a, Service>, name: &str) -> Known {
        match Catalog::operation(service.node, name) {
            Some(ServiceOperation::Async { workflow, .. }) => {
                let home = self.catalog.homes.get(service.home).unwrap_or(self.home);
                self.known_workflow(self.catalog.workflow(workflow, home))
            }
            Some(ServiceOperation::Sync { params, result, .. }) => {
                let known = self.known(params, self.catalog.types.result(result));
                Known { defaults: Vec::new(), ..known }
            }
            None => Known::nothing(),
        }
    }

    fn known_args(&mut self, call: &'a Call, known: &Known) -> Args {
        let mut args = self.args(&call.args, known.names.clone(), call.span);
        args.defaults.clone_from(&known.defaults);
        args
    }

    /// Binds arguments by name, then by position (rule H25); what fits nowhere faults when the call is reached.
    pub(super) fn args(&mut self, args: &'a [Arg], names: Option<Vec<Arc<str>>>, span: Span) -> Args {
        let Some(names) = names else { return self.loose_args(args) };
        let mut values: Vec<Option<_>> = names.iter().map(|_| None).collect();
        for arg in args.iter().filter(|arg| arg.name.is_some()) {
            let wanted = arg.name.as_ref().map_or("", |name| name.name.as_str());
            let value = self.expr(&arg.value);
            match names.iter().position(|name| &**name == wanted).and_then(|at| values.get_mut(at)) {
                Some(place) => *place = Some(value),
                None => self.broken(ARITY_MISMATCH, format!("there is no parameter `{wanted}`"), span),
            }
        }
        for arg in args.iter().filter(|arg| arg.name.is_none()) {
            let value = self.expr(&arg.value);
            match values.iter_mut().find(|place| place.is_none()) {
                Some(place) => *place = Some(value),
                None => {
                    let message = format!("{} arguments for {} parameters", args.len(), names.len());
                    self.broken(ARITY_MISMATCH, message, span);
                }
            }
        }
        Args { values, names: Some(names), defaults: Vec::new() }
    }

    /// Nothing is known about the callee: all by name, or all by position.
    fn loose_args(&mut self, args: &'a [Arg]) -> Args {
        let all_named: Option<Vec<Arc<str>>> =
            args.iter().map(|arg| arg.name.as_ref().map(|name| name.name.as_str().into())).collect();
        let values = args.iter().map(|arg| Some(self.expr(&arg.value))).collect();
        Args { values, names: all_named.filter(|names| !names.is_empty()), defaults: Vec::new() }
    }
}

impl Known {
    fn nothing() -> Known {
        Known { names: None, defaults: Vec::new(), result: Shape::ANY }
    }
}

fn qualified(name: &QName) -> Arc<str> {
    match &name.package {
        Some(package) => format!("{}.{}", package.name, name.name.name).into(),
        None => name.name.name.as_str().into(),
    }
}
