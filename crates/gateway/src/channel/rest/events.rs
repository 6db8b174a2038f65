//! `/v1/events`: publishing, listing, and the stream of a namespace's events.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use nexus_kernel::Json;
use nexus_kernel::call::Wait;
use serde_json::Map;

use crate::channel::rest::request::RestRequest;
use crate::channel::rest::runs::{look_with, millis};
use crate::channel::rest::stream::{Following, Pages, cursor};
use crate::channel::rest::{self, Rest};
use crate::limits::STREAM_SECONDS_SILENT_MAX;
use crate::pipeline::Target;
use crate::problem::Problem;

type Routed = Result<Response, Problem>;

const LIST: Target<'static> = Target::Verb("event.list");

/// Events of one page of a stream.
const PAGE_EVENTS: u64 = 32;

/// `POST /v1/events`: publishes the event, or the `events`, of the body.
pub(crate) async fn publish(State(rest): State<Arc<Rest>>, mut request: RestRequest) -> Routed {
    let context = request.take_context(Wait::Done)?;
    let input = request.json()?;
    request.query.finish()?;
    let answer = rest.pipeline.call(Target::Verb("event.publish"), input, context).await?;
    Ok(rest::marked(rest::json(StatusCode::OK, &answer.output), answer.replayed))
}

/// `GET /v1/events`: a page, with `?wait=30s` as soon as there is an event; or a stream, for those who accept one.
pub(crate) async fn list(State(rest): State<Arc<Rest>>, mut request: RestRequest) -> Routed {
    if request.accepts("text/event-stream") {
        return stream(&rest, request).await;
    }
    let mut input = Map::new();
    if let Some(wait) = request.query.take_wait()? {
        input.insert("wait_ms".into(), millis(wait).into());
    }
    look_with(&rest, "event.list", input, request).await
}

/// Begins after `Last-Event-ID`, else after `?after=`, else now.
async fn stream(rest: &Rest, mut request: RestRequest) -> Routed {
    let resumed = request.header("last-event-id")?.map(|id| cursor(&id)).transpose()?;
    let context = request.take_context(Wait::Done)?;
    let shutdown = request.take_shutdown();
    let operation = rest.pipeline.catalogue().verb("event.list")?;
    let mut input = request.query.into_input(&operation.input);
    input.extend(resumed.map(|cursor| ("after".to_owned(), cursor.into())));
    let is_anew = !input.contains_key("after");
    input.insert("limit".into(), if is_anew { 1 } else { PAGE_EVENTS }.into());
    // The first question goes the way of every call: a wrong one is refused before the stream begins.
    let page = rest.pipeline.call(LIST, Json::Object(input.clone()), context.clone()).await?.output;
    input.insert("limit".into(), PAGE_EVENTS.into());
    input.insert("wait_ms".into(), (STREAM_SECONDS_SILENT_MAX * 1_000).into());
    let mut following =
        Following { pipeline: rest.pipeline.clone(), operation, context, input, shutdown, pages: EventPages };
    let mut begin = ": events\n\n".to_owned();
    if is_anew {
        following.input.insert("after".into(), page.get("last").cloned().unwrap_or_default());
    } else {
        begin.push_str(&following.shown(&page));
    }
    Ok(following.answer(begin))
}

/// Events of a namespace as a stream shows them.
struct EventPages;

impl Pages for EventPages {
    /// An empty page keeps the connection alive, and tells how far the log was looked through.
    fn shown(&mut self, page: &Json, input: &mut Map<String, Json>) -> String {
        let mut text = String::new();
        let missed = page.get("missed").and_then(Json::as_u64).unwrap_or(0);
        if missed > 0 {
            let _ = write!(text, "event: missed\ndata: {{\"missed\":{missed}}}\n\n"); // a string takes everything
        }
        let events = page.get("events").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        for event in events {
            let id = event.get("sequence").and_then(Json::as_u64).unwrap_or(0);
            let _ = write!(text, "id: {id}\ndata: {event}\n\n");
        }
        let next = page.get("next").cloned().unwrap_or_default();
        if events.is_empty() {
            let _ = write!(text, ": nothing new\nid: {next}\n\n");
        }
        input.insert("after".into(), next);
        text
    }
}
