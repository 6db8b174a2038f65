//! Where calls of other runs go: endpoints, services, operations, and who may call them.
//!
//! Resolution uses the deployed project, not the caller's own definition: endpoints belong to whoever serves them.

use nexus_kernel::failure::{Failure, FailureKind};
use nexus_kernel::id::{Key, Namespace};
use nexus_lang::twf::program::{Backing, Program};

use crate::definition::Definition;
use crate::failures::{NOT_FOUND, UNAUTHORIZED};
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
}

/// Finds the handler of an operation and checks that the caller's namespace may use it.
pub(crate) fn resolve(
    deployed: Option<&Definition>,
    caller: &Namespace,
    target: &OperationTarget,
) -> Result<Handler, Failure> {
    let definition = deployed.ok_or_else(|| not_found("no project is deployed"))?;
    let program = &definition.program;
    match target {
        OperationTarget::Endpoint { endpoint, service, operation } => {
            let found = program
                .find_endpoint(endpoint)
                .ok_or_else(|| not_found(&format!("there is no endpoint {endpoint}")))?;
            authorise(caller, endpoint, &found.allowed_caller_namespaces)?;
            let backing = program
                .operation(service, operation)
                .ok_or_else(|| not_found(&format!("{endpoint} has no operation {service}.{operation}")))?;
            let workflow = match backing {
                Backing::Workflow(workflow) => workflow.clone(),
                Backing::Inline => format!("{service}.{operation}"),
            };
            let namespace = namespace(&found.namespace)?;
            Ok(Handler { namespace, workflow, task_queue: found.task_queue.clone() })
        }
        OperationTarget::Workflow { target_namespace, workflow } => {
            let task_queue = queue_in(program, target_namespace, workflow)?;
            Ok(Handler { namespace: target_namespace.clone(), workflow: workflow.clone(), task_queue })
        }
    }
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

fn authorise(caller: &Namespace, endpoint: &str, allowed: &[String]) -> Result<(), Failure> {
    // Without a list, callers of the same project are welcome and there are no others.
    if allowed.is_empty() || allowed.iter().any(|name| name == "*" || name == caller.as_str()) {
        return Ok(());
    }
    let message = format!("endpoint {endpoint} does not allow callers from namespace {caller}");
    Err(Failure::new(FailureKind::Server, UNAUTHORIZED, message).final_())
}

fn namespace(name: &str) -> Result<Namespace, Failure> {
    Namespace::new(name).map_err(|error| not_found(error.message()))
}

fn not_found(message: &str) -> Failure {
    Failure::new(FailureKind::Server, NOT_FOUND, message).final_()
}
