//! Nexus calls: endpoint, service, operation; deadlines; calls that stay at home.

use super::Checker;
use super::body::Body;
use super::index::{Endpoint, Found};
use super::known::Known;
use crate::text::diagnostic::Diagnostic;
use crate::text::suggest::propose;
use crate::twf::ast::{Call, Callee, Ident, QName, Service, ServiceOperation, Stmt, StmtKind, Target};
use crate::twf::options::OptionScope;

impl<'a> Checker<'a> {
    pub(super) fn nexus_call(
        &mut self,
        body: &Body<'a>,
        call: &'a Call,
        (endpoint, service, operation): (&'a Ident, &'a QName, &'a Ident),
    ) {
        let found = self.index.endpoints.get(endpoint.name.as_str()).copied();
        let known = self.endpoints.get(&endpoint.name).filter(|_| found.is_none());
        match (found, known) {
            (Some(found), _) => {
                self.local_call(body, endpoint, found.home());
                self.called_template(body, endpoint);
            }
            (None, Some(Known::Elsewhere)) => return,
            (None, Some(Known::Here { namespace, .. })) => self.local_call(body, endpoint, Some(namespace)),
            (None, None) => self.undefined_endpoint(endpoint),
        }
        match self.index.find(body.file, service, |it| &it.services) {
            Found::Here(service_def, package) => {
                self.operation(package, service_def, operation, call);
                if let Some(found) = found {
                    self.linkage(found, endpoint, service_def);
                } else if let Some(known) = known {
                    self.known_linkage(known, endpoint, service_def);
                }
            }
            Found::Missing => {
                let known = self.index.known(body.file, service, |it| &it.services);
                let message = format!("no service `{}` is defined", service.name.name);
                let span = service.name.span;
                let diagnostic = Diagnostic::error("NEXUS_UNDEFINED_SERVICE", span, message);
                self.report(propose(diagnostic, span, &service.name.name, known));
            }
            Found::External | Found::NotImported => {}
        }
    }

    fn undefined_endpoint(&mut self, endpoint: &'a Ident) {
        let known = self.index.endpoints.keys().copied().chain(self.endpoints.names());
        let message = format!("no endpoint `{}` is defined", endpoint.name);
        let diagnostic = Diagnostic::error("NEXUS_UNDEFINED_ENDPOINT", endpoint.span, message)
            .help("write `nexus endpoint NAME` in the namespace that serves it, or `[endpoints.NAME]` in nexus.toml");
        self.report(propose(diagnostic, endpoint.span, &endpoint.name, known));
    }

    fn operation(&mut self, package: usize, service: &'a Service, name: &'a Ident, call: &'a Call) {
        let Some(operation) = service.operations.iter().find(|it| it.name().name == name.name) else {
            let known = service.operations.iter().map(|it| it.name().name.as_str());
            let message = format!("the service `{}` has no operation `{}`", service.name.name, name.name);
            let diagnostic = Diagnostic::error("NEXUS_NO_OPERATION", name.span, message)
                .label(service.name.span, "the service");
            return self.report(propose(diagnostic, name.span, &name.name, known));
        };
        let callee = format!("the operation `{}`", name.name);
        match operation {
            ServiceOperation::Sync { params, .. } => self.arity(&callee, call.span, params, &call.args),
            ServiceOperation::Async { workflow, .. } => {
                let file = self.index.files.iter().position(|file| file.package == package);
                let found = file.map(|file| self.index.find(file, workflow, |it| &it.workflows));
                if let Some(Found::Here(workflow, _)) = found {
                    self.arity(&callee, call.span, &workflow.params, &call.args);
                }
            }
        }
    }

    /// The workflow behind an async operation.
    pub(super) fn backing_workflow(&mut self, file: usize, operation: &'a Ident, workflow: &'a QName) {
        if !matches!(self.index.find(file, workflow, |it| &it.workflows), Found::Missing) {
            return;
        }
        let known = self.index.known(file, workflow, |it| &it.workflows);
        let name = &workflow.name;
        let message =
            format!("no workflow `{}` is defined for the operation `{}`", name.name, operation.name);
        let diagnostic = Diagnostic::error("NEXUS_ASYNC_UNDEFINED_WORKFLOW", name.span, message);
        self.report(propose(diagnostic, name.span, &name.name, known));
    }

    /// The seed's form names a namespace and a workflow in it, which may be none of ours.
    pub(super) fn nexus_workflow_call(
        &mut self,
        body: &Body<'a>,
        call: &'a Call,
        namespace: &'a Ident,
        workflow: &'a Ident,
    ) {
        self.local_call(body, namespace, Some(&namespace.name));
        let name = QName { package: None, name: workflow.clone() };
        match self.index.find(body.file, &name, |it| &it.workflows) {
            Found::Here(found, _) => {
                self.arity(&format_args!("`{}`", workflow.name), call.span, &found.params, &call.args);
            }
            _ => {
                let message = format!(
                    "no workflow `{}` is defined here; it must exist in the namespace `{}`",
                    workflow.name, namespace.name
                );
                self.report(Diagnostic::warning("NEXUS_EXTERNAL_WORKFLOW", workflow.span, message));
            }
        }
    }

    /// A Nexus call inside one namespace works, and costs more than a child workflow. `local` is how a sketch
    /// without namespaces says "this one".
    fn local_call(&mut self, body: &Body<'a>, place: &'a Ident, target: Option<&str>) {
        let homes = body.workflow.map(|workflow| self.index.homes(workflow)).unwrap_or_default();
        let is_local = target.is_some_and(|target| {
            homes.contains(&target) || (target == "local" && !self.index.has_namespaces)
        });
        if is_local {
            let message = "this Nexus call stays in its own namespace";
            let diagnostic = Diagnostic::warning("NEXUS_LOCAL_NAMESPACE", place.span, message)
                .help("call the workflow as a child: `workflow NAME(..)`");
            self.report(diagnostic);
        }
    }

    /// Calls that could hang for ever: no timeout of their own and no timer to race against.
    pub(super) fn deadlines(&mut self, body: &Body<'a>, stmt: &'a Stmt) {
        for (call, _) in super::walk::calls(stmt) {
            let is_nexus = matches!(call.callee, Callee::Nexus { .. } | Callee::NexusWorkflow { .. });
            if !is_nexus || has_deadline(call) {
                continue;
            }
            let (calls, promises) = &body.raced;
            let is_raced = match &stmt.kind {
                StmtKind::Promise(name, Target::Call(_)) => promises.contains(name.name.as_str()),
                StmtKind::Detach(_) => true,
                _ => calls.contains(&call.span.start),
            };
            if !is_raced {
                let message = "this Nexus call has no deadline";
                let help =
                    "give it `schedule_to_close_timeout` under `options:`, or race it against a `timer`";
                self.report(Diagnostic::warning("NEXUS_NO_DEADLINE", call.span, message).help(help));
            }
        }
    }

    /// Some worker on the endpoint's queue must register the service.
    fn linkage(&mut self, endpoint: Endpoint<'a>, place: &'a Ident, service: &'a Service) {
        let (Some(namespace), Some(queue)) = (endpoint.namespace, queue(endpoint.def)) else { return };
        if let Some(unlinked) = self.unlinked((&namespace.name.name, queue), place, service) {
            self.report(unlinked.label(endpoint.def.name.span, "the endpoint"));
        }
    }

    /// The same where no file declares the endpoint. A namespace that no file declares either has no workers to look for.
    fn known_linkage(&mut self, endpoint: &Known, place: &'a Ident, service: &'a Service) {
        let Known::Here { namespace, task_queue } = endpoint else { return };
        if self.index.is_declared(namespace) {
            let unlinked = self.unlinked((namespace, task_queue), place, service);
            self.out.extend(unlinked);
        }
    }

    fn unlinked(
        &self,
        (namespace, queue): (&str, &str),
        place: &Ident,
        service: &Service,
    ) -> Option<Diagnostic> {
        if self.index.routes.serves(namespace, queue, service) || self.index.is_everywhere(service) {
            return None;
        }
        let message = format!(
            "no worker on the queue `{queue}` of namespace `{namespace}` registers the service `{}`",
            service.name.name
        );
        Some(Diagnostic::error("ENDPOINT_SERVICE_LINKAGE", place.span, message))
    }
}

impl<'a> Endpoint<'a> {
    /// The namespace behind the endpoint.
    fn home(&self) -> Option<&'a str> {
        match self.namespace {
            Some(namespace) => Some(&namespace.name.name),
            None => super::topology::text(&self.def.options, OptionScope::Endpoint, "target_namespace"),
        }
    }
}

fn queue(endpoint: &crate::twf::ast::EndpointDef) -> Option<&str> {
    super::topology::text(&endpoint.options, OptionScope::Endpoint, "task_queue")
}

/// Whether a call ends at some time: it has a limit for all of it, or one until it is started and one from then on. Either of
/// these alone lets it wait for ever, for the start or for the end.
fn has_deadline(call: &Call) -> bool {
    let has = |wanted: &str| {
        let is_it = |key: &str| OptionScope::NexusCall.key(key).is_some_and(|it| it.name == wanted);
        call.options.iter().any(|entry| is_it(&entry.key.name))
    };
    has("schedule_to_close_timeout") || (has("schedule_to_start_timeout") && has("start_to_close_timeout"))
}
