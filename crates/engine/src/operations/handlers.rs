//! `run.handlers`: what can be said to a run.

use nexus_kernel::Json;
use nexus_kernel::call::CallContext;
use nexus_kernel::error::Error;
use nexus_kernel::operation::{Effect, Operation};
use serde_json::{Map, json};

use super::Verb;
use super::address::{Addressed, addressed};
use crate::engine::EngineHandle;
use crate::view::handlers;

/// The verb.
pub(super) fn operation(engine: &EngineHandle) -> Operation {
    let text = json!({ "type": "string" });
    let own = ["run_id", "workflow_id", "namespace", "workflow"];
    let mut properties: Map<String, Json> =
        own.map(|name| (name.to_owned(), text.clone())).into_iter().collect();
    properties.extend(handlers::schema());
    let required: Vec<&String> = properties.keys().collect();
    let output = json!({ "type": "object", "required": required, "properties": properties });
    let verb = Verb {
        name: "run.handlers",
        title: "List what a run answers to",
        doc: "The signals, queries and updates that a run's workflow declares, each with its documentation and the \
              schemas of its arguments and answer: those of the version of the project that the run goes by.",
        effect: Effect::Read,
        input: addressed(json!({}), &[]),
        output,
    };
    verb.handled(engine, list)
}

async fn list(engine: EngineHandle, run: Addressed, _: CallContext) -> Result<Json, Error> {
    engine.handlers(&run.run(&engine).await?).await
}
