//! What values a field takes, read from its JSON Schema as far as a command line can use it.
//!
//! A schema says more than a flag can ask for. What is not understood here is taken as JSON, and whoever carries the
//! operation out checks it against the whole schema anyway.

use std::collections::BTreeSet;

use nexus_kernel::Json;
use serde_json::Map;

/// References that lead to references are followed this far: a schema may refer to itself.
const REFERENCES_MAX: usize = 16;

/// The values of a field.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Whether null is one of them.
    pub nullable: bool,
    /// What the others are.
    pub kind: Kind,
}

/// The values of a field beside null.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Texts, with a word for what they hold.
    Text(&'static str),
    /// Whole numbers.
    Integer,
    /// Numbers.
    Number,
    /// True and false.
    Boolean,
    /// These values and no others.
    Choice(Vec<Json>),
    /// Several values of one shape.
    List(Box<Shape>),
    /// Values of one shape by names of the caller's choice.
    Map(Box<Shape>),
    /// An object with known fields.
    Object,
    /// Values of several types, texts among them or not.
    Union(Vec<Basic>),
    /// Any JSON at all.
    Any,
}

/// The types of JSON that a union is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basic {
    /// `string`
    Text,
    /// `integer`
    Integer,
    /// `number`
    Number,
    /// `boolean`
    Boolean,
    /// `array`
    Array,
    /// `object`
    Object,
}

impl Basic {
    /// The type of this name in JSON Schema.
    pub fn named(name: &str) -> Option<Basic> {
        Some(match name {
            "string" => Basic::Text,
            "integer" => Basic::Integer,
            "number" => Basic::Number,
            "boolean" => Basic::Boolean,
            "array" => Basic::Array,
            "object" => Basic::Object,
            _ => return None,
        })
    }

    /// Its name in JSON Schema.
    pub fn name(self) -> &'static str {
        match self {
            Basic::Text => "string",
            Basic::Integer => "integer",
            Basic::Number => "number",
            Basic::Boolean => "boolean",
            Basic::Array => "array",
            Basic::Object => "object",
        }
    }

    /// Whether a value is of this type.
    pub fn fits(self, value: &Json) -> bool {
        match (self, value) {
            (Basic::Text, Json::String(_))
            | (Basic::Number, Json::Number(_))
            | (Basic::Boolean, Json::Bool(_))
            | (Basic::Array, Json::Array(_))
            | (Basic::Object, Json::Object(_)) => true,
            (Basic::Integer, Json::Number(number)) => {
                number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|it| it.fract() == 0.0)
            }
            _ => false,
        }
    }
}

/// A schema, for what is read from its parts.
pub(super) struct Schema<'a> {
    root: &'a Json,
}

impl<'a> Schema<'a> {
    pub(super) fn new(root: &'a Json) -> Schema<'a> {
        Schema { root }
    }

    /// A part of the schema with what it refers to; what it says itself comes first.
    pub(super) fn resolve(&self, part: &Json) -> Map<String, Json> {
        let mut found = part.as_object().cloned().unwrap_or_default();
        for _ in 0..REFERENCES_MAX {
            let next = match (found.remove("$ref"), only_alternative(&found)) {
                (Some(Json::String(reference)), _) => self.pointed(&reference),
                (_, Some((key, only))) => {
                    found.remove(key);
                    Some(only)
                }
                _ => None,
            };
            let Some(Json::Object(next)) = next else { break };
            for (name, value) in next {
                found.entry(name).or_insert(value);
            }
        }
        // What is told to people of the one alternative beside null is told of the field.
        let told = or_null(&found).map(|only| self.resolve(only)).unwrap_or_default();
        for (name, value) in told {
            if matches!(name.as_str(), "description" | "title" | "format") {
                found.entry(name).or_insert(value);
            }
        }
        found
    }

    /// The object of a field that may be null as well.
    pub(super) fn object(&self, resolved: &Map<String, Json>) -> Map<String, Json> {
        or_null(resolved).map_or_else(|| resolved.clone(), |only| self.resolve(only))
    }

    /// What `#/$defs/Name` points to.
    fn pointed(&self, reference: &str) -> Option<Json> {
        self.root.pointer(reference.strip_prefix('#')?).cloned()
    }

    /// The fields of an object, in the schema's order.
    pub(super) fn properties(&self, object: &impl AsFields) -> Map<String, Json> {
        let mut found = Map::new();
        let fields = object.as_fields();
        for (name, schema) in fields.and_then(|it| it.get("properties")?.as_object()).into_iter().flatten() {
            // `false` is the schema of what may never be given.
            if *schema != Json::Bool(false) {
                found.insert(name.clone(), schema.clone());
            }
        }
        for part in fields.and_then(|it| it.get("allOf")?.as_array()).into_iter().flatten() {
            let part = Json::Object(self.resolve(part));
            found.extend(self.properties(&part));
        }
        found
    }

    /// The fields that an object must have.
    pub(super) fn required(&self, object: &impl AsFields) -> BTreeSet<String> {
        let fields = object.as_fields();
        let list = fields.and_then(|it| it.get("required")?.as_array()).into_iter().flatten();
        let mut found: BTreeSet<String> =
            list.filter_map(|name| name.as_str().map(ToOwned::to_owned)).collect();
        for part in fields.and_then(|it| it.get("allOf")?.as_array()).into_iter().flatten() {
            found.extend(self.required(&self.resolve(part)));
        }
        found
    }

    /// The values that a part of the schema describes.
    pub(super) fn shape(&self, part: &Json) -> Shape {
        self.shape_at(part, 0)
    }

    fn shape_at(&self, part: &Json, depth: usize) -> Shape {
        if depth > REFERENCES_MAX {
            return Shape { nullable: true, kind: Kind::Any };
        }
        let schema = self.resolve(part);
        if let Some(values) = constants(&schema) {
            let (nulls, others): (Vec<Json>, Vec<Json>) = values.into_iter().partition(Json::is_null);
            return Shape { nullable: !nulls.is_empty(), kind: Kind::Choice(others) };
        }
        if let Some(alternatives) = ["anyOf", "oneOf"].iter().find_map(|key| schema.get(*key)?.as_array()) {
            return self.alternatives(alternatives, depth);
        }
        let named: Vec<&str> = match schema.get("type") {
            Some(Json::String(name)) => vec![name],
            Some(Json::Array(names)) => names.iter().filter_map(Json::as_str).collect(),
            _ => Vec::new(),
        };
        let nullable = named.contains(&"null");
        let types: Vec<Basic> = named.iter().filter_map(|name| Basic::named(name)).collect();
        let kind = match types.as_slice() {
            [] if named.is_empty() => self.untyped(&schema, depth),
            [one] => self.typed(*one, &schema, depth),
            [] => Kind::Choice(Vec::new()),
            _ => Kind::Union(types),
        };
        // What is not described may be null as well.
        Shape { nullable: nullable || kind == Kind::Any, kind }
    }

    /// `anyOf` and `oneOf`: constants become a choice, plain types a union, null and one other the other.
    fn alternatives(&self, alternatives: &[Json], depth: usize) -> Shape {
        let shapes: Vec<Shape> = alternatives.iter().map(|part| self.shape_at(part, depth + 1)).collect();
        let is_null = |shape: &Shape| shape.kind == Kind::Choice(Vec::new());
        let nullable = shapes.iter().any(|shape| shape.nullable || is_null(shape));
        let others: Vec<&Shape> = shapes.iter().filter(|shape| !is_null(shape)).collect();
        let kind = match others.as_slice() {
            [one] => one.kind.clone(),
            several => choice(several).or_else(|| union(several)).unwrap_or(Kind::Any),
        };
        Shape { nullable: nullable || kind == Kind::Any, kind }
    }

    fn untyped(&self, schema: &Map<String, Json>, depth: usize) -> Kind {
        if schema.contains_key("properties") || schema.contains_key("allOf") {
            self.typed(Basic::Object, schema, depth)
        } else if schema.contains_key("items") {
            self.typed(Basic::Array, schema, depth)
        } else {
            Kind::Any
        }
    }

    fn typed(&self, basic: Basic, schema: &Map<String, Json>, depth: usize) -> Kind {
        match basic {
            Basic::Text => Kind::Text(word(schema)),
            Basic::Integer => Kind::Integer,
            Basic::Number => Kind::Number,
            Basic::Boolean => Kind::Boolean,
            Basic::Array if schema.contains_key("prefixItems") => Kind::Union(vec![Basic::Array]),
            Basic::Array => {
                let items = schema.get("items").map(|items| self.shape_at(items, depth + 1));
                let any = Shape { nullable: true, kind: Kind::Any };
                Kind::List(Box::new(items.unwrap_or(any)))
            }
            Basic::Object if !self.properties(schema).is_empty() => Kind::Object,
            Basic::Object => match schema.get("additionalProperties") {
                Some(values @ Json::Object(_)) => Kind::Map(Box::new(self.shape_at(values, depth + 1))),
                Some(Json::Bool(false)) => Kind::Object,
                _ => Kind::Map(Box::new(Shape { nullable: true, kind: Kind::Any })),
            },
        }
    }
}

/// What can be read as the fields of a schema.
pub(super) trait AsFields {
    /// The fields.
    fn as_fields(&self) -> Option<&Map<String, Json>>;
}

impl AsFields for Json {
    fn as_fields(&self) -> Option<&Map<String, Json>> {
        self.as_object()
    }
}

impl AsFields for Map<String, Json> {
    fn as_fields(&self) -> Option<&Map<String, Json>> {
        Some(self)
    }
}

/// The one part of a schema that has no other alternative, with its key.
fn only_alternative(schema: &Map<String, Json>) -> Option<(&'static str, Json)> {
    ["anyOf", "oneOf", "allOf"].into_iter().find_map(|key| match schema.get(key)?.as_array()?.as_slice() {
        [only] => Some((key, only.clone())),
        _ => None,
    })
}

/// The one alternative beside null.
fn or_null(schema: &Map<String, Json>) -> Option<&Json> {
    let parts = ["anyOf", "oneOf"].iter().find_map(|key| schema.get(*key)?.as_array())?;
    let is_null = |part: &&Json| part.get("type").and_then(Json::as_str) == Some("null");
    let mut others = parts.iter().filter(|part| !is_null(part));
    match (others.next(), others.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// The values of `enum` and `const`.
fn constants(schema: &Map<String, Json>) -> Option<Vec<Json>> {
    match (schema.get("const"), schema.get("enum")) {
        (Some(value), _) => Some(vec![value.clone()]),
        (None, Some(Json::Array(values))) => Some(values.clone()),
        _ => None,
    }
}

fn choice(shapes: &[&Shape]) -> Option<Kind> {
    let values = shapes.iter().map(|shape| match &shape.kind {
        Kind::Choice(values) => Some(values.clone()),
        _ => None,
    });
    Some(Kind::Choice(values.collect::<Option<Vec<_>>>()?.concat()))
}

fn union(shapes: &[&Shape]) -> Option<Kind> {
    let types = shapes.iter().map(|shape| match &shape.kind {
        Kind::Text(_) => Some(vec![Basic::Text]),
        Kind::Integer => Some(vec![Basic::Integer]),
        Kind::Number => Some(vec![Basic::Number]),
        Kind::Boolean => Some(vec![Basic::Boolean]),
        Kind::List(_) => Some(vec![Basic::Array]),
        Kind::Map(_) | Kind::Object => Some(vec![Basic::Object]),
        Kind::Union(types) => Some(types.clone()),
        Kind::Choice(_) | Kind::Any => None,
    });
    let mut types = types.collect::<Option<Vec<_>>>()?.concat();
    types.sort_unstable();
    types.dedup();
    Some(Kind::Union(types))
}

/// A word for the texts of a field, from its format.
fn word(schema: &Map<String, Json>) -> &'static str {
    let text = |name: &str| schema.get(name).and_then(Json::as_str).unwrap_or_default();
    match (text("format"), text("contentEncoding")) {
        ("date-time", _) => "TIME",
        ("date", _) => "DATE",
        ("email", _) => "EMAIL",
        ("uri", _) => "URL",
        ("uuid", _) => "UUID",
        ("password", _) => "SECRET",
        (_, "base64") => "BASE64",
        _ => "TEXT",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shape(part: Json) -> Shape {
        let root = json!({ "$defs": { "Item": { "type": "object", "properties": { "sku": { "type": "string" } } } } });
        Schema::new(&root).shape(&part)
    }

    fn of(part: Json) -> (bool, Kind) {
        let Shape { nullable, kind } = shape(part);
        (nullable, kind)
    }

    #[test]
    fn plain_types() {
        assert_eq!(of(json!({ "type": "string" })), (false, Kind::Text("TEXT")));
        assert_eq!(of(json!({ "type": "string", "format": "date-time" })), (false, Kind::Text("TIME")));
        assert_eq!(of(json!({ "type": ["integer", "null"] })), (true, Kind::Integer));
        assert_eq!(
            of(json!({ "enum": ["a", "b", null] })),
            (true, Kind::Choice(vec![json!("a"), json!("b")]))
        );
        assert_eq!(of(json!({})), (true, Kind::Any));
        assert_eq!(of(json!(true)), (true, Kind::Any));
        let union = Kind::Union(vec![Basic::Text, Basic::Number]);
        assert_eq!(of(json!({ "type": ["string", "number"], "title": "decimal" })), (false, union));
    }

    #[test]
    fn objects_lists_and_maps() {
        assert_eq!(of(json!({ "$ref": "#/$defs/Item" })), (false, Kind::Object));
        let any = Box::new(Shape { nullable: true, kind: Kind::Any });
        assert_eq!(of(json!({ "type": "object" })), (false, Kind::Map(any.clone())));
        assert_eq!(of(json!({ "type": "array" })), (false, Kind::List(any)));
        let text = Box::new(Shape { nullable: false, kind: Kind::Text("TEXT") });
        assert_eq!(of(json!({ "items": { "type": "string" } })), (false, Kind::List(text.clone())));
        let map = json!({ "type": "object", "additionalProperties": { "type": "string" } });
        assert_eq!(of(map), (false, Kind::Map(text)));
    }

    #[test]
    fn alternatives() {
        assert_eq!(
            of(json!({ "anyOf": [{ "$ref": "#/$defs/Item" }, { "type": "null" }] })),
            (true, Kind::Object)
        );
        assert_eq!(
            of(json!({ "oneOf": [{ "const": "a" }, { "const": 1 }] })).1,
            Kind::Choice(vec![json!("a"), json!(1)])
        );
        let either = json!({ "anyOf": [{ "type": "string" }, { "type": "integer" }, { "type": "null" }] });
        assert_eq!(of(either), (true, Kind::Union(vec![Basic::Text, Basic::Integer])));
        assert_eq!(of(json!({ "allOf": [{ "type": "integer" }] })), (false, Kind::Integer));
    }
}
