//! Compiled projects: what a host can start, what it has to provide, and where everything is deployed.

mod deploy;
mod info;

pub use info::{
    ActivityInfo, Backing, Deployment, EndpointInfo, HandlerInfo, NamespaceInfo, OperationInfo, ParamInfo,
    QueueLimits, Resolved, ServiceInfo, Versioning, WorkflowInfo,
};

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::ast::Unit;
use super::code::WorkflowCode;
use super::compile::{Catalog, compile_operation, compile_workflow};
use super::family;
use super::project::INTERPRETER_VERSION;
use super::schema::synthesise;
use super::shape::Types;
use crate::text::diagnostic::{Diagnostic, sort};
use crate::text::source::{SourceId, Sources};

/// A compiled project: immutable, shared by all its runs.
#[derive(Debug)]
pub struct Program {
    digest: String,
    lenient: bool,
    types: Types,
    codes: HashMap<Arc<str>, WorkflowCode>,
    workflows: Vec<WorkflowInfo>,
    /// Synchronous operations as runs: `Service.Operation`.
    operation_runs: Vec<WorkflowInfo>,
    by_name: HashMap<String, (bool, usize)>,
    activities: Vec<ActivityInfo>,
    activity_by_name: HashMap<String, usize>,
    services: Vec<ServiceInfo>,
    endpoints: Vec<EndpointInfo>,
    namespaces: Vec<NamespaceInfo>,
    queue_limits: Vec<QueueLimits>,
}

impl Program {
    /// Compiles checked files. The diagnostics are what can only be seen here; with an error among them the program
    /// must not be deployed. Leniently, names that nothing assigns are null instead of a fault.
    pub fn compile(
        units: &[(SourceId, &Unit)],
        sources: &Sources,
        lenient: bool,
    ) -> (Program, Vec<Diagnostic>) {
        Program::compile_with(units, sources, &Settings { lenient, ..Settings::default() })
    }

    /// Compiles checked files with the settings of a project.
    pub fn compile_with(
        units: &[(SourceId, &Unit)],
        sources: &Sources,
        settings: &Settings,
    ) -> (Program, Vec<Diagnostic>) {
        let catalog =
            Catalog::new(units.iter().map(|(_, unit)| *unit), settings.cancel_race_losers, settings.lenient);
        let mut diagnostics = Vec::new();
        let mut codes = HashMap::new();
        for entry in &catalog.workflows {
            if let Some(code) = compile_workflow(&catalog, entry, &mut diagnostics) {
                codes.insert(code.name.clone(), code);
            }
        }
        for entry in &catalog.services {
            for operation in &entry.node.operations {
                if let Some(code) = compile_operation(&catalog, entry, operation, &mut diagnostics) {
                    codes.insert(code.name.clone(), code);
                }
            }
        }
        let units: Vec<&Unit> = units.iter().map(|(_, unit)| *unit).collect();
        let deployed = deploy::Deployed::new(&units, &catalog);
        let mut program = Program {
            digest: digest(sources, *settings),
            lenient: settings.lenient,
            codes,
            workflows: info::workflows(&catalog, &deployed),
            operation_runs: Vec::new(),
            by_name: HashMap::new(),
            activities: info::activities(&catalog, &deployed),
            activity_by_name: HashMap::new(),
            services: info::services(&catalog, &deployed),
            endpoints: deployed.endpoints,
            queue_limits: deployed.queue_limits,
            namespaces: info::namespaces(&units),
            types: catalog.types,
        };
        program.index();
        sort(&mut diagnostics);
        (program, diagnostics)
    }

    fn index(&mut self) {
        self.operation_runs = self.services.iter().flat_map(info::operation_runs).collect();
        // A workflow and an operation cannot have the same name: that of an operation has a dot.
        for (at, run) in self.operation_runs.iter().enumerate() {
            self.by_name.insert(run.name.clone(), (true, at));
        }
        for (at, workflow) in self.workflows.iter().enumerate() {
            self.by_name.insert(workflow.name.clone(), (false, at));
        }
        for (at, activity) in self.activities.iter().enumerate() {
            self.activity_by_name.insert(activity.name.clone(), at);
        }
    }

    /// SHA-256 over the sources, the settings and the version of the interpreter, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Whether it was compiled leniently.
    pub fn is_lenient(&self) -> bool {
        self.lenient
    }

    /// What workers' blocks say of their queues, in source order.
    pub fn queue_limits(&self) -> &[QueueLimits] {
        &self.queue_limits
    }

    /// The workflows in source order.
    pub fn workflows(&self) -> impl Iterator<Item = &WorkflowInfo> {
        self.workflows.iter()
    }

    /// A workflow, or a synchronous operation by the name `Service.Operation` it runs under.
    pub fn workflow(&self, name: &str) -> Option<&WorkflowInfo> {
        match *self.by_name.get(name)? {
            (true, at) => self.operation_runs.get(at),
            (false, at) => self.workflows.get(at),
        }
    }

    /// The activities in source order.
    pub fn activities(&self) -> impl Iterator<Item = &ActivityInfo> {
        self.activities.iter()
    }

    /// A declared activity.
    pub fn activity(&self, name: &str) -> Option<&ActivityInfo> {
        self.activities.get(*self.activity_by_name.get(name)?)
    }

    /// The Nexus services in source order.
    pub fn services(&self) -> impl Iterator<Item = &ServiceInfo> {
        self.services.iter()
    }

    /// The endpoints in source order.
    pub fn endpoints(&self) -> impl Iterator<Item = &EndpointInfo> {
        self.endpoints.iter()
    }

    /// An endpoint by its full spelling.
    pub fn endpoint(&self, name: &str) -> Option<&EndpointInfo> {
        self.endpoints.iter().find(|endpoint| endpoint.name == name)
    }

    /// An endpoint as a call names it: by its full spelling, or as an instance of a family (rule H19).
    pub fn find_endpoint(&self, name: &str) -> Option<EndpointInfo> {
        let instance = || self.endpoints.iter().find_map(|endpoint| endpoint.instance(name));
        self.endpoint(name).cloned().or_else(instance)
    }

    /// The queue that a workflow is deployed on in a namespace, which may be an instance of a family.
    pub fn queue_in(&self, workflow: &str, namespace: &str) -> Option<String> {
        let deployments = &self.workflow(workflow)?.deployments;
        let exact = deployments.iter().find(|place| place.namespace == namespace);
        let instance = || {
            deployments.iter().find_map(|place| {
                let bound = family::instance(&place.namespace, namespace)?;
                family::filled(&place.task_queue, &bound)
            })
        };
        exact.map(|place| place.task_queue.clone()).or_else(instance)
    }

    /// What open runs of a workflow do in a namespace, which may be an instance of a family, when a newer definition is
    /// deployed.
    pub fn versioning_in(&self, workflow: &str, namespace: &str) -> Versioning {
        let deployments = self.workflow(workflow).map(|it| it.deployments.as_slice()).unwrap_or_default();
        let is_it = |place: &&Deployment| {
            place.namespace == namespace || family::instance(&place.namespace, namespace).is_some()
        };
        deployments.iter().find(is_it).map(|place| place.versioning).unwrap_or_default()
    }

    /// The namespaces in source order, families by their pattern.
    pub fn namespaces(&self) -> impl Iterator<Item = &NamespaceInfo> {
        self.namespaces.iter()
    }

    /// A Nexus service.
    pub fn service(&self, name: &str) -> Option<&ServiceInfo> {
        self.services.iter().find(|it| it.name == name)
    }

    /// What serves an operation.
    pub fn operation(&self, service: &str, operation: &str) -> Option<&Backing> {
        self.service(service)?.operations.iter().find(|it| it.name == operation)?.backing.as_ref()
    }

    /// Where a call goes and what serves it there.
    pub fn resolve_operation(&self, endpoint: &str, service: &str, operation: &str) -> Option<Resolved<'_>> {
        let endpoint = self.endpoint(endpoint)?;
        let backing = self.operation(service, operation)?;
        Some(Resolved { endpoint, backing })
    }

    /// A plausible result of an activity, always the same; an empty object when nothing is declared about it.
    pub fn synthesise_activity(&self, name: &str) -> Json {
        self.activity(name)
            .map_or_else(|| Json::Object(serde_json::Map::new()), |it| self.synthesise(&it.result))
    }

    /// A plausible value of a type, always the same.
    pub fn synthesise(&self, shape: &super::shape::Shape) -> Json {
        synthesise(&self.types, shape)
    }

    /// The declared types.
    pub fn types(&self) -> &Types {
        &self.types
    }

    /// The code of a workflow or synchronous operation.
    pub(crate) fn code(&self, name: &str) -> Option<&WorkflowCode> {
        self.codes.get(name)
    }

    /// Everything that [`Machine::start`](super::machine::Machine::start) takes.
    pub fn runnable_names(&self) -> impl Iterator<Item = &str> {
        self.workflows.iter().chain(&self.operation_runs).map(|workflow| workflow.name.as_str())
    }
}

/// Settings of a project that change what its programs do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settings {
    /// Names that nothing assigns are null.
    pub lenient: bool,
    /// Losers of `await one` get a cancellation request, unless the pragma of a file says otherwise.
    pub cancel_race_losers: bool,
}

fn digest(sources: &Sources, settings: Settings) -> String {
    let mut hash = Sha256::new();
    let head = (INTERPRETER_VERSION, settings.lenient, settings.cancel_race_losers);
    hash.update(format!("{head:?}\n"));
    for (_, source) in sources.iter() {
        hash.update(format!("{} {}\n", source.path, source.text.len()));
        hash.update(source.text.as_bytes());
    }
    let mut text = String::with_capacity(64);
    for byte in hash.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests;
