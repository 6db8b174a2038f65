//! Caching: whether a call is answered from memory, and what becomes of it when it is not.
//!
//! It comes after everything that can refuse a call - a remembered answer is as much for those only who may call, and its key
//! is made of an input that fits - and after the line of the audit log, so that every call leaves one.

use std::sync::Arc;

use nexus_kernel::Json;
use nexus_kernel::cache::{CacheUse, Cached};
use nexus_kernel::call::{Answer, CallContext, Channel, OnDisconnect, RunNote, Wait};
use nexus_kernel::error::Error;
use nexus_kernel::operation::Operation;
use nexus_kernel::task;

use crate::cache::{Ask, Cache, Look, Renewal};
use crate::pipeline::{Pipeline, Target, execute};

/// Answers a call of an operation that opted in. What is to be carried out for this call alone is given back.
pub(crate) async fn answer(
    cache: &Cache,
    pipeline: &Pipeline,
    operation: &Arc<Operation>,
    input: &Json,
    context: &CallContext,
) -> Option<Result<Answer, Error>> {
    let Ask::Look(asked) = cache.ask(operation, input, context)? else { return None };
    match cache.look(&asked, operation, input).await {
        Look::Found(answer, renewal) => {
            if let Some(renewal) = renewal {
                renew(renewal, pipeline.clone(), operation.id(), input.clone(), context);
            }
            Some(Ok(*answer))
        }
        Look::Lead(lead) => {
            let (operation, input) = (Arc::clone(operation), input.clone());
            // The work is for all who wait, and for those who come later: it does not end with one of them.
            let shared = CallContext {
                wait: Wait::Done,
                on_disconnect: Some(OnDisconnect::Detach),
                started: lead.run().clone(),
                ..context.clone()
            };
            let work = Box::pin(async move { execute(&operation, input, shared).await });
            Some(cache.carry_out(asked, lead, &context.started, work).await)
        }
    }
}

/// How an answer came about that was not looked for: nothing is said of operations that did not opt in.
pub(crate) fn passed(answer: Answer, operation: &Operation) -> Answer {
    let has_rule = operation.contract.cache.is_some();
    Answer { cached: answer.cached.or_else(|| has_rule.then_some(Cached::Passed)), ..answer }
}

/// Makes an answer anew in the background, as a call of the same caller: with what they may do by then.
fn renew(renewal: Renewal, pipeline: Pipeline, id: String, input: Json, context: &CallContext) {
    let context = CallContext {
        channel: Channel::Embedded,
        request_id: pipeline.request_ids().generate().as_str().to_owned(),
        wait: Wait::Done,
        on_disconnect: Some(OnDisconnect::Detach),
        cache: CacheUse::Renew,
        started: RunNote::default(),
        ..context.clone()
    };
    drop(task::spawn(async move {
        let _renewal = renewal;
        if let Err(error) = pipeline.call(Target::Workflow(&id), input, context).await {
            tracing::debug!(%error, operation = id, "an answer that is past its time could not be made anew");
        }
    }));
}
