//! What REST answers look like. The shapes are version 1; fields are added, never renamed or removed.

use nexus_kernel::Json;
use nexus_kernel::call::{Answer, RunAnswer};
use nexus_kernel::contract::Example;
use nexus_kernel::operation::Operation;
use serde::Serialize;

/// The answer to `POST /workflows/{name}/execute` once the work is done.
#[derive(Debug, Serialize)]
pub(crate) struct Executed {
    pub(crate) outputs: Json,
    /// In seconds.
    pub(crate) execution_time: f64,
    pub(crate) workflow_id: String,
    pub(crate) version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) run_id: Option<String>,
}

/// The answer to the same with `"mode": "async"`.
#[derive(Debug, Serialize)]
pub(crate) struct Accepted {
    /// The run id again, under the name older clients look for.
    pub(crate) execution_id: String,
    pub(crate) status: &'static str,
    pub(crate) message: String,
    pub(crate) run_id: String,
    pub(crate) workflow_id: String,
}

/// A run that was started, and its output when it has ended.
#[derive(Debug, Serialize)]
pub(crate) struct Started<'a> {
    pub(crate) run_id: &'a str,
    pub(crate) workflow_id: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) workflow: &'a str,
    pub(crate) status: &'static str,
    /// Only when the run has completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<&'a Json>,
}

impl<'a> Started<'a> {
    /// From what the operation answered.
    pub(crate) fn new(run: &'a RunAnswer, answer: &'a Answer) -> Started<'a> {
        Started {
            run_id: run.run_id.as_str(),
            workflow_id: run.workflow_id.as_str(),
            namespace: run.namespace.as_str(),
            workflow: &run.workflow,
            status: run.status.as_str(),
            output: (!run.status.is_open()).then_some(&answer.output),
        }
    }
}

/// The answer to a generic call of an operation that starts no run.
#[derive(Debug, Serialize)]
pub(crate) struct Called<'a> {
    pub(crate) output: &'a Json,
}

/// One operation in `GET /v1/operations`.
#[derive(Debug, Serialize)]
pub(crate) struct OperationInfo<'a> {
    pub(crate) name: &'a str,
    pub(crate) namespace: Option<&'a str>,
    pub(crate) title: &'a str,
    pub(crate) doc: &'a str,
    pub(crate) effect: nexus_kernel::operation::Effect,
    pub(crate) permission: &'a str,
    pub(crate) defined_at: Option<&'a str>,
    pub(crate) input: &'a Json,
    pub(crate) output: &'a Json,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) examples: Vec<ExampleInfo<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deprecated: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(crate) tags: &'a [String],
    /// As `GET /orders/{id}`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) http: Vec<String>,
}

/// One example of an operation.
#[derive(Debug, Serialize)]
pub(crate) struct ExampleInfo<'a> {
    pub(crate) title: &'a str,
    pub(crate) input: &'a Json,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<&'a Json>,
}

impl<'a> From<&'a Example> for ExampleInfo<'a> {
    fn from(example: &'a Example) -> ExampleInfo<'a> {
        ExampleInfo { title: &example.title, input: &example.input, output: example.output.as_ref() }
    }
}

impl<'a> From<&'a Operation> for OperationInfo<'a> {
    fn from(operation: &'a Operation) -> OperationInfo<'a> {
        OperationInfo {
            name: &operation.name,
            namespace: operation.namespace.as_ref().map(nexus_kernel::id::Namespace::as_str),
            title: &operation.title,
            doc: &operation.doc,
            effect: operation.effect,
            permission: &operation.permission,
            defined_at: operation.defined_at.as_deref(),
            input: &operation.input,
            output: &operation.output,
            examples: operation.contract.examples.iter().map(ExampleInfo::from).collect(),
            deprecated: operation.contract.deprecated.as_deref(),
            tags: &operation.contract.tags,
            http: operation.contract.routes.iter().map(ToString::to_string).collect(),
        }
    }
}

/// One workflow in `GET /workflows`.
#[derive(Debug, Serialize)]
pub(crate) struct WorkflowInfo<'a> {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) description: &'a str,
    pub(crate) version: &'a str,
    pub(crate) tags: [&'static str; 0],
    pub(crate) endpoints: Vec<String>,
    pub(crate) namespace: &'a str,
}

/// The answer to `GET /health`.
#[derive(Debug, Serialize)]
pub(crate) struct Health<'a> {
    pub(crate) status: &'static str,
    pub(crate) name: &'static str,
    pub(crate) version: &'a str,
    pub(crate) checks: serde_json::Map<String, Json>,
}
