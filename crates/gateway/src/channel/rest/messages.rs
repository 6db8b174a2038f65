//! Messages to runs under `/v1/runs/{id}`: the path names the handler, and the body is its input, nothing around it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use nexus_kernel::Json;
use nexus_kernel::call::Wait;
use serde_json::Map;

use crate::channel::rest::request::RestRequest;
use crate::channel::rest::runs::{millis, run};
use crate::channel::rest::{Rest, json, marked};
use crate::pipeline::Target;
use crate::problem::Problem;

type Routed = Result<Response, Problem>;

/// `POST /v1/runs/{id}/signals/{name}`.
pub(crate) async fn signal(State(rest): State<Arc<Rest>>, mut request: RestRequest) -> Routed {
    let mut input = addressed(&request);
    take(&mut request, &mut input, "request_id");
    send(&rest, "run.signal", input, request).await
}

/// `GET` or `POST /v1/runs/{id}/queries/{name}`; a query without arguments needs no body.
pub(crate) async fn query(State(rest): State<Arc<Rest>>, request: RestRequest) -> Routed {
    let input = addressed(&request);
    send(&rest, "run.query", input, request).await
}

/// `POST /v1/runs/{id}/updates/{name}`, with `?wait=30s` for the longest wait and `?stage=accepted` for none.
pub(crate) async fn update(State(rest): State<Arc<Rest>>, mut request: RestRequest) -> Routed {
    let mut input = addressed(&request);
    take(&mut request, &mut input, "update_id");
    if let Some(stage) = request.query.take("stage") {
        input.insert("wait".into(), stage.into());
    }
    if let Some(wait) = request.query.take_wait()? {
        input.insert("wait_ms".into(), millis(wait).into());
    }
    send(&rest, "run.update", input, request).await
}

/// The run and the handler.
fn addressed(request: &RestRequest) -> Map<String, Json> {
    let mut input = run(request);
    input.insert("name".into(), request.path("name").into());
    input
}

fn take(request: &mut RestRequest, input: &mut Map<String, Json>, name: &'static str) {
    if let Some(given) = request.query.take(name) {
        input.insert(name.into(), given.into());
    }
}

async fn send(rest: &Rest, verb: &str, mut input: Map<String, Json>, mut request: RestRequest) -> Routed {
    let context = request.take_context(Wait::Done)?;
    input.insert("input".into(), request.json()?);
    request.query.finish()?;
    let answer = rest.pipeline.call(Target::Verb(verb), Json::Object(input), context).await?;
    Ok(marked(json(StatusCode::OK, &answer.output), answer.replayed))
}
