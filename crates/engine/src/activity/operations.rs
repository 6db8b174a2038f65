//! Operations on pending activities: what outside workers report, and what operators do.

use nexus_kernel::Json;
use nexus_kernel::activity::{ActivityToken, BeatAnswer};
use nexus_kernel::call::CallContext;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::failure::{Failure, FailureKind};
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::retry::RetryPolicy;
use serde::Deserialize;
use serde_json::{Map, json};

use crate::activity::handle::ActivityTarget;
use crate::activity::input::{ActivityInput, OptionsPatch, Outcome};
use crate::engine::EngineHandle;
use crate::operations::Verb;
use crate::operations::address::{Addressed, addressed};

/// Every operation on activities.
pub(crate) fn all(engine: &EngineHandle) -> Vec<Operation> {
    vec![
        complete(engine),
        fail(engine),
        heartbeat(engine),
        cancel_ack(engine),
        pause(engine),
        unpause(engine),
        reset(engine),
        update_options(engine),
    ]
}

/// Which activity is meant.
#[derive(Deserialize)]
struct Address {
    token: Option<String>,
    activity_id: Option<u64>,
    #[serde(flatten)]
    run: Addressed,
}

impl Address {
    async fn target(&self, engine: &EngineHandle) -> Result<ActivityTarget, Error> {
        match (&self.token, self.activity_id) {
            (Some(token), None) if self.run.is_empty() => {
                ActivityToken::parse(token).map(ActivityTarget::from)
            }
            (None, Some(activity_id)) => {
                Ok(ActivityTarget { run_id: self.run.run(engine).await?, activity_id, ticket: None })
            }
            _ => Err(Error::new(
                &code::INPUT_INVALID,
                "an activity is named by its token, or by its run and number",
            )
            .help(
                "give `token`, or `activity_id` and `run_id` or `workflow_id`; `nexus run show` shows both",
            )),
        }
    }
}

/// An operation whose input names an activity, beside these fields.
fn verb(name: &'static str, (title, doc): (&'static str, &'static str), fields: Json) -> Verb {
    let mut more = Map::new();
    let token = json!({ "type": "string", "description": "the attempt, by the token that it was given, in place of a run" });
    let activity =
        json!({ "type": "integer", "minimum": 1, "description": "the activity's number in the run" });
    more.extend([("token".into(), token), ("activity_id".into(), activity)]);
    if let Json::Object(fields) = fields {
        more.extend(fields);
    }
    Verb {
        name,
        title,
        doc,
        effect: Effect::Write,
        input: addressed(Json::Object(more), &[]),
        output: json!({ "type": "object" }),
    }
}

#[derive(Deserialize)]
struct CompleteInput {
    #[serde(flatten)]
    address: Address,
    #[serde(default)]
    result: Json,
}

fn complete(engine: &EngineHandle) -> Operation {
    let about =
        ("Complete an activity", "Ends a pending activity with a result, from wherever the work was done.");
    let verb = verb("activity.complete", about, json!({ "result": { "description": "its result" } }));
    verb.handled(engine, |engine: EngineHandle, input: CompleteInput, _: CallContext| async move {
        report(&engine, &input.address, Outcome::Completed(input.result)).await
    })
}

#[derive(Deserialize)]
struct FailInput {
    #[serde(flatten)]
    address: Address,
    #[serde(rename = "type")]
    type_name: Option<String>,
    message: Option<String>,
    #[serde(default)]
    details: Vec<Json>,
    #[serde(default)]
    non_retryable: bool,
    next_retry_delay_ms: Option<u64>,
    #[serde(default)]
    benign: bool,
}

fn fail(engine: &EngineHandle) -> Operation {
    let about = (
        "Fail an activity",
        "Ends an attempt of a pending activity with a failure; its retry policy says whether there is another one.",
    );
    let fields = json!({
        "type": { "type": "string", "description": "the type that programs and retry policies compare", "default": "ActivityFailed" },
        "message": { "type": "string", "description": "for people" },
        "details": { "type": "array", "items": {}, "description": "values for the program" },
        "non_retryable": { "type": "boolean", "description": "trying again cannot help" },
        "next_retry_delay_ms": {
            "type": "integer", "minimum": 0, "description": "wait so long before the next attempt, whatever the policy says",
        },
        "benign": { "type": "boolean", "description": "a part of normal life that nobody needs to be warned of" },
    });
    verb("activity.fail", about, fields).handled(
        engine,
        |engine: EngineHandle, input: FailInput, _: CallContext| async move {
            let type_name = input.type_name.unwrap_or_else(|| "ActivityFailed".to_owned());
            let failure = Failure {
                details: input.details,
                non_retryable: input.non_retryable,
                benign: input.benign,
                ..Failure::new(FailureKind::Application, type_name, input.message.unwrap_or_default())
            };
            let failure = failure.retry_in_ms(input.next_retry_delay_ms);
            report(&engine, &input.address, Outcome::Failed(failure)).await
        },
    )
}

#[derive(Deserialize)]
struct DetailsInput {
    #[serde(flatten)]
    address: Address,
    #[serde(default)]
    details: Json,
}

fn heartbeat(engine: &EngineHandle) -> Operation {
    let about = (
        "Send a heartbeat",
        "Says that an attempt is alive and how far it has come.\nThe answer says whether its cancellation was asked for, and whether it was paused or reset.",
    );
    let fields = json!({ "details": { "description": "handed to the next attempt should this one fail" } });
    let flag = json!({ "type": "boolean" });
    let output = json!({
        "type": "object",
        "properties": { "cancel_requested": flag, "paused": flag, "reset": flag },
        "required": ["cancel_requested", "paused", "reset"],
    });
    Verb { output, ..verb("activity.heartbeat", about, fields) }.handled(
        engine,
        |engine: EngineHandle, input: DetailsInput, _: CallContext| async move {
            let target = input.address.target(&engine).await?;
            let beat = ActivityInput::Beat { ticket: target.ticket, details: input.details };
            Ok(answer(engine.activity(&target, beat).await?))
        },
    )
}

/// What an implementation learns of itself, on the wire.
pub fn answer(answer: BeatAnswer) -> Json {
    let BeatAnswer { cancel_requested, paused, reset } = answer;
    json!({ "cancel_requested": cancel_requested, "paused": paused, "reset": reset })
}

fn cancel_ack(engine: &EngineHandle) -> Operation {
    let about = (
        "Acknowledge a cancellation",
        "Ends an activity whose cancellation was asked for: it has stopped and cleaned up.",
    );
    let fields = json!({ "details": { "description": "values for the program" } });
    verb("activity.cancel_ack", about, fields).handled(
        engine,
        |engine: EngineHandle, input: DetailsInput, _: CallContext| async move {
            report(&engine, &input.address, Outcome::Canceled(input.details)).await
        },
    )
}

async fn report(engine: &EngineHandle, address: &Address, outcome: Outcome) -> Result<Json, Error> {
    let target = address.target(engine).await?;
    let ticket = target.ticket;
    engine.activity(&target, ActivityInput::Reported { ticket, outcome }).await?;
    Ok(json!({}))
}

#[derive(Deserialize)]
struct PauseInput {
    #[serde(flatten)]
    address: Address,
    reason: Option<String>,
}

fn pause(engine: &EngineHandle) -> Operation {
    let about = (
        "Pause an activity",
        "Lets no further attempt of a pending activity begin.\nAn attempt that is under way goes on, and learns of it by its heartbeats.",
    );
    let fields = json!({ "reason": { "type": "string", "description": "shown with the activity" } });
    verb("activity.pause", about, fields).handled(
        engine,
        |engine: EngineHandle, input: PauseInput, _: CallContext| async move {
            let reason = input.reason.unwrap_or_else(|| "paused by request".to_owned());
            operate(&engine, &input.address, ActivityInput::Pause { reason }).await
        },
    )
}

#[derive(Deserialize)]
struct ResetInput {
    #[serde(flatten)]
    address: Address,
    #[serde(default)]
    reset_attempts: bool,
    #[serde(default)]
    keep_paused: bool,
    #[serde(default)]
    reset_heartbeat: bool,
}

const RESET_HEARTBEAT: &str = "forget what the last attempt said of its progress";

fn unpause(engine: &EngineHandle) -> Operation {
    let about = (
        "Unpause an activity",
        "Lets attempts of a paused activity begin again: at once, or when the wait before the next one is over.",
    );
    let fields = json!({
        "reset_attempts": { "type": "boolean", "description": "count attempts and time anew" },
        "reset_heartbeat": { "type": "boolean", "description": RESET_HEARTBEAT },
    });
    verb("activity.unpause", about, fields).handled(
        engine,
        |engine: EngineHandle, input: ResetInput, _: CallContext| async move {
            let ResetInput { address, reset_attempts, reset_heartbeat, .. } = input;
            operate(&engine, &address, ActivityInput::Unpause { reset_attempts, reset_heartbeat }).await
        },
    )
}

fn reset(engine: &EngineHandle) -> Operation {
    let about = (
        "Reset an activity",
        "Counts the attempts and the time of a pending activity anew.\nOne that waits for its next attempt begins at once; an attempt that is under way goes on first.",
    );
    let fields = json!({
        "keep_paused": { "type": "boolean", "description": "leave a paused activity paused" },
        "reset_heartbeat": { "type": "boolean", "description": RESET_HEARTBEAT },
    });
    verb("activity.reset", about, fields).handled(
        engine,
        |engine: EngineHandle, input: ResetInput, _: CallContext| async move {
            let ResetInput { address, keep_paused, reset_heartbeat, .. } = input;
            operate(&engine, &address, ActivityInput::Reset { keep_paused, reset_heartbeat }).await
        },
    )
}

#[derive(Deserialize)]
struct OptionsInput {
    #[serde(flatten)]
    address: Address,
    task_queue: Option<String>,
    start_to_close_ms: Option<u64>,
    schedule_to_close_ms: Option<u64>,
    schedule_to_start_ms: Option<u64>,
    heartbeat_ms: Option<u64>,
    retry_policy: Option<RetryPolicy>,
}

fn update_options(engine: &EngineHandle) -> Operation {
    let about = (
        "Change an activity's options",
        "Gives a pending activity other options, from its next attempt on.\nOptions that are not given stay as they are; 0 takes a timeout away.",
    );
    let ms = |what: &str| json!({ "type": "integer", "minimum": 0, "description": format!("{what}, in milliseconds") });
    let fields = json!({
        "task_queue": { "type": "string", "minLength": 1, "description": "its queue" },
        "start_to_close_ms": ms("longest time of one attempt"),
        "schedule_to_close_ms": ms("longest time of all attempts and waits"),
        "schedule_to_start_ms": ms("longest time in the queue"),
        "heartbeat_ms": ms("longest silence of an attempt"),
        "retry_policy": {
            "type": "object",
            "description": "the whole policy",
            "properties": {
                "initial_interval_ms": { "type": "integer", "minimum": 1 },
                "backoff_coefficient": { "type": "number", "minimum": 1 },
                "maximum_interval_ms": { "type": "integer", "minimum": 1 },
                "maximum_attempts": { "type": "integer", "minimum": 0 },
                "non_retryable_error_types": { "type": "array", "items": { "type": "string" } },
            },
            "required": ["initial_interval_ms", "backoff_coefficient", "maximum_interval_ms", "maximum_attempts"],
            "additionalProperties": false,
        },
    });
    verb("activity.update_options", about, fields).handled(
        engine,
        |engine: EngineHandle, input: OptionsInput, _: CallContext| async move {
            let patch = OptionsPatch {
                task_queue: input.task_queue,
                start_to_close_ms: input.start_to_close_ms,
                schedule_to_close_ms: input.schedule_to_close_ms,
                schedule_to_start_ms: input.schedule_to_start_ms,
                heartbeat_ms: input.heartbeat_ms,
                retry: input.retry_policy,
            };
            operate(&engine, &input.address, ActivityInput::Update(Box::new(patch))).await
        },
    )
}

async fn operate(engine: &EngineHandle, address: &Address, input: ActivityInput) -> Result<Json, Error> {
    engine.activity(&address.target(engine).await?, input).await?;
    Ok(json!({}))
}
