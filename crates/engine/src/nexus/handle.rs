//! Endpoints and services as the rest of the server reaches them.

use std::sync::Arc;

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_lang::twf::program::{Backing, OperationInfo, Program, ServiceInfo};
use serde_json::json;

use crate::definition::Definition;
use crate::engine::EngineHandle;
use crate::nexus::endpoint::{Endpoint, EndpointSpec, Target};

impl EngineHandle {
    /// Puts the endpoints of the configuration in force.
    pub fn configure_endpoints(&self, specs: Vec<EndpointSpec>) {
        self.shared.registry.configure(specs);
    }

    /// Every endpoint in the order of their names.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        let definition = self.definition();
        self.shared.registry.all(program(definition.as_ref()))
    }

    /// An endpoint by its name or id.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn endpoint(&self, text: &str) -> Result<Endpoint, Error> {
        let definition = self.definition();
        let program = program(definition.as_ref());
        let registry = &self.shared.registry;
        registry.named(program, text).ok_or_else(|| registry.unknown(program, text))
    }

    /// Makes an endpoint. It is durable and in force when this returns.
    pub async fn create_endpoint(&self, spec: EndpointSpec) -> Result<Endpoint, Error> {
        let definition = self.definition();
        let ports = (&self.shared.store, &*self.shared.rng);
        self.shared.registry.create(ports, program(definition.as_ref()), spec).await
    }

    /// Changes an endpoint of the registry, if it still is of the version that whoever changes it has seen.
    pub async fn update_endpoint(
        &self,
        which: (&str, Option<u64>),
        change: impl FnOnce(&mut EndpointSpec),
    ) -> Result<Endpoint, Error> {
        let definition = self.definition();
        self.shared.registry.update(&self.shared.store, program(definition.as_ref()), which, change).await
    }

    /// Takes an endpoint out of the registry. Operations that were started through it go on.
    pub async fn delete_endpoint(&self, which: (&str, Option<u64>)) -> Result<(), Error> {
        let definition = self.definition();
        self.shared.registry.delete(&self.shared.store, program(definition.as_ref()), which).await
    }

    /// Every service of the project, as JSON objects.
    pub fn services(&self) -> Vec<Json> {
        let (definition, endpoints) = (self.definition(), self.endpoints());
        let Some(definition) = definition else { return Vec::new() };
        definition.program.services().map(|service| summary(service, &endpoints)).collect()
    }

    /// One service with its operations, as a JSON object.
    ///
    /// # Errors
    ///
    /// There is none of the name.
    pub fn service(&self, name: &str) -> Result<Json, Error> {
        let (definition, endpoints) = (self.definition(), self.endpoints());
        let found = definition.as_ref().and_then(|it| it.program.service(name));
        let Some(service) = found else { return Err(unknown_service(definition.as_deref(), name)) };
        let mut shown = summary(service, &endpoints);
        if let Some(fields) = shown.as_object_mut() {
            fields.insert("operations".into(), service.operations.iter().map(operation).collect());
        }
        Ok(shown)
    }
}

fn program(definition: Option<&Arc<Definition>>) -> Option<&Program> {
    definition.map(|definition| &definition.program)
}

fn summary(service: &ServiceInfo, endpoints: &[Endpoint]) -> Json {
    let serves = |endpoint: &&Endpoint| match &endpoint.spec.target {
        Target::Worker { namespace, task_queue } => service.is_served_at(namespace.as_str(), task_queue),
        Target::Outside { .. } => false,
    };
    let deployments = service.deployments.iter();
    json!({
        "name": service.name,
        "doc": service.doc,
        "operations": service.operations.iter().map(|it| &it.name).collect::<Vec<_>>(),
        "endpoints": endpoints.iter().filter(serves).map(|it| &it.spec.name).collect::<Vec<_>>(),
        "deployments": deployments
            .map(|place| json!({ "namespace": place.namespace, "task_queue": place.task_queue }))
            .collect::<Vec<_>>(),
    })
}

fn operation(operation: &OperationInfo) -> Json {
    let (kind, workflow) = match &operation.backing {
        Some(Backing::Workflow(workflow)) => ("async", Some(workflow)),
        Some(Backing::Inline) => ("sync", None),
        None => ("missing", None),
    };
    json!({
        "name": operation.name,
        "kind": kind,
        "workflow": workflow,
        "input": operation.input_schema,
        "output": operation.result_schema,
    })
}

/// What is told to whoever asks for a service that is not there.
fn unknown_service(definition: Option<&Definition>, name: &str) -> Error {
    let error = Error::new(&code::SERVICE_UNKNOWN, format!("there is no service {name}"));
    let names = definition.into_iter().flat_map(|it| it.program.services()).map(|it| it.name.as_str());
    match nexus_kernel::suggest::nearest(name, names) {
        Some(near) => error.help(format!("did you mean {near:?}?")),
        None => error.help("`nexus service list` shows the services"),
    }
}
