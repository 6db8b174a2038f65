//! What older clients ask of a workflow under `/workflows/{name}`, beside `execute`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use nexus_kernel::Json;
use nexus_kernel::call::Wait;
use nexus_kernel::operation::Operation;
use serde_json::{Map, json};

use crate::channel::rest::request::RestRequest;
use crate::channel::rest::{self, Rest};
use crate::pipeline::Target;
use crate::problem::Problem;

type Routed = Result<Response, Problem>;

/// `GET /`: what this server is. A browser is led to the pages for people.
pub(crate) async fn index(State(rest): State<Arc<Rest>>, request: RestRequest) -> Routed {
    if request.accepts("text/html") {
        return Ok(Redirect::temporary("/docs").into_response());
    }
    request.query.finish()?;
    let snapshot = rest.pipeline.seen_by(&request.caller);
    let workflows = snapshot.iter().filter(|operation| operation.is_workflow());
    let names: Vec<&str> = workflows.map(|workflow| workflow.name.as_str()).collect();
    let body = json!({
        "name": "nexus",
        "version": rest.version,
        "type": "nexus",
        "workflows": names,
        "mcp_servers": ["/mcp"],
        "openapi": "/openapi.json",
        "docs": "/docs",
    });
    Ok(rest::json(StatusCode::OK, &body))
}

/// `GET /workflows/{name}/workflow/info`: a workflow as older clients know it. A workflow that is a program has no nodes.
pub(crate) async fn info(State(rest): State<Arc<Rest>>, request: RestRequest) -> Routed {
    let workflow = take(&rest, request)?;
    let body = json!({
        "workflow_id": workflow.id(),
        "name": workflow.name,
        "namespace": workflow.namespace.as_ref().map(ToString::to_string),
        "description": workflow.doc,
        "version": rest.version,
        "input": workflow.input,
        "output": workflow.output,
        "nodes": [],
        "edges": [],
        "node_count": 0,
        "edge_count": 0,
    });
    Ok(rest::json(StatusCode::OK, &body))
}

/// `GET /workflows/{name}/schema`: the JSON Schemas of input and output.
pub(crate) async fn schema(State(rest): State<Arc<Rest>>, request: RestRequest) -> Routed {
    let workflow = take(&rest, request)?;
    Ok(rest::json(StatusCode::OK, &json!({ "input": workflow.input, "output": workflow.output })))
}

/// `GET /workflows/{name}/docs`: leads to the workflow on the page for people.
pub(crate) async fn docs(State(rest): State<Arc<Rest>>, request: RestRequest) -> Routed {
    let workflow = take(&rest, request)?;
    let mut response = StatusCode::TEMPORARY_REDIRECT.into_response();
    if let Ok(location) = HeaderValue::from_str(&format!("/docs#{}", workflow.id())) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// `GET /workflows/{name}/health`: whether the workflow is served.
pub(crate) async fn health(State(rest): State<Arc<Rest>>, request: RestRequest) -> Routed {
    let workflow = take(&rest, request)?;
    Ok(rest::json(StatusCode::OK, &json!({ "status": "healthy", "workflow": workflow.id() })))
}

/// `GET /workflows/{name}/status/{execution_id}`: what has become of a run that was started with `"mode": "async"`.
pub(crate) async fn status(State(rest): State<Arc<Rest>>, mut request: RestRequest) -> Routed {
    let execution = request.path("id").to_owned();
    let context = request.take_context(Wait::Done)?;
    let workflow = take(&rest, request)?;
    let input = Map::from_iter([("run_id".to_owned(), Json::from(execution.as_str()))]);
    let shown = rest.pipeline.call(Target::Verb("run.show"), Json::Object(input), context).await?.output;
    let status = shown.get("status").and_then(Json::as_str).unwrap_or_default();
    let mut body = json!({
        "execution_id": execution,
        "status": match status {
            "running" | "paused" => "running",
            "completed" => "completed",
            _ => "failed",
        },
        "workflow_id": shown.get("workflow_id"),
        "workflow": workflow.name,
        "version": rest.version,
    });
    let told = match status {
        "completed" => Some(("result", json!({ "outputs": shown.get("result") }))),
        "running" | "paused" => None,
        _ => Some(("error", shown.get("failure").cloned().unwrap_or_else(|| status.into()))),
    };
    if let (Some(fields), Some((name, value))) = (body.as_object_mut(), told) {
        fields.insert(name.into(), value);
    }
    Ok(rest::json(StatusCode::OK, &body))
}

fn take(rest: &Rest, mut request: RestRequest) -> Result<Arc<Operation>, Problem> {
    let name = request.take_workflow()?;
    request.query.finish()?;
    Ok(rest.pipeline.find(Target::Workflow(&name), &request.caller)?)
}
