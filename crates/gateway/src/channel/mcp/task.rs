//! Tasks: a task is a durable run, and its id is the run's. Nothing is kept here, so a restart loses nothing.

use nexus_kernel::Json;
use nexus_kernel::call::{Answer, RunAnswer, Wait};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::time::Timestamp;
use rmcp::model::{
    CallToolResult, CancelTaskParams, CreateTaskResult, DetailedTask, GetTaskParams, GetTaskResult, Task,
    TaskPayload, TaskStatus, UpdateTaskParams,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::json;

use crate::channel::mcp::ask::{Asked, Reply};
use crate::channel::mcp::{Asker, McpServer, question, refused, result};
use crate::limits::MCP_TASK_POLL_MILLIS;
use crate::pipeline::Target;

/// Most runs that continue each other and are looked at for one task.
const SUCCESSORS_MAX: usize = 1_000;

/// The task that a call became.
pub(super) fn created(run: &RunAnswer, now: Timestamp) -> CreateTaskResult {
    let now = now.to_string();
    let task = Task::new(run.run_id.as_str(), TaskStatus::Working, now.clone(), now);
    CreateTaskResult::new(task.with_poll_interval_ms(MCP_TASK_POLL_MILLIS))
}

/// A request about one task.
struct Asking<'a> {
    server: &'a McpServer,
    asker: Asker,
}

impl Asking<'_> {
    async fn verb(&self, name: &str, input: Json) -> Result<Answer, Error> {
        let context = self.asker.context(Wait::Accepted);
        self.server.pipeline().call(Target::Verb(name), input, context).await
    }

    /// The run of a task as it is shown, which is the last of those that continue each other.
    async fn shown(&self, id: &str) -> Result<Json, ErrorData> {
        let mut id = id.to_owned();
        for _ in 0..SUCCESSORS_MAX {
            let answer = self.verb("run.show", json!({ "run_id": id })).await;
            let view = answer.map_err(|error| unknown(&id, &error))?.output;
            match view.get("successor").and_then(Json::as_str) {
                Some(successor) => successor.clone_into(&mut id),
                None => return Ok(view),
            }
        }
        Err(ErrorData::internal_error("the task's run was continued too often", None))
    }
}

/// `tasks/get`.
pub(super) async fn get(
    server: &McpServer,
    request: GetTaskParams,
    context: &RequestContext<RoleServer>,
) -> Result<GetTaskResult, ErrorData> {
    let asking = Asking { server, asker: server.asker(context) };
    let view = asking.shown(&request.task_id).await?;
    let answer = asking.verb("run.result", json!({ "run_id": view.get("run_id") })).await;
    let (payload, words) = if question::is_open(&answer) {
        open_payload(&view)?
    } else {
        let is_wrapped = server.tools(context).wraps(&view);
        closed_payload(&view, result::render(answer, is_wrapped, &asking.asker.request_id))?
    };
    let text = |name: &str| view.get(name).and_then(Json::as_str);
    let now = server.pipeline().clock().now().to_string();
    let (started, changed) = (text("started_at").unwrap_or(&now), text("closed_at").unwrap_or(&now));
    let task = Task::new(request.task_id, TaskStatus::Working, started, changed)
        .with_poll_interval_ms(MCP_TASK_POLL_MILLIS)
        .with_status_message(words);
    Ok(GetTaskResult::new(DetailedTask::new(task, payload)))
}

fn open_payload(view: &Json) -> Result<(TaskPayload, String), ErrorData> {
    match Asked::of(view) {
        Some(asked) => {
            let words = asked.message();
            Ok((TaskPayload::InputRequired { input_requests: question::requests(&asked)? }, words))
        }
        None => Ok((TaskPayload::Working, waits(view))),
    }
}

/// What an open run waits for, in words.
fn waits(view: &Json) -> String {
    let list = view.get("waits").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let words: Vec<&str> = list.iter().filter_map(|wait| wait.get("for")?.as_str()).collect();
    if words.is_empty() { "running".to_owned() } else { format!("waits for {}", words.join(" and ")) }
}

/// A run that was stopped is a cancelled task; a failed one is a completed task whose result is an error.
fn closed_payload(view: &Json, result: CallToolResult) -> Result<(TaskPayload, String), ErrorData> {
    let status = view.get("status").and_then(Json::as_str).unwrap_or_default();
    if matches!(status, "canceled" | "terminated") {
        return Ok((TaskPayload::Cancelled, status.to_owned()));
    }
    match serde_json::to_value(result) {
        Ok(Json::Object(result)) => Ok((TaskPayload::Completed { result }, status.to_owned())),
        _ => Err(ErrorData::internal_error("the result cannot be written", None)),
    }
}

/// `tasks/update`: answers to what a task asks.
pub(super) async fn update(
    server: &McpServer,
    request: UpdateTaskParams,
    context: &RequestContext<RoleServer>,
) -> Result<(), ErrorData> {
    let asking = Asking { server, asker: server.asker(context) };
    let view = asking.shown(&request.task_id).await?;
    let asked = Asked::of(&view);
    for (key, answer) in &request.input_responses {
        let Some(asked) = asked.as_ref().filter(|asked| asked.key() == *key) else {
            let message = format!("the task does not ask {key:?} any more; tasks/get tells what it asks");
            return Err(ErrorData::invalid_params(message, None));
        };
        // A declined question stays: somebody else may answer it.
        if let Reply::Send(name, input) = asked.read(answer).map_err(|error| refused(&error))? {
            let id = format!("mcp-{}-{}", asked.run, asked.at);
            let input = json!({ "run_id": asked.run, "name": name, "input": input, "request_id": id });
            asking.verb("run.signal", input).await.map_err(|error| refused(&error))?;
        }
    }
    Ok(())
}

/// `tasks/cancel`: asks the run to stop. One that has ended stays as it is.
pub(super) async fn cancel(
    server: &McpServer,
    request: CancelTaskParams,
    context: &RequestContext<RoleServer>,
) -> Result<(), ErrorData> {
    let asking = Asking { server, asker: server.asker(context) };
    let view = asking.shown(&request.task_id).await?;
    let input = json!({ "run_id": view.get("run_id"), "reason": "its task was cancelled" });
    match asking.verb("run.cancel", input).await {
        Ok(_) => Ok(()),
        Err(error) if error.code() == &code::RUN_CLOSED => Ok(()),
        Err(error) => Err(refused(&error)),
    }
}

fn unknown(id: &str, error: &Error) -> ErrorData {
    let data = json!({ "code": error.code().id });
    ErrorData::invalid_params(format!("there is no task {id:?}: {}", error.message()), Some(data))
}
