//! Symbols: what a file defines, without bodies.

use serde_json::{Map, Value, json};

use super::source::File;
use crate::text::source::Sources;
use crate::twf::ast::{Definition, HandlerKind, Ident, QName, ServiceOperation, Type, Workflow};
use crate::twf::check::ParsedUnit;

/// One object for each definition, in order.
pub(super) fn symbols(units: &[ParsedUnit<'_>], sources: &Sources) -> Value {
    let mut all = Vec::new();
    for unit in units {
        let file = File::new(unit.source, sources);
        all.extend(unit.unit.definitions.iter().map(|it| symbol(it, &file)));
    }
    Value::Array(all)
}

fn symbol(it: &Definition, file: &File<'_>) -> Value {
    let map = match it {
        Definition::Workflow(it) => return workflow(it, file),
        Definition::Activity(it) => signed(head("activity", &it.name), &it.name, &it.result, file),
        Definition::Service(it) => {
            let operations = it.operations.iter().map(|it| {
                let kind = if matches!(it, ServiceOperation::Async { .. }) { "async" } else { "sync" };
                json!({ "name": it.name().name.as_str(), "params": kind })
            });
            with(head("nexusService", &it.name), "operations", operations.collect())
        }
        Definition::Worker(it) => {
            let map = with(head("worker", &it.name), "workflows", names(&it.workflows));
            let map = with(map, "activities", names(&it.activities));
            with(map, "services", names(&it.services))
        }
        Definition::Namespace(it) => {
            let workers = it.workers.iter().map(|(name, _)| json!({ "name": name.name.as_str() }));
            let endpoints = it.endpoints.iter().map(|it| json!({ "name": it.name.name.as_str() }));
            let map = with(head("namespace", &it.name), "workers", workers.collect());
            with(map, "endpoints", endpoints.collect())
        }
        Definition::Endpoint(it) => head("nexusEndpoint", &it.name),
        Definition::Type(it) => head("type", &it.name),
    };
    Value::Object(map)
}

fn workflow(it: &Workflow, file: &File<'_>) -> Value {
    let mut map = signed(head("workflow", &it.name), &it.name, &it.result, file);
    for (key, kind) in
        [("signals", HandlerKind::Signal), ("queries", HandlerKind::Query), ("updates", HandlerKind::Update)]
    {
        let all = it.handlers.iter().filter(|handler| handler.kind == kind).map(|handler| {
            let mut map = Map::new();
            map.insert("name".to_string(), json!(handler.name.name.as_str()));
            Value::Object(signed(map, &handler.name, &handler.result, file))
        });
        map = with(map, key, all.collect());
    }
    Value::Object(map)
}

fn head(kind: &str, name: &Ident) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("kind".to_string(), json!(kind));
    map.insert("name".to_string(), json!(name.name.as_str()));
    map
}

/// Adds what there is of `params` and `returnType`.
fn signed(mut map: Map<String, Value>, name: &Ident, result: &[Type], file: &File<'_>) -> Map<String, Value> {
    let params = file.params(name);
    if !params.is_empty() {
        map.insert("params".to_string(), json!(params));
    }
    if !result.is_empty() {
        map.insert("returnType".to_string(), json!(file.result(result)));
    }
    map
}

fn with(mut map: Map<String, Value>, key: &str, all: Vec<Value>) -> Map<String, Value> {
    if !all.is_empty() {
        map.insert(key.to_string(), Value::Array(all));
    }
    map
}

fn names(all: &[QName]) -> Vec<Value> {
    all.iter().map(|it| json!({ "name": it.name.name.as_str() })).collect()
}
