//! The OpenAPI 3.1 document: one operation for each workflow, for each verb and for each path that a workflow declares.
//!
//! It is rendered from the catalogue like everything else, so it cannot say what is not so. OpenAPI 3.1 takes JSON Schema
//! 2020-12 as it is; only definitions move, because references are written from the root of the document.

mod components;
mod paths;

use std::sync::Arc;

use nexus_kernel::Json;
use nexus_kernel::operation::Operation;
use serde_json::{Map, json};

use components::Components;

/// The document for a state of the catalogue.
pub(crate) fn document(operations: &[Arc<Operation>], version: &str) -> Json {
    let mut components = Components::default();
    let mut paths = Map::new();
    for operation in operations {
        for (path, method, described) in paths::of(operation, &mut components) {
            let at = paths.entry(path).or_insert_with(|| json!({}));
            if let Some(methods) = at.as_object_mut() {
                methods.insert(method.to_owned(), described);
            }
        }
    }
    for (path, methods) in paths::fixed() {
        paths.insert(path, methods);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Nexus",
            "version": version,
            "description": "Every workflow and every verb of this server. A run that was started is durable: its answer \
                can be asked for again at any time. Errors are problem details (RFC 9457) with a code that has a page.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "tags": tags(operations),
        "paths": paths,
        "components": components.into_json(),
    })
}

/// The groups of operations: namespaces for workflows, nouns for verbs.
fn tags(operations: &[Arc<Operation>]) -> Json {
    let mut names: Vec<String> = operations.iter().map(|operation| paths::group(operation)).collect();
    names.sort();
    names.dedup();
    names.push("server".to_owned());
    names.into_iter().map(|name| json!({ "name": name })).collect()
}
