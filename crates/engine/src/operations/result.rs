//! `run.result`: what a run comes to, for those who did not wait for it when they started it.

use std::sync::Arc;

use nexus_kernel::call::{Answer, CallContext, RunAnswer, Wait};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::port::runs::{RunRow, RunStatus};
use nexus_kernel::verb::Part as _;
use nexus_kernel::{BoxFuture, Json};
use serde_json::json;

use super::address::{Addressed, addressed};
use super::{Verb, answer_of};
use crate::engine::EngineHandle;
use crate::shard::Outcome;

/// The verb.
pub(super) fn operation(engine: &EngineHandle) -> Operation {
    let verb = Verb {
        name: "run.result",
        title: "Get a run's result",
        doc: "The result of a run, as whoever started it would have got it: a failed run is an error. Waits for the \
              run's end as long as the caller likes; a run that still goes on then is told as such.",
        effect: Effect::Read,
        input: addressed(json!({}), &[]),
        output: json!({}),
    };
    let engine = engine.clone();
    let handler = move |input: Json, context: CallContext| -> BoxFuture<'static, Result<Answer, Error>> {
        let engine = engine.seen_by(&context);
        Box::pin(async move {
            let input: Addressed = serde_json::from_value(input)
                .map_err(|error| Error::new(&code::INPUT_INVALID, error.to_string()))?;
            let row = engine.row(&input.run(&engine).await?).await?;
            result(&engine, row, context.wait).await
        })
    };
    verb.with(Arc::new(handler))
}

async fn result(engine: &EngineHandle, row: RunRow, wait: Wait) -> Result<Answer, Error> {
    let ended = match wait {
        // A run that has ended has its outcome at once.
        Wait::Accepted if row.status.is_open() => None,
        Wait::AtMost(limit) => engine.within(limit, engine.wait(&row)).await.transpose()?,
        Wait::Accepted | Wait::Done => Some(engine.wait(&row).await?),
    };
    let run = RunAnswer {
        namespace: row.key.namespace.clone(),
        workflow_id: row.key.workflow_id.clone(),
        run_id: row.run_id.clone(),
        workflow: row.workflow.clone(),
        status: row.status,
        failure: None,
    };
    match ended {
        None => {
            let run = Some(RunAnswer { status: RunStatus::Running, ..run });
            Ok(Answer { run, ..Answer::of(Json::Null) })
        }
        Some(Outcome { run_id, status, result, failure, .. }) => {
            answer_of(RunAnswer { run_id, status, failure, ..run }, result)
        }
    }
}
