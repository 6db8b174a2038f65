//! The schemas that operations share, and what every operation refers to.

use nexus_kernel::Json;
use nexus_kernel::limits::ID_BYTES_MAX;
use serde_json::{Map, json};

use crate::limits::IDEMPOTENCY_KEY_BYTES_MAX;

/// What is under `components`.
#[derive(Default)]
pub(super) struct Components {
    schemas: Map<String, Json>,
}

impl Components {
    /// A schema of an operation as the document has it: its definitions become schemas of the document, and references to
    /// them are written from there. Definitions of the same name are one when they are the same, and are told apart by the
    /// operation's name otherwise.
    pub(super) fn take(&mut self, schema: &Json, owner: &str) -> Json {
        let mut schema = schema.clone();
        let definitions = schema.as_object_mut().and_then(|fields| fields.shift_remove("$defs"));
        let definitions = match definitions {
            Some(Json::Object(definitions)) => definitions,
            _ => Map::new(),
        };
        let place = |name: &String| (name.clone(), self.name_for(name, &definitions, owner));
        let places: Map<String, Json> =
            definitions.keys().map(place).map(|(own, new)| (own, new.into())).collect();
        for (name, mut definition) in definitions {
            let new = places.get(&name).and_then(Json::as_str).unwrap_or(&name).to_owned();
            rewrite(&mut definition, &places);
            self.schemas.insert(new, definition);
        }
        rewrite(&mut schema, &places);
        schema
    }

    fn name_for(&self, name: &str, definitions: &Map<String, Json>, owner: &str) -> String {
        let plain = tidy(name);
        let mut own = definitions.get(name).cloned().unwrap_or_default();
        let same_names = definitions.keys().map(|name| (name.clone(), tidy(name).into())).collect();
        rewrite(&mut own, &same_names);
        match self.schemas.get(&plain) {
            None => plain,
            Some(other) if *other == own => plain,
            Some(_) => tidy(&format!("{owner}.{name}")),
        }
    }

    /// The whole section.
    pub(super) fn into_json(self) -> Json {
        let mut schemas = self.schemas;
        schemas.insert("Problem".into(), problem());
        schemas.insert("Started".into(), started());
        json!({ "schemas": schemas, "responses": responses(), "parameters": parameters() })
    }
}

/// A name in the letters that OpenAPI takes.
fn tidy(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    name.chars().map(|c| if fits(c) { c } else { '_' }).collect()
}

/// Writes references to definitions as references to schemas of the document.
fn rewrite(schema: &mut Json, places: &Map<String, Json>) {
    match schema {
        Json::Array(items) => items.iter_mut().for_each(|item| rewrite(item, places)),
        Json::Object(fields) => {
            if let Some(Json::String(reference)) = fields.get_mut("$ref")
                && let Some(name) = reference.strip_prefix("#/$defs/")
                && let Some(place) =
                    places.get(&name.replace("~1", "/").replace("~0", "~")).and_then(Json::as_str)
            {
                *reference = format!("#/components/schemas/{place}");
            }
            fields
                .iter_mut()
                .filter(|(name, _)| *name != "$ref")
                .for_each(|(_, value)| rewrite(value, places));
        }
        _ => {}
    }
}

fn problem() -> Json {
    json!({
        "type": "object",
        "description": "Problem details (RFC 9457).",
        "properties": {
            "type": { "type": "string", "description": "the page of the code on this server" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "code": { "type": "string", "pattern": "^NX-[0-9]{4}$" },
            "detail": { "type": "string" },
            "help": { "type": "string", "description": "what to do about it" },
            "faults": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "at": { "type": "string", "description": "a JSON pointer into the input" },
                        "message": { "type": "string" },
                    },
                    "required": ["at", "message"],
                },
            },
            "run": { "type": "string", "description": "the run that it is about" },
            "failure": { "type": "object", "description": "why the run failed" },
            "request_id": { "type": "string" },
        },
        "required": ["type", "title", "status", "code", "detail", "request_id"],
    })
}

fn started() -> Json {
    json!({
        "type": "object",
        "description": "A run, and its output once it has completed.",
        "properties": {
            "run_id": { "type": "string" },
            "workflow_id": { "type": "string" },
            "namespace": { "type": "string" },
            "workflow": { "type": "string" },
            "status": { "type": "string" },
            "output": {},
        },
        "required": ["run_id", "workflow_id", "namespace", "workflow", "status"],
    })
}

fn responses() -> Json {
    let problem =
        json!({ "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } });
    json!({ "Problem": { "description": "What went wrong, and what to do about it.", "content": problem } })
}

fn parameters() -> Json {
    let text = |name: &str, place: &str, doc: &str| json!({ "name": name, "in": place, "description": doc, "schema": { "type": "string" } });
    let wait = text("wait", "query", "how long to wait for the end of the run, for example 30s; at most 10m");
    let key = text("Idempotency-Key", "header", "equal keys of one caller start the work once");
    let workflow_id = text("X-Workflow-Id", "header", "the caller's own id for the work");
    let request_id = text("X-Request-ID", "header", "correlates the call with logs and answers");
    let limited = |mut parameter: Json, schema: Json| {
        if let Some(fields) = parameter.as_object_mut() {
            fields.insert("schema".into(), schema);
        }
        parameter
    };
    json!({
        "Wait": limited(wait, json!({ "type": "string", "pattern": "^[0-9]{1,3}(ms|s)?$" })),
        "IdempotencyKey": limited(key, json!({ "type": "string", "minLength": 1, "maxLength": IDEMPOTENCY_KEY_BYTES_MAX })),
        "WorkflowId": limited(workflow_id, json!({ "type": "string", "minLength": 1, "maxLength": ID_BYTES_MAX })),
        "RequestId": request_id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_become_schemas_of_the_document() {
        let mut components = Components::default();
        let schema = json!({
            "properties": { "a": { "$ref": "#/$defs/Item" }, "$ref": { "type": "string" } },
            "$defs": { "Item": { "properties": { "next": { "$ref": "#/$defs/Item" } } } },
        });
        let taken = components.take(&schema, "Checkout");
        assert_eq!(taken["properties"]["a"]["$ref"], "#/components/schemas/Item");
        assert_eq!(taken["properties"]["$ref"]["type"], "string", "a field may be called so");
        components.take(&schema, "Refund");
        let other = json!({ "$ref": "#/$defs/Item", "$defs": { "Item": { "type": "string" } } });
        assert_eq!(components.take(&other, "Refund")["$ref"], "#/components/schemas/Refund.Item");
        let all = components.into_json();
        assert_eq!(all["schemas"]["Item"]["properties"]["next"]["$ref"], "#/components/schemas/Item");
        assert_eq!(all["schemas"]["Refund.Item"]["type"], "string");
    }
}
