//! `POST /webhooks/{name}`: requests of other systems. Their bodies are read as they are, because signatures are over bytes.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use nexus_kernel::call::{CallContext, Channel};

use crate::channel::rest::body::Bounds;
use crate::channel::rest::{Rest, body, json};
use crate::limits::BODY_BYTES_MAX;
use crate::problem::Problem;
use crate::request_id::RequestId;
use crate::stage::trace;
use crate::webhook::Incoming;

/// The route.
pub(crate) async fn receive(
    State(rest): State<Arc<Rest>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, given) = request.into_parts();
    let bounds = Bounds { bytes_max: BODY_BYTES_MAX, time_max: rest.body_time_max };
    let bytes = body::read(given, bounds, &**rest.pipeline.clock()).await?;
    let id = parts.extensions.get::<RequestId>().map(RequestId::as_str).unwrap_or_default();
    let trace = trace::of_headers(&parts.headers);
    let context = CallContext { trace, ..CallContext::new(Channel::Rest, id) };
    let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let request = Incoming { headers: &parts.headers, body: &bytes, url: &query };
    let answer = rest.inbound.receive(&name, request, &rest.pipeline, context).await?;
    Ok(json(StatusCode::OK, &answer))
}
