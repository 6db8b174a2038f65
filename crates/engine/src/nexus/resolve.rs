//! Where calls of other runs go: endpoints, services, operations, and who may call them.
//!
//! Resolution uses the deployed project, not the caller's own definition: endpoints belong to whoever serves them.

use nexus_kernel::failure::{Failure, FailureKind};
use nexus_kernel::id::{Key, Namespace};
use nexus_lang::twf::program::{Backing, Program};

use crate::definition::Definition;
use crate::failures::{NOT_FOUND, UNAUTHORIZED};
use crate::nexus::endpoint::{Endpoint, Target};
use crate::nexus::registry::Registry;
use crate::record::OperationTarget;
use crate::version::Definitions;

/// What carries an operation out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Handler {
    /// Where.
    pub namespace: Namespace,
    /// The workflow that is started.
    pub workflow: String,
    /// Queue of its activities.
    pub task_queue: String,
    /// Whether it is the operation's own body, whose caller is content to wait for it for a while.
    pub is_sync: bool,
}

/// Where an operation is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    /// By a run of this server.
    Here(Handler),
    /// By whoever answers behind an endpoint.
    Outside(Endpoint),
}

/// Finds what carries an operation out, and checks that the caller's namespace may use it.
pub(crate) fn resolve(
    registry: &Registry,
    deployed: Option<&Definition>,
    caller: &Namespace,
    target: &OperationTarget,
) -> Result<Destination, Failure> {
    match target {
        OperationTarget::Endpoint { endpoint, service, operation } => {
            let program = deployed.map(|definition| &definition.program);
            let found = registry
                .find(program, endpoint)
                .ok_or_else(|| not_found(&format!("there is no endpoint {endpoint}")))?;
            if !found.allows(caller, false) {
                return Err(not_allowed(endpoint, caller));
            }
            let Target::Worker { namespace, task_queue } = &found.spec.target else {
                return Ok(Destination::Outside(found));
            };
            let place = (namespace.clone(), task_queue.clone());
            handler(program, place, service, operation)
                .ok_or_else(|| not_found(&format!("{endpoint} has no operation {service}.{operation}")))
                .map(Destination::Here)
        }
        OperationTarget::Workflow { target_namespace, workflow } => {
            let definition = deployed.ok_or_else(|| not_found("no project is deployed"))?;
            let task_queue = queue_in(&definition.program, target_namespace, workflow)?;
            Ok(Destination::Here(Handler {
                namespace: target_namespace.clone(),
                workflow: workflow.clone(),
                task_queue,
                is_sync: false,
            }))
        }
    }
}

/// What carries an operation of a service of the project out, in a namespace and on a queue; nothing when workers that
/// register the service are elsewhere: an endpoint opens what is behind it, and no more.
pub(crate) fn handler(
    program: Option<&Program>,
    (namespace, task_queue): (Namespace, String),
    service: &str,
    operation: &str,
) -> Option<Handler> {
    let program = program?;
    program.service(service).filter(|it| it.is_served_at(namespace.as_str(), &task_queue))?;
    let (workflow, is_sync) = match program.operation(service, operation)? {
        Backing::Workflow(workflow) => (workflow.clone(), false),
        Backing::Inline => (format!("{service}.{operation}"), true),
    };
    Some(Handler { namespace, workflow, task_queue, is_sync })
}

/// The queue on which a workflow is deployed in a namespace.
pub(crate) fn task_queue(
    deployed: Option<&Definition>,
    namespace: &Namespace,
    workflow: &str,
) -> Result<String, Failure> {
    let definition = deployed.ok_or_else(|| not_found("no project is deployed"))?;
    queue_in(&definition.program, namespace, workflow)
}

/// The queue of a workflow for the new runs of a key. While a version ramps, a workflow that only the other version has is
/// found there.
pub(crate) fn queue_of(definitions: &Definitions, key: &Key, workflow: &str) -> Result<String, Failure> {
    let (own, beside) = definitions.of_key(key);
    task_queue(own.as_deref(), &key.namespace, workflow).or_else(|failure| {
        let found = beside.and_then(|beside| task_queue(Some(&beside), &key.namespace, workflow).ok());
        found.ok_or(failure)
    })
}

/// A workflow that is deployed nowhere in the namespace still runs there, on the default queue, as long as it exists:
/// the seed's namespaces need no declaration (language page, H18 and section 13).
fn queue_in(program: &Program, namespace: &Namespace, workflow: &str) -> Result<String, Failure> {
    if program.workflow(workflow).is_none() {
        return Err(not_found(&format!("there is no workflow {workflow} in namespace {namespace}")));
    }
    Ok(program.queue_in(workflow, namespace.as_str()).unwrap_or_else(|| "default".to_owned()))
}

/// A caller whom an endpoint does not allow. Asking again cannot help.
pub(crate) fn not_allowed(endpoint: &str, caller: &Namespace) -> Failure {
    let message = format!("endpoint {endpoint} does not allow callers from namespace {caller}");
    Failure::new(FailureKind::Server, UNAUTHORIZED, message).final_()
}

fn not_found(message: &str) -> Failure {
    Failure::new(FailureKind::Server, NOT_FOUND, message).final_()
}
