//! Redaction: an input as it may be shown to others than its caller, by what its schema says.
//!
//! The schema decides, never a guess at names: what it marks `x-sensitive` (or `writeOnly`, or `format: password`) is not
//! shown, and neither is what it does not describe, because nobody has said what that holds.

use serde_json::Map;

use crate::Json;

/// Stands for what the schema marks as sensitive.
pub const SENSITIVE: &str = "[sensitive]";

/// Stands for what the schema does not describe.
pub const UNDESCRIBED: &str = "[not described]";

/// Schemas that are looked at for one place; of one that refers to more, nothing is shown.
const SCHEMAS_MAX: usize = 64;

/// A value with everything left out that its schema does not let others see.
pub fn redact(schema: &Json, value: &Json) -> Json {
    Redaction { root: schema }.value(&[schema], value)
}

/// Whether a schema marks what it describes as sensitive.
pub fn is_sensitive(schema: &Json) -> bool {
    let is = |name: &str| schema.get(name).and_then(Json::as_bool) == Some(true);
    is("x-sensitive") || is("writeOnly") || schema.get("format").and_then(Json::as_str) == Some("password")
}

struct Redaction<'a> {
    root: &'a Json,
}

impl<'a> Redaction<'a> {
    fn value(&self, schemas: &[&'a Json], value: &Json) -> Json {
        let Some(all) = self.all(schemas) else { return UNDESCRIBED.into() };
        if all.iter().any(|schema| is_sensitive(schema)) {
            return SENSITIVE.into();
        }
        match value {
            Json::Null => Json::Null,
            Json::Object(fields) => Json::Object(self.fields(&all, fields)),
            Json::Array(items) => {
                let item = |(index, item): (usize, &Json)| self.value(&items_of(&all, index), item);
                Json::Array(items.iter().enumerate().map(item).collect())
            }
            scalar if all.iter().any(|schema| describes(schema, scalar)) => scalar.clone(),
            _ => UNDESCRIBED.into(),
        }
    }

    fn fields(&self, all: &[&'a Json], fields: &Map<String, Json>) -> Map<String, Json> {
        let of = |(name, value): (&String, &Json)| (name.clone(), self.value(&field_of(all, name), value));
        fields.iter().map(of).collect()
    }

    /// These schemas and all that they refer to and consist of; nothing when there are none, or too many.
    fn all(&self, schemas: &[&'a Json]) -> Option<Vec<&'a Json>> {
        let mut all = schemas.to_vec();
        let mut next = 0;
        while let Some(schema) = all.get(next).copied() {
            next += 1;
            let referred = schema.get("$ref").and_then(Json::as_str).map(|place| self.find(place));
            if let Some(referred) = referred {
                all.push(referred?);
            }
            let parts = ["allOf", "anyOf", "oneOf"].iter().filter_map(|name| schema.get(name)?.as_array());
            all.extend(parts.flatten());
            all.extend(["if", "then", "else"].iter().filter_map(|name| schema.get(name)));
            if all.len() > SCHEMAS_MAX {
                return None;
            }
        }
        (!all.is_empty()).then_some(all)
    }

    fn find(&self, place: &str) -> Option<&'a Json> {
        self.root.pointer(place.strip_prefix('#')?)
    }
}

/// Marks a place as sensitive, in the schema of what it is in: `/card/number`, with `*` for every item of a list or every field
/// of a map. Where a schema refers to a type, the field of that type is marked, wherever the type is used. Errors: there is no
/// such place; the part of it that is not there.
pub fn mark<'a>(schema: &mut Json, place: &'a str) -> Result<(), &'a str> {
    let at = place_of(schema, place)?;
    match schema.pointer_mut(&at) {
        Some(Json::Object(found)) => {
            found.insert("x-sensitive".into(), true.into());
        }
        Some(found) => *found = serde_json::json!({ "x-sensitive": true }),
        None => return Err(place),
    }
    Ok(())
}

/// Where a schema says what is at a place of the values that it describes. Errors: it describes no such place; the part of it
/// that is not there.
pub fn place_of<'a>(schema: &Json, place: &'a str) -> Result<String, &'a str> {
    let Some(steps) = place.strip_prefix('/') else { return Err(place) };
    let mut at = String::new();
    for step in steps.split('/') {
        at = next(schema, &at, step, 0).ok_or(step)?;
    }
    Ok(at)
}

/// The schema of one field or item of what a schema describes, both as places in the whole.
fn next(root: &Json, at: &str, step: &str, depth: usize) -> Option<String> {
    let schema = root.pointer(at).filter(|_| depth < SCHEMAS_MAX)?;
    if schema.get("properties").is_some_and(|fields| fields.get(unescaped(step)).is_some()) {
        return Some(format!("{at}/properties/{step}"));
    }
    let all = ["items", "additionalProperties"]
        .into_iter()
        .find(|name| schema.get(name).is_some_and(|it| it != false));
    if let Some(all) = all.filter(|_| step == "*") {
        return Some(format!("{at}/{all}"));
    }
    let referred = schema.get("$ref").and_then(Json::as_str).and_then(|place| place.strip_prefix('#'));
    if let Some(found) = referred.and_then(|place| next(root, place, step, depth + 1)) {
        return Some(found);
    }
    ["allOf", "anyOf", "oneOf"].iter().find_map(|name| {
        let count = schema.get(name)?.as_array()?.len();
        (0..count).find_map(|index| next(root, &format!("{at}/{name}/{index}"), step, depth + 1))
    })
}

/// A step of a JSON pointer as the name that it stands for.
fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

/// Whether a schema says what a text, a number or a truth value at its place is, and this is one of that kind.
fn describes(schema: &Json, value: &Json) -> bool {
    let kind = match value {
        Json::String(_) => "string",
        Json::Bool(_) => "boolean",
        _ => "number",
    };
    let is = |name: &Json| name == kind || (kind == "number" && name == "integer");
    let has_kind = schema.get("type").is_some_and(|kinds| match kinds {
        Json::Array(kinds) => kinds.iter().any(is),
        one => is(one),
    });
    let is_listed = schema.get("enum").and_then(Json::as_array).is_some_and(|all| all.contains(value));
    has_kind || is_listed || schema.get("const") == Some(value)
}

fn field_of<'a>(all: &[&'a Json], name: &str) -> Vec<&'a Json> {
    let of = |schema: &&'a Json| {
        let named = schema.get("properties").and_then(|fields| fields.get(name));
        named.or_else(|| schema.get("additionalProperties"))
    };
    all.iter().filter_map(of).collect()
}

fn items_of<'a>(all: &[&'a Json], index: usize) -> Vec<&'a Json> {
    let of = |schema: &&'a Json| {
        let placed = schema.get("prefixItems").and_then(|items| items.get(index));
        placed.or_else(|| schema.get("items"))
    };
    all.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_marked_is_left_out_wherever_it_is() {
        let schema = json!({
            "properties": {
                "order": { "type": "string" },
                "card": { "$ref": "#/$defs/Card" },
                "cards": { "type": "array", "items": { "anyOf": [{ "$ref": "#/$defs/Card" }, { "type": "null" }] } },
                "by": { "additionalProperties": { "type": "string", "format": "password" } },
                "all": { "type": "object", "x-sensitive": true },
            },
            "$defs": { "Card": { "properties": {
                "number": { "type": "string", "x-sensitive": true }, "month": { "type": "integer" },
            } } },
        });
        let card = json!({ "number": "4111", "month": 3 });
        let value = json!({ "order": "o-1", "card": card, "cards": [card, null], "by": { "ada": "x" }, "all": { "a": 1 } });
        let shown = json!({ "number": SENSITIVE, "month": 3 });
        let expected = json!({
            "order": "o-1", "card": shown, "cards": [shown, null], "by": { "ada": SENSITIVE }, "all": SENSITIVE,
        });
        assert_eq!(redact(&schema, &value), expected);
    }

    #[test]
    fn a_place_is_marked_wherever_its_type_is() {
        let mut schema = json!({
            "properties": {
                "card": { "anyOf": [{ "$ref": "#/$defs/Card" }, { "type": "null" }] },
                "cards": { "type": "array", "items": { "$ref": "#/$defs/Card" } },
                "by/name": { "additionalProperties": { "type": "string" } },
                "loop": { "$ref": "#/$defs/Loop" },
            },
            "$defs": {
                "Card": { "properties": { "number": { "type": "string" }, "month": { "type": "integer" } } },
                "Loop": { "$ref": "#/$defs/Loop" },
            },
        });
        for (place, missing) in
            [("card", "card"), ("/crd", "crd"), ("/cards/number", "number"), ("/loop/a", "a")]
        {
            assert_eq!(mark(&mut schema, place), Err(missing));
        }
        mark(&mut schema, "/cards/*/number").unwrap();
        mark(&mut schema, "/by~1name/*").unwrap();
        let value = json!({ "card": { "number": "1" }, "cards": [{ "number": "2", "month": 3 }], "by/name": { "a": "b" } });
        let expected = json!({
            "card": { "number": SENSITIVE }, "cards": [{ "number": SENSITIVE, "month": 3 }], "by/name": { "a": SENSITIVE },
        });
        assert_eq!(redact(&schema, &value), expected);
    }

    #[test]
    fn what_nobody_described_is_not_shown() {
        let schema = json!({ "type": "object", "properties": {
            "any": {}, "free": { "type": "object" }, "list": { "type": "array" }, "truth": true,
            "month": { "type": ["integer", "null"] }, "size": { "enum": ["s", "l"] }, "year": { "type": "integer" },
        } });
        let value = json!({
            "any": "a", "free": { "b": 1 }, "list": ["c"], "truth": "d", "mistyped": "e", "none": null, "month": "f", "size": "xl",
            "year": 1999,
        });
        let shown = redact(&schema, &value).to_string();
        for secret in ["\"a\"", "1,", "\"c\"", "\"d\"", "\"e\"", "\"f\"", "xl"] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        assert!(shown.contains("1999"), "{shown}");
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema = json!({ "$ref": "#/$defs/A", "$defs": { "A": { "allOf": [{ "$ref": "#/$defs/A" }] } } });
        assert_eq!(redact(&schema, &json!("x")), UNDESCRIBED);
        let list = json!({
            "$ref": "#/$defs/List",
            "$defs": { "List": { "properties": { "head": { "type": "integer" }, "rest": { "$ref": "#/$defs/List" } } } },
        });
        let value = json!({ "head": 1, "rest": { "head": 2, "rest": { "head": 3 } } });
        assert_eq!(redact(&list, &value), value);
    }
}
