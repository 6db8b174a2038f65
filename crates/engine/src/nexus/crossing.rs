//! Telling the audit log of calls from one namespace into another.

use nexus_kernel::failure::Failure;
use nexus_kernel::id::{Key, RunId};
use nexus_kernel::port::witness::Crossing;

use crate::engine::EngineHandle;
use crate::nexus::endpoint::Target;
use crate::record::{OperationTarget, Performer};
use crate::shard::Shared;

/// A call of an operation of which it is not known yet what has become of it.
#[derive(Debug, Clone)]
pub(crate) struct Calling {
    crossing: Crossing,
}

impl Calling {
    /// A call that a run makes.
    pub(crate) fn of(
        shared: &Shared,
        from: (Key, RunId),
        request_id: String,
        target: &OperationTarget,
    ) -> Calling {
        let to = match target {
            OperationTarget::Workflow { target_namespace, .. } => Some(target_namespace.clone()),
            OperationTarget::Endpoint { endpoint, .. } => {
                let definition = shared.definitions.current();
                let program = definition.as_deref().map(|definition| &definition.program);
                shared.registry.find(program, endpoint).and_then(|found| match found.spec.target {
                    Target::Worker { namespace, .. } => Some(namespace),
                    Target::Outside { .. } => None,
                })
            }
        };
        let operation = target.to_string();
        Calling { crossing: Crossing { request_id, from, to, operation, by: None, refusal: None } }
    }

    /// Tells what has become of it. What failed because nobody was there will be tried again, and told then.
    pub(crate) fn tell(self, shared: &Shared, outcome: Result<Option<&Performer>, &Failure>) {
        let Some(witness) = shared.witness.get() else { return };
        let (by, refusal) = match outcome {
            Ok(by) => (by.and_then(Performer::run), None),
            Err(failure) if failure.non_retryable => (None, Some(failure.type_name.clone())),
            Err(_) => return,
        };
        witness.crossed(Crossing { by, refusal, ..self.crossing });
    }
}

impl EngineHandle {
    /// Has calls between namespaces told to a witness. An engine has one.
    pub fn witnessed_by(&self, witness: nexus_kernel::port::witness::SharedWitness) {
        let _ = self.shared.witness.set(witness); // an engine has one
    }
}
