//! `run.start`: a start with every option; the operation of a workflow has the input only.

use std::sync::Arc;

use nexus_kernel::call::{Answer, CallContext};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::verb::Part as _;
use nexus_kernel::{BoxFuture, Json};
use serde::Deserialize;
use serde_json::json;

use super::messages::{StartFields, with_start};
use super::{Verb, run_to};
use crate::engine::EngineHandle;
use crate::record::IdConflictPolicy;

#[derive(Deserialize)]
struct StartInput {
    #[serde(flatten)]
    start: StartFields,
    request_id: Option<String>,
}

/// The verb.
pub(super) fn operation(engine: &EngineHandle) -> Operation {
    let more = json!({
        "request_id": { "type": "string", "minLength": 1, "description": "equal ids start one run" },
    });
    let verb = Verb {
        name: "run.start",
        title: "Start a run",
        doc: "Starts a run of a workflow with options: timeouts, retries, id policies, a delay, memo, search attributes.",
        effect: Effect::Long,
        input: with_start(more, &IdConflictPolicy::NAMES, &["workflow"]),
        output: json!({}),
    };
    let engine = engine.clone();
    let handler = move |input: Json, context: CallContext| -> BoxFuture<'static, Result<Answer, Error>> {
        let engine = engine.seen_by(&context);
        Box::pin(async move {
            let input: StartInput = serde_json::from_value(input)
                .map_err(|error| Error::new(&code::INPUT_INVALID, error.to_string()))?;
            let given = input.request_id.map(|id| context.caller.own(&id));
            let request_id = given.or_else(|| context.idempotency_key.clone());
            let mut request = input.start.request(&engine, &context)?;
            request.workflow_id = request.workflow_id.or_else(|| context.workflow_id.clone());
            request.idempotency_key = request_id;
            run_to(&engine, request, &context).await
        })
    };
    verb.with(Arc::new(handler))
}
