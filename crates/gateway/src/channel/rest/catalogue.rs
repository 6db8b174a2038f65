//! The catalogue itself over REST: what can be called, and a way to call all of it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::channel::rest::request::RestRequest;
use crate::channel::rest::wire::OperationInfo;
use crate::channel::rest::{Rest, json, runs};
use crate::pipeline::Target;
use crate::problem::Problem;

/// `GET /v1/operations`: names, descriptions and schemas.
pub(crate) async fn list(State(rest): State<Arc<Rest>>, request: RestRequest) -> Result<Response, Problem> {
    request.query.finish()?;
    let snapshot = rest.pipeline.seen_by(&request.caller);
    let operations: Vec<_> = snapshot.iter().map(|operation| OperationInfo::from(&**operation)).collect();
    Ok(json(StatusCode::OK, &serde_json::json!({ "operations": operations })))
}

/// `POST /v1/operations/{name}`: calls a verb with the body as its input.
pub(crate) async fn call(
    State(rest): State<Arc<Rest>>,
    mut request: RestRequest,
) -> Result<Response, Problem> {
    let name = request.path("name").to_owned();
    let wait = request.query.take_wait_for_run()?;
    let input = request.json()?;
    let context = request.take_context(wait)?;
    request.query.finish()?;
    Ok(runs::answer(&rest.pipeline.call(Target::Verb(&name), input, context).await?))
}
