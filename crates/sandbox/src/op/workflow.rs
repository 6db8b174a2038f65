//! `ctx.workflows`: runs of the function's own namespace.
//!
//! A start or a signal has an id of its own: the attempt's idempotency key, its number among those of the execution, and
//! what it is about. A repeated attempt asks with the same ids, so it starts and signals nothing twice.

use std::sync::Arc;

use nexus_kernel::failure::Failure;
use nexus_kernel::id::WorkflowId;
use nexus_kernel::port::workflows::{MessageTo, StartOf, Workflows};
use nexus_kernel::{Json, code};
use serde::Deserialize;
use serde_json::json;

use super::{OpError, Scope};
use crate::capability::Kind;

const NAME: &str = "WorkflowError";

#[derive(Deserialize)]
pub(super) struct Start {
    workflow: String,
    input: Json,
    id: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Message {
    id: String,
    name: String,
    input: Json,
}

impl Scope {
    pub(super) async fn workflow_start(&self, mut start: Start, number: u64) -> Result<Json, OpError> {
        self.check(Kind::WorkflowStart, &start.workflow)?;
        let request_id = format!("{}/{number}/start/{}", self.once, start.workflow);
        self.redactions.json(&mut start.input);
        let started = self.workflows()?.start(StartOf {
            namespace: self.namespace.clone(),
            workflow: start.workflow,
            workflow_id: start.id.as_deref().map(id).transpose()?,
            input: start.input,
            request_id,
        });
        let run = started.await.map_err(|error| OpError::of(NAME, &error))?;
        Ok(json!({ "workflowId": run.workflow_id, "runId": run.run_id }))
    }

    pub(super) async fn workflow_signal(&self, message: Message, number: u64) -> Result<Json, OpError> {
        self.check_run(Kind::WorkflowSignal, &id(&message.id)?).await?;
        let request_id = format!("{}/{number}/signal/{}/{}", self.once, message.id, message.name);
        let message = self.message(message, request_id)?;
        self.workflows()?.signal(message).await.map_err(|error| OpError::of(NAME, &error))?;
        Ok(Json::Null)
    }

    pub(super) async fn workflow_query(&self, message: Message) -> Result<Json, OpError> {
        self.check_run(Kind::WorkflowQuery, &id(&message.id)?).await?;
        let message = self.message(message, String::new())?;
        self.workflows()?.query(message).await.map_err(|error| OpError::of(NAME, &error))
    }

    pub(super) async fn workflow_result(&self, of: &str) -> Result<Json, OpError> {
        let of = id(of)?;
        self.check_run(Kind::WorkflowResult, &of).await?;
        let end = self.workflows()?.result(&self.namespace, &of).await;
        end.map_err(|error| OpError::of(NAME, &error))?.map_err(|failure| ended_badly(&of, &failure))
    }

    fn message(&self, mut message: Message, request_id: String) -> Result<MessageTo, OpError> {
        self.redactions.json(&mut message.input);
        let Message { id: to, name, input } = message;
        Ok(MessageTo { namespace: self.namespace.clone(), workflow_id: id(&to)?, name, input, request_id })
    }

    /// Whether the function may do this to a run: its workflow is looked up, because only that has been granted.
    async fn check_run(&self, kind: Kind, id: &WorkflowId) -> Result<(), OpError> {
        if !self.capabilities().has(kind) {
            return Err(self.denied(kind, "*"));
        }
        let found = self.workflows()?.workflow_of(&self.namespace, id).await;
        match found.map_err(|error| OpError::of(NAME, &error))? {
            Some(workflow) => self.check(kind, &workflow),
            None => Err(OpError {
                code: Some(code::RUN_UNKNOWN.id.to_owned()),
                non_retryable: true,
                ..OpError::new(
                    NAME,
                    format!("no run of this namespace has the workflow id {:?}", id.as_str()),
                )
            }),
        }
    }

    fn workflows(&self) -> Result<Arc<dyn Workflows>, OpError> {
        let missing = || OpError::new("UnavailableError", "there is no engine behind functions here");
        self.ports.workflows.clone().ok_or_else(missing)
    }
}

fn id(text: &str) -> Result<WorkflowId, OpError> {
    WorkflowId::new(text).map_err(|error| OpError::wrong(error.message()))
}

/// The run's own failure, by the type that workflows catch it by. It stays as it is, however often it is asked for.
fn ended_badly(id: &WorkflowId, failure: &Failure) -> OpError {
    let root = failure.root();
    OpError {
        code: Some(code::RUN_FAILED.id.to_owned()),
        non_retryable: true,
        ..OpError::new(&root.type_name, format!("the run {:?} has no result: {}", id.as_str(), root.message))
    }
}
