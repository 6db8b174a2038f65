//! The verbs of endpoints, services and Nexus operations.

mod call;
mod endpoint;
mod waiting;

use nexus_kernel::Json;
use nexus_kernel::call::CallContext;
use nexus_kernel::operation::{Effect, Operation};
use serde::Deserialize;
use serde_json::json;

use crate::engine::EngineHandle;
use crate::operations::{Verb, object};

/// Every verb.
pub(crate) fn all(engine: &EngineHandle) -> Vec<Operation> {
    let mut all = endpoint::all(engine);
    all.extend([service_list(engine), service_show(engine)]);
    all.extend(call::all(engine));
    all.extend(waiting::all(engine));
    all
}

#[derive(Deserialize)]
struct Nothing {}

fn service_list(engine: &EngineHandle) -> Operation {
    let (title, doc) = (
        "List Nexus services",
        "Every Nexus service of the project with its operations, and the endpoints that lead to it.",
    );
    let (input, output) = (object(&json!({}), &[]), listed("services"));
    Verb { name: "service.list", title, doc, effect: Effect::Read, input, output }.handled(
        engine,
        |engine: EngineHandle, _: Nothing, _: CallContext| async move {
            Ok(json!({ "services": engine.services() }))
        },
    )
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

fn service_show(engine: &EngineHandle) -> Operation {
    let (title, doc) = (
        "Show a Nexus service",
        "A Nexus service with its operations: how each is carried out, what it takes and what it gives.",
    );
    let name = json!({ "name": { "type": "string", "minLength": 1, "description": "the service's name" } });
    let (input, output) = (object(&name, &["name"]), json!({ "type": "object" }));
    Verb { name: "service.show", title, doc, effect: Effect::Read, input, output }
        .handled(engine, |engine: EngineHandle, input: Named, _: CallContext| async move {
            engine.service(&input.name)
        })
}

/// The schema of an output that is a list.
fn listed(what: &str) -> Json {
    json!({
        "type": "object",
        "properties": { what: { "type": "array", "items": { "type": "object" } } },
        "required": [what],
    })
}
