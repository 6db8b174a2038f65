//! Runs, for those who are not the engine: start, signal, query, wait, always in one namespace.

use crate::error::Error;
use crate::failure::Failure;
use crate::id::{Namespace, RunId, WorkflowId};
use crate::{BoxFuture, Json};

/// A start.
#[derive(Debug, Clone, PartialEq)]
pub struct StartOf {
    /// Where.
    pub namespace: Namespace,
    /// The workflow's name.
    pub workflow: String,
    /// The caller's id for the work; made of the request id when absent.
    pub workflow_id: Option<WorkflowId>,
    /// Its input: an object by parameter name.
    pub input: Json,
    /// Equal ids of one workflow start one run.
    pub request_id: String,
}

/// A signal or a query: which run, what, with what.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageTo {
    /// Where.
    pub namespace: Namespace,
    /// Whichever run of this id is the latest.
    pub workflow_id: WorkflowId,
    /// The signal or query, as the workflow declares it.
    pub name: String,
    /// Its arguments.
    pub input: Json,
    /// Equal ids are one signal; nothing for a query.
    pub request_id: String,
}

/// A run that was started, now or by an earlier request of the same id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOf {
    /// Its workflow id.
    pub workflow_id: WorkflowId,
    /// Its id.
    pub run_id: RunId,
}

/// The port.
pub trait Workflows: Send + Sync {
    /// The workflow that the latest run of an id is of; nothing when there is no run.
    fn workflow_of(
        &self,
        namespace: &Namespace,
        workflow_id: &WorkflowId,
    ) -> BoxFuture<'static, Result<Option<String>, Error>>;

    /// Starts a run; it is durable when this answers.
    fn start(&self, start: StartOf) -> BoxFuture<'static, Result<RunOf, Error>>;

    /// Sends a signal; it is durable when this answers.
    fn signal(&self, message: MessageTo) -> BoxFuture<'static, Result<(), Error>>;

    /// Asks a run's program.
    fn query(&self, message: MessageTo) -> BoxFuture<'static, Result<Json, Error>>;

    /// Waits for the end of the latest run of an id, and of those that continue it: its result, or why it has none.
    fn result(
        &self,
        namespace: &Namespace,
        workflow_id: &WorkflowId,
    ) -> BoxFuture<'static, Result<Result<Json, Failure>, Error>>;
}
