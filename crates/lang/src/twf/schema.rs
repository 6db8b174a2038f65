//! JSON Schema (2020-12) of declared types, and plausible values of them.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::shape::{FieldShape, Shape, Types};

/// How deep declared types that contain themselves are synthesised.
const SYNTHESIS_DEPTH_MAX: u32 = 4;

/// The schema of a value. Declared types stand under `$defs`, so that types may refer to themselves.
pub fn schema(types: &Types, shape: &Shape) -> Json {
    let mut named = BTreeSet::new();
    let made = of_shape(shape, &mut named);
    with_definitions(types, made, named)
}

/// The schema of an input: a closed object with the parameters by name.
pub fn input_schema(types: &Types, title: &str, doc: &str, params: &[FieldShape]) -> Json {
    let mut named = BTreeSet::new();
    let mut made = of_fields(params, &mut named);
    if let Json::Object(object) = &mut made {
        object.insert("title".into(), title.into());
        if !doc.is_empty() {
            object.insert("description".into(), doc.into());
        }
    }
    with_definitions(types, made, named)
}

fn with_definitions(types: &Types, made: Json, mut open: BTreeSet<String>) -> Json {
    let mut definitions = Map::new();
    while let Some(name) = open.pop_first() {
        let Some(record) = types.get(&name).filter(|_| !definitions.contains_key(&name)) else { continue };
        let mut found = BTreeSet::new();
        let mut definition = of_fields(&record.fields, &mut found);
        if let Json::Object(object) = &mut definition {
            object.insert("title".into(), name.as_str().into());
            if !record.doc.is_empty() {
                object.insert("description".into(), record.doc.as_str().into());
            }
        }
        definitions.insert(name, definition);
        open.extend(found.into_iter().filter(|name| !definitions.contains_key(name)));
    }
    let mut whole = Map::new();
    whole.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    if let Json::Object(object) = made {
        whole.extend(object);
    }
    if !definitions.is_empty() {
        whole.insert("$defs".into(), Json::Object(definitions));
    }
    Json::Object(whole)
}

fn of_fields(fields: &[FieldShape], named: &mut BTreeSet<String>) -> Json {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in fields {
        let mut property = of_shape(&field.shape, named);
        if let Json::Object(object) = &mut property {
            if !field.doc.is_empty() {
                object.insert("description".into(), field.doc.as_str().into());
            }
            if let Some(default) = field.default.as_ref().filter(|default| !default.is_null()) {
                object.insert("default".into(), default.clone());
            }
        }
        properties.insert(field.name.to_string(), property);
        if field.is_required() {
            required.push(Json::from(&*field.name));
        }
    }
    let mut made = json!({ "type": "object", "properties": properties });
    if let Json::Object(object) = &mut made {
        if !required.is_empty() {
            object.insert("required".into(), Json::Array(required));
        }
        object.insert("additionalProperties".into(), false.into());
    }
    made
}

fn of_shape(shape: &Shape, named: &mut BTreeSet<String>) -> Json {
    match shape {
        Shape::Any(None) => json!({}),
        Shape::Any(Some(label)) => json!({ "title": &**label }),
        Shape::Null => json!({ "type": "null" }),
        Shape::Str => json!({ "type": "string" }),
        Shape::Bytes => json!({ "type": "string", "contentEncoding": "base64" }),
        Shape::Int => json!({ "type": "integer" }),
        Shape::Decimal => json!({ "type": ["string", "number"], "title": "decimal" }),
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Duration => json!({
            "type": ["string", "number"], "title": "duration",
            "description": "`5m`, ISO 8601 such as `PT5M`, or seconds",
        }),
        Shape::Timestamp => json!({ "type": "string", "format": "date-time" }),
        Shape::List(item) => json!({ "type": "array", "items": of_shape(item, named) }),
        Shape::Map(value) => json!({ "type": "object", "additionalProperties": of_shape(value, named) }),
        Shape::Named(name) => {
            named.insert(name.to_string());
            json!({ "$ref": format!("#/$defs/{name}") })
        }
        Shape::Record(fields) => {
            let fields: Vec<FieldShape> = fields
                .iter()
                .map(|(name, shape)| FieldShape {
                    name: name.clone(),
                    doc: String::new(),
                    shape: shape.clone(),
                    default: None,
                })
                .collect();
            of_fields(&fields, named)
        }
        Shape::Tuple(items) => {
            let items: Vec<Json> = items.iter().map(|item| of_shape(item, named)).collect();
            json!({ "type": "array", "prefixItems": items, "minItems": items.len(), "maxItems": items.len() })
        }
        Shape::Nullable(inner) => json!({ "anyOf": [of_shape(inner, named), { "type": "null" }] }),
    }
}

/// A plausible value of a type, always the same: what stub mode answers with.
pub fn synthesise(types: &Types, shape: &Shape) -> Json {
    value_of(types, shape, "value", 0)
}

fn value_of(types: &Types, shape: &Shape, name: &str, depth: u32) -> Json {
    match shape {
        // An object, so that fields of an undeclared type can be read: they are null.
        Shape::Any(_) => json!({}),
        Shape::Null => Json::Null,
        Shape::Str => Json::from(format!("{name}-1")),
        Shape::Bytes => Json::from("AAECAw=="),
        Shape::Int => Json::from(1),
        Shape::Decimal => Json::from("1.00"),
        Shape::Bool => Json::from(true),
        Shape::Duration => Json::from("PT1M"),
        Shape::Timestamp => Json::from("2026-01-01T00:00:00Z"),
        Shape::List(_) | Shape::Map(_) | Shape::Nullable(_) if depth >= SYNTHESIS_DEPTH_MAX => match shape {
            Shape::List(_) => json!([]),
            Shape::Map(_) => json!({}),
            _ => Json::Null,
        },
        Shape::List(item) => Json::Array(vec![value_of(types, item, name, depth + 1)]),
        Shape::Map(value) => json!({ "key": value_of(types, value, name, depth + 1) }),
        Shape::Nullable(inner) => value_of(types, inner, name, depth + 1),
        Shape::Tuple(items) => items.iter().map(|item| value_of(types, item, name, depth + 1)).collect(),
        Shape::Record(fields) => {
            let fields = fields
                .iter()
                .map(|(name, shape)| (name.to_string(), value_of(types, shape, name, depth + 1)));
            Json::Object(fields.collect())
        }
        Shape::Named(type_name) => {
            let Some(record) = types.get(type_name).filter(|_| depth < 2 * SYNTHESIS_DEPTH_MAX) else {
                return Json::Null;
            };
            let fields = record.fields.iter().map(|field| {
                let value = match &field.default {
                    Some(default) => default.clone(),
                    None => value_of(types, &field.shape, &field.name, depth + 1),
                };
                (field.name.to_string(), value)
            });
            Json::Object(fields.collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::shape::RecordShape;
    use super::*;

    fn field(name: &str, shape: Shape, default: Option<Json>) -> FieldShape {
        FieldShape { name: name.into(), doc: String::new(), shape, default }
    }

    fn types() -> Types {
        let mut types = Types::default();
        let node = Shape::Nullable(Box::new(Shape::Named("Node".into())));
        let fields = vec![
            FieldShape { doc: "who".into(), ..field("id", Shape::Str, None) },
            field("next", node, None),
            field("weight", Shape::Decimal, Some(json!("1.5"))),
        ];
        types.declare("Node", RecordShape { doc: "a node".into(), fields });
        types
    }

    #[test]
    fn declared_types_are_closed_and_may_contain_themselves() {
        let params =
            [field("node", Shape::Named("Node".into()), None), field("limit", Shape::Int, Some(json!(10)))];
        assert_eq!(
            input_schema(&types(), "Walk", "walks", &params),
            json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {
                    "node": { "$ref": "#/$defs/Node" },
                    "limit": { "type": "integer", "default": 10 },
                },
                "required": ["node"],
                "additionalProperties": false,
                "title": "Walk",
                "description": "walks",
                "$defs": { "Node": {
                    "type": "object",
                    "properties": {
                        "id": { "type": "string", "description": "who" },
                        "next": { "anyOf": [{ "$ref": "#/$defs/Node" }, { "type": "null" }] },
                        "weight": { "type": ["string", "number"], "title": "decimal", "default": "1.5" },
                    },
                    "required": ["id"],
                    "additionalProperties": false,
                    "title": "Node",
                    "description": "a node",
                } },
            })
        );
    }

    #[test]
    fn synthesised_values_fit_their_type_and_end() {
        use super::super::boundary::Importer;
        use super::super::heap::Heap;
        let (types, shape) = (types(), Shape::List(Box::new(Shape::Named("Node".into()))));
        let value = synthesise(&types, &shape);
        assert_eq!(value[0]["id"], "id-1");
        let mut heap = Heap::default();
        Importer { heap: &mut heap, types: &types }.import(&value, &shape, "value").unwrap();
    }
}
