//! Pending activities under `/v1`, named by the token of an attempt.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use nexus_kernel::Json;
use nexus_kernel::call::Wait;
use nexus_kernel::code;
use nexus_kernel::error::Error;

use crate::channel::rest::request::RestRequest;
use crate::channel::rest::{Rest, json};
use crate::pipeline::Target;
use crate::problem::Problem;

/// `POST /v1/activities/{token}/{verb}`: any verb of activities.
pub(crate) async fn act(
    State(rest): State<Arc<Rest>>,
    mut request: RestRequest,
) -> Result<Response, Problem> {
    let verb = format!("activity.{}", request.path("verb"));
    rest.pipeline.catalogue().verb(&verb)?;
    let context = request.take_context(Wait::Done)?;
    let Json::Object(mut input) = request.json()? else {
        return Err(Error::new(&code::BAD_REQUEST, "the body is not a JSON object").into());
    };
    input.insert("token".into(), request.path("token").into());
    request.query.finish()?;
    let answer = rest.pipeline.call(Target::Verb(&verb), Json::Object(input), context).await?;
    Ok(json(StatusCode::OK, &answer.output))
}
