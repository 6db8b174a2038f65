//! `/v1/events`: publishing, listing, and the stream of a namespace's events.
//!
//! A stream asks for its next page when the client has taken the one before. So a slow client costs one page and delays
//! nobody, and one that is gone ends its stream with its connection.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use nexus_kernel::Json;
use nexus_kernel::call::{CallContext, Wait};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::operation::Operation;
use nexus_kernel::task::Shutdown;
use serde_json::{Map, json};

use crate::channel::rest::request::RestRequest;
use crate::channel::rest::runs::{look_with, millis};
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
    let operation = rest.pipeline.find(LIST)?;
    let mut input = request.query.into_input(&operation.input);
    input.extend(resumed.map(|cursor| ("after".to_owned(), cursor.into())));
    let is_anew = !input.contains_key("after");
    input.insert("limit".into(), if is_anew { 1 } else { PAGE_EVENTS }.into());
    // The first question goes the way of every call: a wrong one is refused before the stream begins.
    let page = rest.pipeline.call(LIST, Json::Object(input.clone()), context.clone()).await?.output;
    input.insert("limit".into(), PAGE_EVENTS.into());
    input.insert("wait_ms".into(), (STREAM_SECONDS_SILENT_MAX * 1_000).into());
    let mut following = Following { operation, context, input, shutdown, has_ended: false };
    let mut begin = ": events\n\n".to_owned();
    if is_anew {
        following.go_on_after(page.get("last"));
    } else {
        begin.push_str(&following.shown(&page));
    }
    let rest_of_it = futures::stream::unfold(following, |mut following| async {
        let text = following.next().await?;
        Some((Ok::<_, Infallible>(text), following))
    });
    let first = futures::stream::once(std::future::ready(Ok(begin)));
    let mut response = Response::new(Body::from_stream(futures::StreamExt::chain(first, rest_of_it)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn cursor(id: &str) -> Result<u64, Error> {
    id.parse().map_err(|_| {
        Error::new(&code::BAD_REQUEST, format!("Last-Event-ID: {id:?} is no cursor of events"))
            .help("send the id of the last event that came, or no such header")
    })
}

/// A client that follows events.
struct Following {
    operation: Arc<Operation>,
    context: CallContext,
    input: Map<String, Json>,
    shutdown: Shutdown,
    has_ended: bool,
}

impl Following {
    fn go_on_after(&mut self, cursor: Option<&Json>) {
        self.input.insert("after".into(), cursor.cloned().unwrap_or_default());
    }

    /// The next part of the stream; nothing when it ends.
    async fn next(&mut self) -> Option<String> {
        if self.has_ended {
            return None;
        }
        let call = self.operation.handler.call(Json::Object(self.input.clone()), self.context.clone());
        let answer = tokio::select! {
            biased;
            () = self.shutdown.begun() => return None,
            answer = call => answer,
        };
        Some(match answer {
            Ok(answer) => self.shown(&answer.output),
            Err(error) => {
                self.has_ended = true;
                let told = json!({ "code": error.code().id, "message": error.message() });
                format!("event: error\ndata: {told}\n\n")
            }
        })
    }

    /// A page as text. An empty one keeps the connection alive, and tells how far the log was looked through.
    fn shown(&mut self, page: &Json) -> String {
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
        self.go_on_after(Some(&next));
        text
    }
}
