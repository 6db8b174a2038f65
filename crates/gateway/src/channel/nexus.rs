//! Nexus RPC over HTTP: services of this server for callers of other namespaces, clusters and products, and completions of
//! what runs of this server have carried out elsewhere.
//!
//! A request becomes a call of a verb like any other, so that everything holds for it that holds for others; answers and
//! refusals have the protocol's own form.

mod answer;
mod caller;
mod request;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, request::Parts};
use axum::response::Response;
use nexus_kernel::Json;
use nexus_kernel::call::{CallContext, Caller, Channel, Wait};
use nexus_kernel::error::Error;
use nexus_rpc::{CancelRequest, Completion, HandlerError, Route, StartRequest};

use crate::channel::nexus::request::{Place, place};
use crate::channel::rest::Rest;
use crate::channel::rest::body::{self, Bounds};
use crate::limits::BODY_BYTES_MAX;
use crate::pipeline::Target;
use crate::request_id::RequestId;
use crate::stage::trace;

/// How long an answer may take when the caller does not say (Nexus page, A4).
const PATIENCE: Duration = Duration::from_secs(10);

/// How much earlier than the caller gives up the answer is sent.
const MARGIN: Duration = Duration::from_millis(500);

/// The routes, of which the names in them are taken apart here: a name may hold anything, once it is encoded.
pub(crate) const ROUTES: [&str; 3] = ["/nexus/endpoints/{*rest}", "/nexus/callback", "/namespaces/{*rest}"];

/// Whether a path is one of this protocol.
pub(crate) fn is_meant(path: &str) -> bool {
    place(path).is_some()
}

/// What is wrong with a request, in the words of the protocol, for those whom the door refuses.
pub(crate) fn refusal(error: &Error) -> Refusal {
    Refusal(answer::refused(error).to_http())
}

/// A refusal in the words of the protocol.
pub(crate) struct Refusal(axum::http::Response<Vec<u8>>);

impl Refusal {
    /// Takes the place of an answer's status and bytes.
    pub(crate) fn instead_of(self, response: &mut Response) {
        let (parts, body) = self.0.into_parts();
        *response.status_mut() = parts.status;
        response.headers_mut().extend(parts.headers);
        *response.body_mut() = Body::from(body);
    }
}

/// Whether a path is that of completions, which bring a proof of their own.
pub(crate) fn is_callback(path: &str) -> bool {
    matches!(place(path), Some(Place::Callback))
}

/// Answers a request.
pub(crate) async fn serve(State(rest): State<Arc<Rest>>, request: Request) -> Response {
    let (parts, given) = request.into_parts();
    let answered = match answered(&rest, &parts, given).await {
        Ok(response) => response,
        Err(error) => error.to_http(),
    };
    answered.map(Body::from)
}

type Answered = Result<axum::http::Response<Vec<u8>>, HandlerError>;

async fn answered(rest: &Rest, parts: &Parts, given: Body) -> Answered {
    let Some(place) = place(parts.uri.path()) else { return Err(request::nowhere()) };
    if parts.method != Method::POST {
        return Err(HandlerError::bad_request("everything is asked for with POST"));
    }
    let bounds = Bounds { bytes_max: BODY_BYTES_MAX, time_max: rest.body_time_max };
    let read = body::read(given, bounds, &**rest.pipeline.clock()).await;
    let bytes = read.map_err(|problem| answer::refused(problem.error()))?;
    match place {
        Place::Callback => complete(rest, parts, bytes).await,
        Place::Endpoint { name, prefix } => match Route::of(parts, prefix)? {
            route @ Route::Start { .. } => start(rest, parts, (&name, &route), bytes).await,
            route @ Route::Cancel { .. } => cancel(rest, parts, (&name, &route)).await,
        },
    }
}

/// Starts an operation.
async fn start(rest: &Rest, parts: &Parts, (endpoint, route): (&str, &Route), bytes: Vec<u8>) -> Answered {
    let request = StartRequest::from_http(route, parts, bytes)?;
    let limit = request.request_timeout.unwrap_or(PATIENCE).min(PATIENCE);
    let wait = Wait::AtMost(limit.saturating_sub(MARGIN));
    let has_callback = request.callback.is_some();
    let named = caller::of(parts);
    let input = request::start(endpoint, named.namespace.as_deref(), request)?;
    let context = CallContext { acting: named.acting, ..context(parts, wait) };
    let told = call(rest, "operation.start", input, context).await?;
    answer::start(&told, has_callback)
}

/// Asks an operation to end early.
async fn cancel(rest: &Rest, parts: &Parts, (endpoint, route): (&str, &Route)) -> Answered {
    let request = CancelRequest::from_http(route, parts)?;
    let named = caller::of(parts);
    let input = request::cancel(endpoint, named.namespace.as_deref(), &request);
    let context = CallContext { acting: named.acting, ..context(parts, Wait::Done) };
    call(rest, "operation.request-cancel", input, context).await?;
    Ok(CancelRequest::heard())
}

/// Takes the end of an operation.
async fn complete(rest: &Rest, parts: &Parts, bytes: Vec<u8>) -> Answered {
    let completion = Completion::from_http(parts, bytes)?;
    let input = request::completion(completion)?;
    let context = context(parts, Wait::Done);
    // Whoever they are, the proof is in the completion.
    let caller = Caller::completing().at(context.caller.address);
    call(rest, "operation.deliver", input, CallContext { caller, ..context }).await?;
    Ok(Completion::taken())
}

fn context(parts: &Parts, wait: Wait) -> CallContext {
    let id = parts.extensions.get::<RequestId>().map(RequestId::as_str).unwrap_or_default();
    let caller = parts.extensions.get::<Caller>().cloned().unwrap_or_else(Caller::anonymous);
    let toll = parts.extensions.get().cloned().unwrap_or_default();
    let trace = trace::of_headers(&parts.headers);
    CallContext { wait, caller, toll, trace, ..CallContext::new(Channel::Nexus, id) }
}

async fn call(rest: &Rest, verb: &str, input: Json, context: CallContext) -> Result<Json, HandlerError> {
    let called = rest.pipeline.call(Target::Verb(verb), input, context).await;
    called.map(|answer| answer.output).map_err(|error| answer::refused(&error))
}
