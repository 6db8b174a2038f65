//! How verbs name a run: by its id, or by the workflow id that its caller chose.

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::{Namespace, RunId, WorkflowId};
use serde::Deserialize;
use serde_json::{Map, json};

use crate::engine::{Address, EngineHandle};

/// The fields that name a run.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Addressed {
    run_id: Option<String>,
    workflow_id: Option<String>,
    namespace: Option<String>,
}

impl Addressed {
    /// Whether no run is named.
    pub(crate) fn is_empty(&self) -> bool {
        self.run_id.is_none() && self.workflow_id.is_none()
    }

    /// The run that is meant.
    pub(crate) async fn resolve(&self, engine: &EngineHandle) -> Result<Address, Error> {
        match (&self.run_id, &self.workflow_id) {
            (Some(run), None) => engine.address_of_run(&RunId::parse(run)?).await,
            (None, Some(id)) => {
                let namespace = self.namespace.as_deref().map(Namespace::new).transpose()?;
                engine.address_of_id(&WorkflowId::new(id)?, namespace.as_ref()).await
            }
            _ => Err(Error::new(&code::INPUT_INVALID, "the input names no run, or names it twice")
                .fault("/run_id", "give either `run_id` or `workflow_id`")
                .help("`workflow_id` means whichever run of that id is the latest")),
        }
    }

    /// The id of the run that is meant: of a workflow id, the run that was started last.
    pub(crate) async fn run(&self, engine: &EngineHandle) -> Result<RunId, Error> {
        match (&self.run_id, &self.workflow_id) {
            (Some(run), None) => RunId::parse(run),
            _ => engine.run_at(&self.resolve(engine).await?).await,
        }
    }
}

/// The schema of an input that names a run, with further properties.
pub(crate) fn addressed(more: Json, required: &[&str]) -> Json {
    let mut properties = Map::new();
    let run = json!({
        "type": "string",
        "description": "the run, for example run_0688ab1tdpv3h9m5x7cq2wnk4e",
    });
    let id = json!({
        "type": "string",
        "description": "instead of `run_id`: the workflow id, for whichever run of it is the latest",
    });
    let namespace = json!({
        "type": "string",
        "description": "where the workflow id is, when several namespaces have it",
    });
    properties.insert("run_id".into(), run);
    properties.insert("workflow_id".into(), id);
    properties.insert("namespace".into(), namespace);
    if let Json::Object(more) = more {
        properties.extend(more);
    }
    super::object(&Json::Object(properties), required)
}
