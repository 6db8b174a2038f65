//! `GET /v1/runs/{id}/events`: what happens to a run, as a page or as a stream that ends with the run.
//!
//! The id of an event in the stream is its number in the history, so a client that comes back with `Last-Event-ID` misses
//! nothing, whatever was restarted meanwhile.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use nexus_kernel::Json;
use nexus_kernel::call::{RunAnswer, Wait};
use serde_json::{Map, json};

use crate::channel::rest::Rest;
use crate::channel::rest::request::RestRequest;
use crate::channel::rest::runs::{look_with, millis, run};
use crate::channel::rest::stream::{Following, Pages, cursor};
use crate::limits::STREAM_SECONDS_SILENT_MAX;
use crate::pipeline::Target;
use crate::problem::Problem;

const HISTORY: Target<'static> = Target::Verb("run.history");

/// The route.
pub(crate) async fn events(
    State(rest): State<Arc<Rest>>,
    mut request: RestRequest,
) -> Result<Response, Problem> {
    let mut input = run(&request);
    if request.accepts("text/event-stream") {
        let resumed = request.header("last-event-id")?.map(|id| cursor(&id)).transpose()?;
        let context = request.take_context(Wait::Done)?;
        let operation = rest.pipeline.catalogue().verb("run.history")?;
        let shutdown = request.take_shutdown();
        input.extend(request.query.into_input(&operation.input));
        input.extend(resumed.map(|cursor| ("after".to_owned(), cursor.into())));
        // The first question goes the way of every call: a wrong one is refused before the stream begins.
        let page = rest.pipeline.call(HISTORY, Json::Object(input.clone()), context.clone()).await?.output;
        let pages = RunPages { result: None };
        let mut following =
            Following { pipeline: rest.pipeline.clone(), operation, context, input, shutdown, pages };
        let begin = following.shown(&page);
        return Ok(following.answer(begin));
    }
    if let Some(wait) = request.query.take_wait()? {
        input.insert("wait_ms".into(), millis(wait).into());
    }
    look_with(&rest, "run.history", input, request).await
}

/// The stream of a run that was just started, for older clients: `start`, its events, then `complete` or `error`.
pub(crate) fn of_start(rest: &Rest, run: &RunAnswer, mut request: RestRequest) -> Result<Response, Problem> {
    let begun = json!({
        "workflow_id": run.workflow_id.as_str(), "run_id": run.run_id.as_str(), "version": rest.version,
        "timestamp": rest.pipeline.clock().now().to_string(),
    });
    let context = request.take_context(Wait::Done)?;
    let operation = rest.pipeline.catalogue().verb("run.history")?;
    let mut input = Map::from_iter([("run_id".to_owned(), Json::from(run.run_id.as_str()))]);
    input.insert("wait_ms".into(), (STREAM_SECONDS_SILENT_MAX * 1_000).into());
    let pages = RunPages { result: Some(String::new()) };
    let following = Following {
        pipeline: rest.pipeline.clone(),
        operation,
        context,
        input,
        shutdown: request.take_shutdown(),
        pages,
    };
    Ok(following.answer(format!("event: start\ndata: {begun}\n\n")))
}

/// The history of a run as a stream shows it.
struct RunPages {
    /// For older clients: what the last event says.
    result: Option<String>,
}

impl Pages for RunPages {
    fn shown(&mut self, page: &Json, input: &mut Map<String, Json>) -> String {
        let mut text = String::new();
        let events = page.get("events").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        for event in events {
            let id = event.get("id").and_then(Json::as_u64).unwrap_or(0);
            let kind = event.get("type").and_then(Json::as_str).unwrap_or("event");
            let _ = write!(text, "id: {id}\nevent: {kind}\ndata: {event}\n\n"); // a string takes everything
            input.insert("after".into(), id.into());
        }
        let status = page.get("status").and_then(Json::as_str).unwrap_or_default();
        if !matches!(status, "running" | "paused") {
            text.push_str(&self.ended(status, page, events.last()));
            input.clear();
        } else if events.is_empty() {
            text.push_str(": nothing new\n\n");
        }
        if !input.is_empty() {
            // A run that continues as another one under its workflow id is not the one that is followed.
            if let Some(run_id) = page.get("run_id") {
                input.shift_remove("workflow_id");
                input.insert("run_id".into(), run_id.clone());
            }
            input.insert("wait_ms".into(), (STREAM_SECONDS_SILENT_MAX * 1_000).into());
        }
        text
    }
}

impl RunPages {
    fn ended(&self, status: &str, page: &Json, last: Option<&Json>) -> String {
        let run_id = page.get("run_id").cloned().unwrap_or_default();
        let field = |name: &str| last.and_then(|event| event.get(name)).cloned();
        if self.result.is_none() {
            let mut told = json!({ "run_id": run_id, "status": status });
            let next = field("new_run").or_else(|| field("retry")?.get("new_run").cloned());
            if let (Some(told), Some(next)) = (told.as_object_mut(), next) {
                told.insert("successor".into(), next);
            }
            return format!("event: end\ndata: {told}\n\n");
        }
        if status == "completed" {
            let told = json!({ "result": { "outputs": field("result"), "run_id": run_id } });
            return format!("event: complete\ndata: {told}\n\n");
        }
        let told = json!({ "error": field("failure").unwrap_or_else(|| status.into()), "run_id": run_id });
        format!("event: error\ndata: {told}\n\n")
    }
}
