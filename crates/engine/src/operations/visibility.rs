//! Lists and counts of runs.

use nexus_kernel::Json;
use nexus_kernel::call::CallContext;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::limits::{PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX};
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::visibility::query::GROUPS_MAX;
use nexus_kernel::visibility::{
    Cursor, Filter, Group, RunCount, RunQuery, SystemAttribute, count_query, list_query,
};
use serde::Deserialize;
use serde_json::json;

use crate::engine::EngineHandle;
use crate::operations::address::{Addressed, addressed};
use crate::operations::{Verb, object};
use crate::view::row_json;

const FILTER_DOC: &str =
    "a condition such as: WorkflowType = 'Checkout' AND StartTime > '2026-01-01T00:00:00Z'";

#[derive(Deserialize)]
struct ListInput {
    namespace: Option<Namespace>,
    filter: Option<String>,
    workflow: Option<String>,
    status: Option<RunStatus>,
    version: Option<Json>,
    after: Option<String>,
    limit: Option<usize>,
}

pub(super) fn run_list(engine: &EngineHandle) -> Operation {
    let statuses: Vec<_> = RunStatus::ALL.iter().map(|status| status.as_str()).collect();
    let input = object(
        &json!({
            "namespace": { "type": "string", "description": "only runs in this namespace" },
            "filter": { "type": "string", "description": format!("{FILTER_DOC}; may end in ORDER BY") },
            "workflow": { "type": "string", "description": "only runs of this workflow" },
            "status": { "enum": statuses, "description": "only runs with this status" },
            "version": {
                "type": ["string", "integer"],
                "description": "only runs of this version of the project: its number, or its build id",
            },
            "after": { "type": "string", "description": "the `next` of the page before" },
            "limit": {
                "type": "integer", "minimum": 1, "maximum": PAGE_ROWS_MAX, "default": PAGE_ROWS_DEFAULT,
                "description": "most runs to list",
            },
        }),
        &[],
    );
    let output = json!({
        "type": "object",
        "properties": {
            "runs": { "type": "array", "items": { "type": "object" } },
            "next": { "type": ["string", "null"], "description": "pass as `after` for the next page" },
        },
        "required": ["runs", "next"],
    });
    let (title, doc) = ("List runs", "Runs that fit a filter: open ones first, then those that closed last.");
    Verb { name: "run.list", title, doc, effect: Effect::Read, input, output }.handled(engine, list_runs)
}

async fn list_runs(engine: EngineHandle, input: ListInput, _: CallContext) -> Result<Json, Error> {
    let schema = engine.schema(input.namespace.as_ref());
    let mut query = list_query(input.filter.as_deref().unwrap_or(""), &schema)?;
    query.filter = narrowed(query.filter, input.workflow, input.status);
    query.filter = Filter::both(query.filter, of_version(&engine, input.version)?);
    query.namespace = input.namespace;
    query.limit = input.limit.unwrap_or(PAGE_ROWS_DEFAULT).min(PAGE_ROWS_MAX);
    query.after = input.after.as_deref().map(|token| Cursor::read(token, &query)).transpose()?;
    let rows = engine.list(query.clone()).await?;
    let next = rows.last().filter(|_| rows.len() == query.limit).map(|last| next_page(&query, last));
    Ok(json!({ "runs": rows.iter().map(row_json).collect::<Vec<_>>(), "next": next }))
}

fn next_page(query: &RunQuery, last: &nexus_kernel::port::runs::RunRow) -> String {
    query.order.cursor(last).token(query)
}

/// Runs of a version, by its number or build id.
fn of_version(engine: &EngineHandle, version: Option<Json>) -> Result<Option<Filter>, Error> {
    let name = match version {
        None => return Ok(None),
        Some(Json::String(name)) => name,
        Some(number) => number.to_string(),
    };
    let version = engine.version(&name)?;
    Ok(Some(Filter::is(SystemAttribute::TemporalWorkerDeploymentVersion, version.build_id())))
}

/// The conditions that are asked for so often that they have fields of their own.
fn narrowed(filter: Option<Filter>, workflow: Option<String>, status: Option<RunStatus>) -> Option<Filter> {
    let workflow = workflow.map(|name| Filter::is(SystemAttribute::WorkflowType, name));
    Filter::both(Filter::both(filter, workflow), status.map(Filter::status))
}

#[derive(Deserialize)]
struct CountInput {
    namespace: Option<Namespace>,
    filter: Option<String>,
    group_by: Option<String>,
}

pub(super) fn run_count(engine: &EngineHandle) -> Operation {
    let group = "one figure for each value: ExecutionStatus, WorkflowType, TaskQueue, Namespace, \
                 TemporalWorkerDeploymentVersion, or an attribute of type Keyword or Bool";
    let input = object(
        &json!({
            "namespace": { "type": "string", "description": "only runs in this namespace" },
            "filter": { "type": "string", "description": format!("{FILTER_DOC}; may end in GROUP BY") },
            "group_by": { "type": "string", "description": group },
        }),
        &[],
    );
    let output = json!({
        "type": "object",
        "properties": {
            "count": { "type": "integer", "description": "all runs that fit" },
            "groups": { "type": "array", "items": { "type": "object" } },
        },
        "required": ["count", "groups"],
    });
    let (title, doc) = ("Count runs", "How many runs fit a filter, in all and by group.");
    Verb { name: "run.count", title, doc, effect: Effect::Read, input, output }.handled(engine, count_runs)
}

async fn count_runs(engine: EngineHandle, input: CountInput, _: CallContext) -> Result<Json, Error> {
    let schema = engine.schema(input.namespace.as_ref());
    let mut text = input.filter.unwrap_or_default();
    if let Some(group) = &input.group_by {
        text = format!("{text} GROUP BY `{}`", group.replace('`', "``"));
    }
    let count = RunCount { namespace: input.namespace, ..count_query(&text, &schema)? };
    let by = count.group.clone();
    let groups = engine.count(count).await?;
    if groups.len() > GROUPS_MAX {
        let name = by.as_ref().map_or("", |by| by.name());
        let message = format!("{name} has more than {GROUPS_MAX} values among these runs");
        return Err(
            Error::new(&code::FILTER_INVALID, message).help("narrow the filter, or group by something else")
        );
    }
    let total: u64 = groups.iter().map(|group| group.count).sum();
    let shown = |group: &Group| {
        let by = by.as_ref()?;
        let value = group.value.as_ref().map_or(Json::Null, |value| value.shown(by));
        Some(json!({ "value": value, "count": group.count }))
    };
    Ok(json!({ "count": total, "groups": groups.iter().filter_map(shown).collect::<Vec<_>>() }))
}

#[derive(Deserialize)]
struct AttributesInput {
    namespace: Option<Namespace>,
}

pub(super) fn run_attributes(engine: &EngineHandle) -> Operation {
    let input = object(
        &json!({ "namespace": { "type": "string", "description": "only attributes of this namespace" } }),
        &[],
    );
    let output = json!({
        "type": "object",
        "properties": { "attributes": { "type": "array", "items": { "type": "object" } } },
        "required": ["attributes"],
    });
    let (title, doc) = ("List search attributes", "What runs can be searched by, with types.");
    let verb = Verb { name: "run.attributes", title, doc, effect: Effect::Read, input, output };
    verb.handled(engine, |engine: EngineHandle, input: AttributesInput, _| async move {
        let schema = engine.schema(input.namespace.as_ref());
        let system = SystemAttribute::ALL
            .into_iter()
            .map(|it| json!({ "name": it.as_str(), "type": it.kind().as_str(), "system": true }));
        let custom =
            schema.iter().map(|(name, kind)| json!({ "name": name, "type": kind.as_str(), "system": false }));
        Ok(json!({ "attributes": system.chain(custom).collect::<Vec<_>>() }))
    })
}

#[derive(Deserialize)]
struct DeleteInput {
    #[serde(flatten)]
    run: Addressed,
}

pub(super) fn run_delete(engine: &EngineHandle) -> Operation {
    let input = addressed(json!({}), &[]);
    let (title, doc) =
        ("Delete a closed run", "Deletes a closed run with its history. There is no way back.");
    let output = json!({ "type": "object" });
    let verb = Verb { name: "run.delete", title, doc, effect: Effect::Write, input, output };
    verb.handled(engine, |engine: EngineHandle, input: DeleteInput, _| async move {
        engine.delete(&input.run.run(&engine).await?).await?;
        Ok(json!({}))
    })
}
