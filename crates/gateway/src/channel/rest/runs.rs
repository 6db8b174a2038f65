//! Workflows and runs under `/v1`: starting a run, and the verbs that look at runs or act on them.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use nexus_kernel::Json;
use nexus_kernel::call::{Answer, RunAnswer, Wait};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::RunId;
use nexus_kernel::operation::Effect;
use serde_json::Map;

use crate::channel::rest::request::RestRequest;
use crate::channel::rest::wire::{Called, Started};
use crate::channel::rest::{Rest, json, marked, noted};
use crate::pipeline::Target;
use crate::problem::Problem;

type Routed = Result<Response, Problem>;

/// `POST /v1/workflows/{name}/runs`: starts a run with the body as its input.
pub(crate) async fn start(State(rest): State<Arc<Rest>>, mut request: RestRequest) -> Routed {
    let name = request.take_workflow()?;
    let wait = request.query.take_wait_for_run()?;
    let input = request.json()?;
    let context = request.take_context(wait)?;
    request.query.finish()?;
    Ok(answer(&rest.pipeline.call(Target::Workflow(&name), input, context).await?))
}

/// Where a run is shown.
pub(crate) fn location(run: &RunAnswer) -> String {
    format!("/v1/runs/{}", run.run_id)
}

/// The answer to a call that may have started a run: 202 while it goes on, 200 when all is done.
pub(crate) fn answer(answer: &Answer) -> Response {
    let Some(run) = &answer.run else {
        let called = json(StatusCode::OK, &Called { output: &answer.output });
        return noted(called, answer.replayed, answer.cached);
    };
    let status = if run.status.is_open() { StatusCode::ACCEPTED } else { StatusCode::OK };
    let mut response = json(status, &Started::new(run, answer));
    if let Ok(location) = HeaderValue::from_str(&location(run)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    noted(response, answer.replayed, answer.cached)
}

/// `GET /v1/workflows`.
pub(crate) async fn list_workflows(State(rest): State<Arc<Rest>>, request: RestRequest) -> Routed {
    look_with(&rest, "workflow.list", Map::new(), request).await
}

/// `GET /v1/workflows/{name}`.
pub(crate) async fn show_workflow(State(rest): State<Arc<Rest>>, mut request: RestRequest) -> Routed {
    let name = request.take_workflow()?;
    let workflow = rest.pipeline.find(Target::Workflow(&name), &request.caller)?;
    let mut input = Map::new();
    input.insert("name".into(), workflow.name.as_str().into());
    if let Some(namespace) = &workflow.namespace {
        input.insert("namespace".into(), namespace.as_str().into());
    }
    look_with(&rest, "workflow.show", input, request).await
}

/// `GET /v1/runs`.
pub(crate) async fn list(State(rest): State<Arc<Rest>>, request: RestRequest) -> Routed {
    look_with(&rest, "run.list", Map::new(), request).await
}

/// `GET /v1/runs/{id}`, with `?wait=30s` once the run has ended or the wait has.
pub(crate) async fn show(State(rest): State<Arc<Rest>>, mut request: RestRequest) -> Routed {
    let mut input = run(&request);
    if let Some(wait) = request.query.take_wait()? {
        input.insert("wait_ms".into(), millis(wait).into());
    }
    look_with(&rest, "run.show", input, request).await
}

/// `GET /v1/runs/{id}/{verb}`: any verb of runs that only looks; `?wait=30s` where the verb can wait.
pub(crate) async fn look(State(rest): State<Arc<Rest>>, mut request: RestRequest) -> Routed {
    let verb = format!("run.{}", request.path("verb"));
    if rest.pipeline.catalogue().verb(&verb)?.effect != Effect::Read {
        return Ok(wrong_method(&verb, "POST"));
    }
    let mut input = run(&request);
    if let Some(wait) = request.query.take_wait()? {
        input.insert("wait_ms".into(), millis(wait).into());
    }
    look_with(&rest, &verb, input, request).await
}

/// `POST /v1/runs/{id}/{verb}`: any verb of runs that does something.
pub(crate) async fn act(State(rest): State<Arc<Rest>>, mut request: RestRequest) -> Routed {
    let verb = format!("run.{}", request.path("verb"));
    if rest.pipeline.catalogue().verb(&verb)?.effect == Effect::Read {
        return Ok(wrong_method(&verb, "GET"));
    }
    let context = request.take_context(Wait::Done)?;
    let Json::Object(mut input) = request.json()? else {
        return Err(Error::new(&code::BAD_REQUEST, "the body is not a JSON object").into());
    };
    input.extend(run(&request));
    request.query.finish()?;
    let answer = rest.pipeline.call(Target::Verb(&verb), Json::Object(input), context).await?;
    Ok(marked(json(StatusCode::OK, &answer.output), answer.replayed))
}

/// The run that the path names by its id or workflow id, as the input of a verb.
pub(crate) fn run(request: &RestRequest) -> Map<String, Json> {
    let mut input = Map::new();
    let id = request.path("id");
    input.insert(RunId::field_of(id).into(), id.into());
    input
}

/// A wait as the verbs take it.
pub(crate) fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}

fn wrong_method(verb: &str, allowed: &'static str) -> Response {
    let message = format!("{verb} is called with {allowed}");
    let mut response = Problem::from(Error::new(&code::METHOD_UNKNOWN, message)).into_response();
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// Calls a verb with the query as its input, beside what the path gave, and passes the output on.
pub(crate) async fn look_with(
    rest: &Rest,
    verb: &str,
    given: Map<String, Json>,
    mut request: RestRequest,
) -> Routed {
    let context = request.take_context(Wait::Done)?;
    let operation = rest.pipeline.catalogue().verb(verb)?;
    let mut input = request.query.into_input(&operation.input);
    input.extend(given);
    let answer = rest.pipeline.call(Target::Verb(verb), Json::Object(input), context).await?;
    Ok(json(StatusCode::OK, &answer.output))
}
