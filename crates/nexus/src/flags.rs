//! The input of an operation as flags of a command line: from its JSON Schema to flags, from their values to an input,
//! and from an input back to flags.
//!
//! Everything here is decided without a terminal, a file or a server. `docs/cli.md` tells the rules to users.

pub mod arg;
pub mod input;
pub mod name;
#[cfg(test)]
mod round_trip;
pub mod shape;
pub mod spell;
pub mod value;

use std::collections::BTreeSet;

use nexus_kernel::Json;
use serde_json::Map;

use shape::{Kind, Schema, Shape};

/// Fields of objects inside of objects get flags of their own down to this depth; deeper ones are given as JSON.
const DEPTH_MAX: usize = 4;

/// Flags of one operation. A schema with more fields is a document rather than a command line.
const FLAGS_MAX: usize = 200;

/// One field of an input as a flag.
#[derive(Debug, Clone, PartialEq)]
pub struct Flag {
    /// Its name without the dashes, for example `address.zip-code`.
    pub name: String,
    /// The field's own spelling, when it may be used as well.
    pub alias: Option<String>,
    /// The flag that says no (of truth values) or nothing (of what may be null), when its name is free.
    pub negative: Option<String>,
    /// The names of the fields from the input's root to this one.
    pub path: Vec<String>,
    /// What values it takes.
    pub shape: Shape,
    /// Whether its object cannot do without it.
    pub required: bool,
    /// What it means, from the schema.
    pub doc: String,
    /// What holds when it is not given, from the schema.
    pub default: Option<Json>,
    /// Whether its value is nobody else's business.
    pub secret: bool,
    /// Whether it should not be used any more.
    pub deprecated: bool,
}

impl Flag {
    /// Whether the flag may be given several times.
    pub fn is_repeatable(&self) -> bool {
        matches!(self.shape.kind, Kind::List(_) | Kind::Map(_))
    }

    /// As it is written, with its dashes.
    pub fn shown(&self) -> String {
        format!("--{}", self.name)
    }
}

/// A field on its way to becoming a flag.
struct Field {
    path: Vec<String>,
    /// Its place among the fields of its object, after the places of the objects around it.
    order: Vec<usize>,
    schema: Json,
    required: bool,
}

/// The flags of an input. Names in `taken` belong to the command itself: a field of such a name is `--input.NAME`.
pub fn of_schema(schema: &Json, taken: &BTreeSet<String>) -> Vec<Flag> {
    of_schema_under(schema, taken, "input")
}

/// The same for an input that goes by another name: a field whose name is taken is `--WHOLE.NAME`.
pub fn of_schema_under(schema: &Json, taken: &BTreeSet<String>, whole: &str) -> Vec<Flag> {
    let root = Schema::new(schema);
    let mut names = name::Names::new(taken, whole);
    let (mut flags, mut at) = (Vec::new(), 0);
    // Fields of the input itself come before those of objects in it, and so get the names they want.
    let mut fields = fields_of(&root, schema, (&[], &[]));
    while let Some(field) = fields.get(at).filter(|_| flags.len() < FLAGS_MAX) {
        let (resolved, shape) = (root.resolve(&field.schema), root.shape(&field.schema));
        let (path, order, required) = (field.path.clone(), field.order.clone(), field.required);
        if shape.kind == Kind::Object && path.len() < DEPTH_MAX {
            let inner = fields_of(&root, &root.object(&resolved), (&path, &order));
            fields.extend(inner);
        }
        let flag = flag(&mut names, (path, required), &resolved, shape);
        flags.extend(flag.map(|flag| (order, flag)));
        at += 1;
    }
    // People look for the fields of an object below it.
    flags.sort_by(|(left, _), (right, _)| left.cmp(right));
    let mut flags: Vec<Flag> = flags.into_iter().map(|(_, flag)| flag).collect();
    for flag in &mut flags {
        let has_negative = flag.shape.kind == Kind::Boolean || flag.shape.nullable;
        flag.negative = if has_negative { names.take(&format!("no-{}", flag.name)) } else { None };
    }
    flags
}

fn fields_of(
    root: &Schema<'_>,
    object: &impl shape::AsFields,
    (path, order): (&[String], &[usize]),
) -> Vec<Field> {
    let required = root.required(object);
    let field = |(place, (name, schema)): (usize, (&String, &Json))| Field {
        path: path.iter().chain([name]).cloned().collect(),
        order: order.iter().copied().chain([place]).collect(),
        schema: schema.clone(),
        required: required.contains(name),
    };
    root.properties(object).iter().enumerate().map(field).collect()
}

fn flag(
    names: &mut name::Names<'_>,
    (path, required): (Vec<String>, bool),
    schema: &Map<String, Json>,
    shape: Shape,
) -> Option<Flag> {
    let (name, alias) = names.of(&path)?;
    let is = |name: &str| schema.get(name).and_then(Json::as_bool).unwrap_or(false);
    let text = |name: &str| schema.get(name).and_then(Json::as_str).unwrap_or_default();
    let doc = if text("description").is_empty() { text("title") } else { text("description") };
    Some(Flag {
        name,
        alias,
        negative: None,
        path,
        shape,
        required,
        doc: doc.to_owned(),
        default: schema.get("default").cloned(),
        secret: is("x-sensitive") || is("writeOnly") || text("format") == "password",
        deprecated: is("deprecated"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn flags(schema: Json) -> Vec<Flag> {
        of_schema(&schema, &["wait", "input", "json"].map(ToOwned::to_owned).into())
    }

    fn names(schema: Json) -> Vec<String> {
        flags(schema).into_iter().map(|flag| flag.name).collect()
    }

    #[test]
    fn fields_become_flags_and_objects_dotted_ones() {
        let schema = json!({
            "type": "object",
            "required": ["orderId", "address"],
            "properties": {
                "orderId": { "type": "integer", "description": "which order" },
                "dry_run": { "type": "boolean", "default": false },
                "address": { "$ref": "#/$defs/Address" },
            },
            "$defs": { "Address": {
                "type": "object", "required": ["city"], "description": "where to",
                "properties": { "city": { "type": "string" }, "zipCode": { "type": ["string", "null"] } },
            } },
        });
        let flags = flags(schema);
        let shown: Vec<_> = flags.iter().map(|flag| (flag.name.as_str(), flag.required)).collect();
        let expected = [
            ("order-id", true),
            ("dry-run", false),
            ("address", true),
            ("address.city", true),
            ("address.zip-code", false),
        ];
        assert_eq!(shown, expected);
        assert_eq!(flags[0].alias.as_deref(), Some("orderId"));
        assert_eq!(flags[1].negative.as_deref(), Some("no-dry-run"));
        assert_eq!(flags[2].doc, "where to");
        assert_eq!(flags[4].negative.as_deref(), Some("no-address.zip-code"));
    }

    #[test]
    fn names_that_are_taken_are_given_in_full() {
        let text = json!({ "type": "string" });
        let schema = json!({ "properties": { "wait": text, "order_id": text, "orderId": text, "é": text, "§": text } });
        assert_eq!(names(schema), ["input.wait", "order-id", "orderId", "é"]);
        let flags = flags(json!({ "properties": {
            "cache": { "type": "boolean" }, "no_cache": { "type": "boolean" },
        } }));
        assert_eq!(flags[0].negative, None, "--no-cache is a field's own");
        assert_eq!(flags[1].negative.as_deref(), Some("no-no-cache"));
    }

    #[test]
    fn types_that_contain_themselves_end() {
        let schema = json!({
            "properties": { "node": { "$ref": "#/$defs/Node" } },
            "$defs": { "Node": { "type": "object", "properties": {
                "id": { "type": "string" }, "next": { "$ref": "#/$defs/Node" },
            } }, "Loop": { "$ref": "#/$defs/Loop" } },
        });
        let names = names(schema);
        assert!(names.contains(&"node.next.next.next".to_owned()), "{names:?}");
        assert!(names.iter().all(|name| name.split('.').count() <= DEPTH_MAX), "{names:?}");
        assert_eq!(flags(json!({ "properties": { "a": { "$ref": "#/properties/a" } } })).len(), 1);
    }

    #[test]
    fn secrets_and_what_is_outdated_are_marked() {
        let flags = flags(json!({ "properties": {
            "token": { "type": "string", "x-sensitive": true },
            "pin": { "type": "string", "format": "password" },
            "old": { "type": "string", "deprecated": true },
        } }));
        assert_eq!(flags.iter().map(|flag| flag.secret).collect::<Vec<_>>(), [true, true, false]);
        assert!(flags[2].deprecated);
    }
}
