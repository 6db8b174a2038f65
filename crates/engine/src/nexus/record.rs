//! What the store keeps of Nexus calls: what histories hold of them, and the registry of endpoints.

use std::collections::BTreeMap;

use nexus_kernel::id::{EndpointId, Key, Namespace, RunId, WorkflowId};
use nexus_kernel::port::blob::Hash;
use serde::{Deserialize, Serialize};

/// The version this code writes. Another one is refused, never guessed at.
pub const VERSION: u8 = 1;

/// What is said of an endpoint when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointSpec {
    /// Its name, the same for every namespace.
    pub name: String,
    /// Where it leads.
    pub target: Target,
    /// Namespaces whose runs may call, or `*`. With none, those of the same project may, and nobody from outside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_caller_namespaces: Vec<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// Where an endpoint leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// To services of this server.
    Worker {
        /// The namespace in which operations run.
        namespace: Namespace,
        /// The queue of their activities.
        task_queue: String,
    },
    /// To services elsewhere that speak Nexus RPC over HTTP.
    Outside {
        /// The address below which services are.
        url: String,
    },
}

/// An endpoint of the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointRecord {
    /// [`VERSION`].
    pub v: u8,
    /// What stays when it is renamed.
    pub id: EndpointId,
    /// Counts its changes, from 1.
    pub version: u64,
    /// What is said of it.
    #[serde(flatten)]
    pub spec: EndpointSpec,
}

/// The target of a Nexus operation, as the program names it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OperationTarget {
    /// `nexus Endpoint Service.Operation`.
    Endpoint {
        /// Endpoint.
        endpoint: String,
        /// Service.
        service: String,
        /// Operation.
        operation: String,
    },
    /// The seed's `nexus "namespace" workflow W`.
    Workflow {
        /// Target namespace.
        target_namespace: Namespace,
        /// Workflow in it.
        workflow: String,
    },
}

/// Who carries a child or an operation out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Performer {
    /// A run of this server.
    Run {
        /// Where.
        namespace: Namespace,
        /// Its workflow id.
        workflow_id: WorkflowId,
        /// The run.
        run: RunId,
    },
    /// Somebody behind an endpoint that leads outside.
    Outside {
        /// The endpoint, which may have another name by now.
        endpoint: EndpointId,
        /// What they call the operation; nothing when it was over at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<String>,
        /// What they say carries it out.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        links: Vec<LinkRecord>,
    },
}

/// A link to what a call comes from, or is carried out by (Nexus RPC, `Nexus-Link`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRecord {
    /// The address.
    pub url: String,
    /// What is found there.
    #[serde(rename = "type")]
    pub kind: String,
}

/// Where a caller from outside wants to hear of the end of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// The address.
    pub url: String,
    /// What the completion repeats as its headers, by names in lower case.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

/// The operation that a run carries out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handling {
    /// The endpoint that it was called through.
    pub endpoint: String,
    /// The service.
    pub service: String,
    /// The operation.
    pub operation: String,
    /// Who called, when it was no run of this server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<CallerInfo>,
    /// What was asked for, so that another request of the same id is found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Hash>,
    /// What it was called by, as the caller says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<LinkRecord>,
}

/// Who called an operation from outside, as far as it is proven.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerInfo {
    /// In the name of which namespace.
    pub namespace: Namespace,
    /// Which workflow there, when a run called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_id: Option<String>,
    /// Which run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// Who is known to have sent the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
}

impl std::fmt::Display for OperationTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            OperationTarget::Endpoint { endpoint, service, operation } => {
                write!(f, "{endpoint} {service}.{operation}")
            }
            OperationTarget::Workflow { target_namespace, workflow } => {
                write!(f, "{target_namespace}/{workflow}")
            }
        }
    }
}

impl Performer {
    /// A run of this server.
    pub fn of(key: Key, run: RunId) -> Performer {
        Performer::Run { namespace: key.namespace, workflow_id: key.workflow_id, run }
    }

    /// The run of this server that it is.
    pub fn run(&self) -> Option<(Key, RunId)> {
        match self {
            Performer::Run { namespace, workflow_id, run } => {
                let key = Key { namespace: namespace.clone(), workflow_id: workflow_id.clone() };
                Some((key, run.clone()))
            }
            Performer::Outside { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_form_is_stable() {
        let worker = Target::Worker { namespace: Namespace::default(), task_queue: "q".into() };
        let outside = Target::Outside { url: "https://a".into() };
        let record = |target, callers: &[&str], description: &str| EndpointRecord {
            v: VERSION,
            id: EndpointId::of_name("billing"),
            version: 2,
            spec: EndpointSpec {
                name: "billing".into(),
                target,
                allowed_caller_namespaces: callers.iter().map(|&name| name.to_owned()).collect(),
                description: description.into(),
            },
        };
        insta::assert_json_snapshot!([record(worker, &["shop"], "Charges cards."), record(outside, &[], "")]);
    }
}
