//! The two routes of older clients: `GET /workflows` and `POST /workflows/{name}/execute`.
//!
//! The body is an envelope, `{"inputs": {…}, "mode": "sync"}`, when it has a key `inputs` or `parameters`, and the
//! bare input otherwise. To pass a field that is itself called `inputs`, use the envelope or `/v1/workflows/…/runs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use nexus_kernel::Json;
use nexus_kernel::call::{Answer, RunAnswer, Wait};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::operation::Operation;
use nexus_kernel::suggest;
use serde_json::Map;

use crate::channel::rest::request::RestRequest;
use crate::channel::rest::wire::{Accepted, Executed, WorkflowInfo};
use crate::channel::rest::{Rest, history, json, noted, runs};
use crate::pipeline::Target;
use crate::problem::Problem;

/// `GET /workflows`: name → what it is and where to call it. Names that several namespaces use are qualified.
pub(crate) async fn list(State(rest): State<Arc<Rest>>, request: RestRequest) -> Result<Response, Problem> {
    request.query.finish()?;
    let snapshot = rest.pipeline.seen_by(&request.caller);
    let workflows: Vec<&Operation> =
        snapshot.iter().map(AsRef::as_ref).filter(|op| op.is_workflow()).collect();
    let named = |workflow: &&Operation| {
        let namespace = workflow.namespace.as_ref().map(ToString::to_string).unwrap_or_default();
        let shared = workflows.iter().filter(|other| other.name == workflow.name).count() > 1;
        let name = if shared { format!("{namespace}.{}", workflow.name) } else { workflow.name.clone() };
        (name, namespace)
    };
    let names: Vec<(String, String)> = workflows.iter().map(named).collect();
    let described = workflows.iter().zip(&names).map(|(workflow, (name, namespace))| {
        let info = WorkflowInfo {
            kind: "embedded",
            description: &workflow.doc,
            version: &rest.version,
            tags: [],
            endpoints: vec![
                format!("/workflows/{name}/execute"),
                format!("/workflows/{name}/schema"),
                format!("/workflows/{name}/docs"),
                format!("/v1/workflows/{name}/runs"),
            ],
            namespace,
        };
        (name, info)
    });
    Ok(json(StatusCode::OK, &described.collect::<BTreeMap<_, _>>()))
}

/// `POST /workflows/{name}/execute`: runs a workflow to its end, or with `"mode": "async"` until it is accepted.
pub(crate) async fn execute(
    State(rest): State<Arc<Rest>>,
    mut request: RestRequest,
) -> Result<Response, Problem> {
    let name = request.take_workflow()?;
    let Envelope { input, mode } = Envelope::open(request.json()?)?;
    let context = request.take_context(mode.wait())?;
    if mode == Mode::Stream {
        let answer = rest.pipeline.call(Target::Workflow(&name), input, context).await?;
        let Some(run) = &answer.run else { return Ok(executed(&rest, name, answer, 0.0)) };
        return history::of_start(&rest, run, request);
    }
    request.query.finish()?;
    let started = rest.pipeline.clock().now();
    let answer = rest.pipeline.call(Target::Workflow(&name), input, context).await?;
    match &answer.run {
        Some(run) if run.status.is_open() => Ok(noted(accepted(run), answer.replayed, answer.cached)),
        Some(_) | None => {
            let elapsed = rest.pipeline.clock().now().since(started).as_secs_f64();
            Ok(executed(&rest, name, answer, elapsed))
        }
    }
}

fn executed(rest: &Rest, name: String, answer: Answer, execution_time: f64) -> Response {
    let run_id = answer.run.as_ref().map(|run| run.run_id.to_string());
    let workflow_id = answer.run.as_ref().map_or(name, |run| run.workflow_id.to_string());
    let version = rest.version.clone();
    let (is_replayed, cached) = (answer.replayed, answer.cached);
    let executed = Executed { outputs: answer.output, execution_time, workflow_id, version, run_id };
    noted(json(StatusCode::OK, &executed), is_replayed, cached)
}

fn accepted(run: &RunAnswer) -> Response {
    let run_id = run.run_id.to_string();
    let body = Accepted {
        execution_id: run_id.clone(),
        status: "pending",
        message: format!("{} was accepted; {} shows what becomes of it", run.workflow, runs::location(run)),
        run_id,
        workflow_id: run.workflow_id.to_string(),
    };
    let mut response = json(StatusCode::ACCEPTED, &body);
    if let Ok(location) = HeaderValue::from_str(&runs::location(run)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// What the body says beside the input.
#[derive(Debug, PartialEq)]
struct Envelope {
    input: Json,
    mode: Mode,
}

/// How the answer is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Sync,
    Async,
    Stream,
}

impl Mode {
    fn wait(self) -> Wait {
        if self == Mode::Sync { Wait::Done } else { Wait::Accepted }
    }
}

const KEYS: [&str; 4] = ["inputs", "parameters", "mode", "config"];

impl Envelope {
    fn open(body: Json) -> Result<Envelope, Error> {
        let mut fields = match body {
            Json::Object(fields) if fields.contains_key("inputs") || fields.contains_key("parameters") => {
                fields
            }
            input => return Ok(Envelope { input, mode: Mode::Sync }),
        };
        let (inputs, parameters) = (fields.shift_remove("inputs"), fields.shift_remove("parameters"));
        let mode = read_mode(fields.shift_remove("mode"))?;
        refuse_config(fields.shift_remove("config"))?;
        if let Some(unknown) = fields.keys().next() {
            return Err(unknown_key(unknown));
        }
        let given = [inputs, parameters].into_iter().flatten().find(|value| !value.is_null());
        Ok(Envelope { input: given.unwrap_or_else(|| Json::Object(Map::new())), mode })
    }
}

fn bad(message: impl Into<String>, help: impl Into<String>) -> Error {
    Error::new(&code::BAD_REQUEST, message).help(help)
}

fn read_mode(mode: Option<Json>) -> Result<Mode, Error> {
    match mode.as_ref().map(|mode| mode.as_str().unwrap_or_default()) {
        None | Some("sync") => Ok(Mode::Sync),
        Some("async") => Ok(Mode::Async),
        Some("stream") => Ok(Mode::Stream),
        Some(_) => Err(bad("the mode is unknown", "the modes are \"sync\", \"async\" and \"stream\"")),
    }
}

/// A definition's values are closed to callers, so a request that tries to set them must not seem to succeed.
fn refuse_config(config: Option<Json>) -> Result<(), Error> {
    match config {
        None | Some(Json::Null) => Ok(()),
        Some(Json::Object(fields)) if fields.is_empty() => Ok(()),
        Some(_) => Err(bad("a caller cannot change a workflow's configuration", "leave \"config\" out")),
    }
}

fn unknown_key(unknown: &str) -> Error {
    let message = format!("there is no key {unknown:?} beside \"inputs\"");
    match suggest::nearest(unknown, KEYS) {
        Some(near) => bad(message, format!("did you mean {near:?}?")),
        None => bad(message, format!("to pass {unknown:?} to the workflow, put it under \"inputs\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn open(body: Json) -> (Json, Mode) {
        let envelope = Envelope::open(body).unwrap();
        (envelope.input, envelope.mode)
    }

    #[test]
    fn envelopes_and_bare_inputs() {
        assert_eq!(open(json!({ "inputs": { "a": 1 } })), (json!({ "a": 1 }), Mode::Sync));
        assert_eq!(open(json!({ "parameters": { "a": 1 }, "inputs": null })).0, json!({ "a": 1 }));
        assert_eq!(open(json!({ "inputs": { "a": 1 }, "parameters": { "b": 1 } })).0, json!({ "a": 1 }));
        assert_eq!(open(json!({ "inputs": {}, "mode": "async", "config": {} })), (json!({}), Mode::Async));
        assert_eq!(open(json!({ "mode": "x", "a": 1 })), (json!({ "mode": "x", "a": 1 }), Mode::Sync));
        assert_eq!(open(json!([1])).0, json!([1]));
    }

    #[test]
    fn what_an_envelope_cannot_say_is_refused() {
        for (body, help) in [
            (json!({ "inputs": {}, "mod": "sync" }), "did you mean \"mode\"?"),
            (
                json!({ "inputs": {}, "amount": 1 }),
                "to pass \"amount\" to the workflow, put it under \"inputs\"",
            ),
            (json!({ "inputs": {}, "mode": 7 }), "the modes are \"sync\", \"async\" and \"stream\""),
            (json!({ "inputs": {}, "config": { "url": "x" } }), "leave \"config\" out"),
        ] {
            assert_eq!(Envelope::open(body).unwrap_err().help_text(), Some(help));
        }
    }
}
