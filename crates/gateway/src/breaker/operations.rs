//! The verb of circuit breakers.

use nexus_kernel::Json;
use nexus_kernel::call::CallContext;
use nexus_kernel::error::Error;
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::verb::{Verb, object};
use serde::Deserialize;
use serde_json::json;

use super::{Breakers, Phase, Shown, Target};

impl Breakers {
    /// The verbs, for the catalogue.
    pub fn operations(&self) -> Vec<Operation> {
        vec![list_verb().handled(self, list)]
    }
}

#[derive(Deserialize)]
struct Nothing {}

fn list_verb() -> Verb {
    let breaker = json!({
        "type": "object",
        "properties": {
            "kind": { "enum": ["workflow", "host"] },
            "name": { "type": "string", "description": "the workflow with its namespace, or the host" },
            "state": { "enum": ["closed", "open", "half_open"] },
            "failures": { "type": "integer", "description": "failures in the window, while it is closed" },
            "calls": { "type": "integer", "description": "calls in the window, while it is closed" },
            "retry_after_ms": { "type": "integer", "description": "how long until it is tried again, while it is open" },
        },
        "required": ["kind", "name", "state", "failures", "calls", "retry_after_ms"],
    });
    Verb {
        name: "breaker.list",
        title: "List circuit breakers",
        doc: "The circuit breakers that were used since the server was started, and where each of them stands.",
        effect: Effect::Read,
        input: object(&json!({}), &[]),
        output: json!({
            "type": "object",
            "properties": { "breakers": { "type": "array", "items": breaker } },
            "required": ["breakers"],
        }),
    }
}

async fn list(breakers: Breakers, _: Nothing, _: CallContext) -> Result<Json, Error> {
    Ok(json!({ "breakers": breakers.list().iter().map(to_json).collect::<Vec<_>>() }))
}

fn to_json(shown: &Shown) -> Json {
    let (kind, name) = match &shown.target {
        Target::Operation(id) => ("workflow", id),
        Target::Host(host) => ("host", host),
    };
    let (state, calls, failures) = match shown.phase {
        Phase::Closed { calls, failures, .. } => ("closed", calls, failures),
        Phase::Open { .. } => ("open", 0, 0),
        Phase::HalfOpen { .. } => ("half_open", 0, 0),
    };
    json!({
        "kind": kind,
        "name": name,
        "state": state,
        "failures": failures,
        "calls": calls,
        "retry_after_ms": u64::try_from(shown.left.as_millis()).unwrap_or(u64::MAX),
    })
}
