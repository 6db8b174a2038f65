//! Runs, for functions: through the pipeline where an operation does it, so that a call of a function is checked and
//! recorded like any other.

use std::sync::{Arc, Mutex, PoisonError};

use nexus_engine::EngineHandle;
use nexus_engine::engine::Address;
use nexus_gateway::{Pipeline, Target};
use nexus_kernel::call::{CallContext, Channel, Wait};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::{Key, Namespace, SessionId, WorkflowId};
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::port::session::{SessionChange, SessionState, Sessions};
use nexus_kernel::port::workflows::{MessageTo, RunOf, StartOf, Workflows};
use nexus_kernel::trace::TraceContext;
use nexus_kernel::{BoxFuture, Json};
use serde_json::json;

/// The way from functions to the engine. It is open while the node runs: the engine holds the functions, so it must not
/// be held by them for ever.
#[derive(Clone, Default)]
pub(crate) struct Runs {
    way: Arc<Mutex<Option<(Pipeline, EngineHandle)>>>,
    /// Where whoever goes this way stands in a trace.
    trace: Option<TraceContext>,
}

impl Runs {
    /// Opens the way.
    pub(crate) fn open(&self, pipeline: Pipeline, engine: EngineHandle) {
        *self.way.lock().unwrap_or_else(PoisonError::into_inner) = Some((pipeline, engine));
    }

    /// Closes it.
    pub(crate) fn close(&self) {
        self.way.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// The same way, for a function that stands here in a trace.
    pub(super) fn within(&self, trace: Option<TraceContext>) -> Runs {
        Runs { trace, ..self.clone() }
    }

    /// What a call of the function comes with.
    fn context(&self, pipeline: &Pipeline) -> CallContext {
        CallContext { trace: self.trace.clone(), ..pipeline.context(Channel::Embedded) }
    }

    fn way(&self) -> Result<(Pipeline, EngineHandle), Error> {
        let way = self.way.lock().unwrap_or_else(PoisonError::into_inner).clone();
        way.ok_or_else(|| {
            Error::new(&code::STOPPING, "there is no engine to ask").help("try again in a moment")
        })
    }

    fn sessions(&self) -> Result<nexus_gateway::Sessions, Error> {
        let (pipeline, _) = self.way()?;
        pipeline.sessions().cloned().ok_or_else(|| Error::internal("the pipeline has no sessions"))
    }

    /// Calls a verb.
    pub(super) async fn verb(self, verb: &str, input: Json) -> Result<Json, Error> {
        let (pipeline, _) = self.way()?;
        let context = self.context(&pipeline);
        Ok(pipeline.call(Target::Verb(verb), input, context).await?.output)
    }
}

impl Sessions for Runs {
    fn get(
        &self,
        namespace: &Namespace,
        session: &SessionId,
    ) -> BoxFuture<'static, Result<SessionState, Error>> {
        match self.sessions() {
            Ok(sessions) => Sessions::get(&sessions, namespace, session),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }

    fn update(
        &self,
        namespace: &Namespace,
        session: &SessionId,
        change: SessionChange,
        version: Option<u64>,
    ) -> BoxFuture<'static, Result<SessionState, Error>> {
        match self.sessions() {
            Ok(sessions) => Sessions::update(&sessions, namespace, session, change, version),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }
}

fn address(namespace: &Namespace, workflow_id: &WorkflowId) -> Address {
    Address { key: Key { namespace: namespace.clone(), workflow_id: workflow_id.clone() }, run: None }
}

impl Workflows for Runs {
    fn workflow_of(
        &self,
        namespace: &Namespace,
        workflow_id: &WorkflowId,
    ) -> BoxFuture<'static, Result<Option<String>, Error>> {
        let (runs, to) = (self.clone(), address(namespace, workflow_id));
        Box::pin(async move {
            match runs.way()?.1.show_at(&to).await {
                Ok(view) => Ok(Some(view.row.workflow)),
                Err(error) if error.code() == &code::RUN_UNKNOWN => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    fn start(&self, start: StartOf) -> BoxFuture<'static, Result<RunOf, Error>> {
        let runs = self.clone();
        Box::pin(async move {
            let (pipeline, _) = runs.way()?;
            let context = CallContext {
                wait: Wait::Accepted,
                workflow_id: start.workflow_id,
                idempotency_key: Some(start.request_id),
                ..runs.context(&pipeline)
            };
            let target = format!("{}/{}", start.namespace, start.workflow);
            let answer = pipeline.call(Target::Workflow(&target), start.input, context).await?;
            let run = answer.run.ok_or_else(|| Error::internal("a start was answered without a run"))?;
            Ok(RunOf { workflow_id: run.workflow_id, run_id: run.run_id })
        })
    }

    fn signal(&self, message: MessageTo) -> BoxFuture<'static, Result<(), Error>> {
        let mut input = json!({
            "namespace": message.namespace, "workflow_id": message.workflow_id, "name": message.name,
            "request_id": message.request_id,
        });
        add_input(&mut input, message.input);
        let runs = self.clone();
        Box::pin(async move { runs.verb("run.signal", input).await.map(drop) })
    }

    fn query(&self, message: MessageTo) -> BoxFuture<'static, Result<Json, Error>> {
        let (runs, to) = (self.clone(), address(&message.namespace, &message.workflow_id));
        Box::pin(async move { runs.way()?.1.query(&to, &message.name, &message.input).await })
    }

    fn result(
        &self,
        namespace: &Namespace,
        workflow_id: &WorkflowId,
    ) -> BoxFuture<'static, Result<Result<Json, Failure>, Error>> {
        let (runs, to) = (self.clone(), address(namespace, workflow_id));
        Box::pin(async move {
            let engine = runs.way()?.1;
            let row = engine.show_at(&to).await?.row;
            let outcome = engine.wait(&row).await?;
            Ok(match (outcome.status, outcome.failure) {
                (RunStatus::Completed, _) => Ok(outcome.result),
                (_, Some(failure)) => Err(failure),
                (status, None) => Err(Failure::application(
                    "WorkflowEnded",
                    format!("the run ended as {}", status.as_str()),
                )),
            })
        })
    }
}

/// Arguments that are not there are left out.
fn add_input(message: &mut Json, input: Json) {
    if let (Json::Object(fields), false) = (message, input.is_null()) {
        fields.insert("input".to_owned(), input);
    }
}
