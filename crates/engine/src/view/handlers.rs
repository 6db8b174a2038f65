//! What can be said to runs of a workflow: its signals, queries and updates, with what they take and answer.

use nexus_kernel::Json;
use nexus_kernel::error::Error;
use nexus_kernel::port::runs::RunRow;
use nexus_lang::twf::ast::HandlerKind;
use nexus_lang::twf::program::{HandlerInfo, WorkflowInfo};
use serde_json::{Map, json};

use crate::shard::Shared;
use crate::shard::load::damaged;
use crate::state::KeyState;

/// The lists that handlers are told in, with the kind of each.
const LISTS: [(&str, HandlerKind); 3] =
    [("signals", HandlerKind::Signal), ("queries", HandlerKind::Query), ("updates", HandlerKind::Update)];

/// The handlers of a workflow: a list for each kind, in the order of the sources.
pub(crate) fn of(workflow: &WorkflowInfo) -> Map<String, Json> {
    let list = |kind: HandlerKind| -> Json {
        workflow.handlers.iter().filter(|it| it.kind == kind).map(|it| told(it, kind)).collect()
    };
    LISTS.into_iter().map(|(name, kind)| (name.to_owned(), list(kind))).collect()
}

fn told(handler: &HandlerInfo, kind: HandlerKind) -> Json {
    let mut told = json!({ "name": handler.name, "doc": handler.doc, "input": handler.input_schema });
    if let (Some(fields), false) = (told.as_object_mut(), kind == HandlerKind::Signal) {
        fields.insert("output".into(), handler.result_schema.clone());
    }
    told
}

/// The schema of [`of`].
pub(crate) fn schema() -> Map<String, Json> {
    let list = |answers: bool| {
        let mut properties =
            json!({ "name": { "type": "string" }, "doc": { "type": "string" }, "input": {} });
        if let (Some(fields), true) = (properties.as_object_mut(), answers) {
            fields.insert("output".into(), json!({}));
        }
        let item =
            json!({ "type": "object", "properties": properties, "required": ["name", "doc", "input"] });
        json!({ "type": "array", "items": item })
    };
    LISTS.into_iter().map(|(name, kind)| (name.to_owned(), list(kind != HandlerKind::Signal))).collect()
}

/// The handlers of a run, by the very definition that it goes by: a later one may have others.
pub(crate) async fn of_run(shared: &Shared, row: RunRow) -> Result<Json, Error> {
    let stored = shared.store.read(&row.key, 0).await?;
    let state = KeyState::fold(&row.key.namespace, &stored).map_err(|why| damaged(&row.key, &why))?;
    let run = state.run(&row.run_id).ok_or_else(|| damaged(&row.key, "a listed run has no records"))?;
    let definition = shared.definitions.load(run.definition()).await?;
    let mut told = Map::new();
    told.insert("run_id".into(), json!(row.run_id));
    told.insert("workflow_id".into(), json!(row.key.workflow_id));
    told.insert("namespace".into(), json!(row.key.namespace));
    told.insert("workflow".into(), json!(row.workflow));
    let found = definition.program.workflow(&row.workflow);
    told.extend(found.ok_or_else(|| damaged(&row.key, "its definition lacks its workflow")).map(of)?);
    Ok(Json::Object(told))
}
