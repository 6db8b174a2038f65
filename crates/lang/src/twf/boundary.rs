//! The boundary between a run and the world: JSON comes in as values, values go out as JSON. Every crossing is a copy.
//!
//! Going out, a decimal and a timestamp become strings (exact, never a float) and a duration ISO 8601. Coming in, a
//! declared type says which of them a string is.

use std::str::FromStr;
use std::sync::Arc;

use indexmap::IndexMap;
use rust_decimal::Decimal;
use serde_json::{Map, Number, Value as Json};

use super::fault::{BAD_VALUE, OVERFLOW, Trouble, VALUE_TOO_DEEP};
use super::heap::{DEPTH_MAX, Heap, Object};
use super::moment::{duration_text, parse_duration, parse_timestamp, timestamp_text};
use super::shape::{FieldShape, Shape, Types};
use super::value::Value;
use crate::text::suggest::did_you_mean;

/// What is wrong with a value that came from outside, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct InputError {
    /// The place, for example `order.items[2].price`; the whole input is `input`.
    pub path: String,
    /// What is wrong, without a full stop.
    pub message: String,
    /// What was likely meant.
    pub suggestion: Option<String>,
}

impl InputError {
    /// An error at a path.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> InputError {
        InputError { path: path.into(), message: message.into(), suggestion: None }
    }
}

/// Copies a value out of a run.
pub fn export(heap: &Heap, value: &Value) -> Result<Json, Trouble> {
    export_at(heap, value, 0)
}

fn export_at(heap: &Heap, value: &Value, depth: u32) -> Result<Json, Trouble> {
    if depth > DEPTH_MAX {
        let message = format!("the value nests deeper than {DEPTH_MAX} levels, or contains itself");
        return Err(Trouble::new(VALUE_TOO_DEEP, message));
    }
    Ok(match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(value) => Json::from(*value),
        Value::Decimal(value) => Json::String(value.to_string()),
        Value::Str(text) => Json::String(text.to_string()),
        Value::Duration(ms) => Json::String(duration_text(*ms)),
        Value::Timestamp(ms) => Json::String(timestamp_text(*ms)),
        Value::List(at) => {
            let items = heap.list(*at).iter().map(|item| export_at(heap, item, depth + 1));
            Json::Array(items.collect::<Result<_, _>>()?)
        }
        Value::Object(at) => {
            let mut fields = Map::new();
            for (name, field) in heap.object(*at).map(|object| &object.fields).into_iter().flatten() {
                fields.insert(name.to_string(), export_at(heap, field, depth + 1)?);
            }
            Json::Object(fields)
        }
        Value::Promise(_) => {
            return Err(Trouble::mismatch("a promise cannot leave its run; await it and pass its value"));
        }
    })
}

/// Copies JSON into a run, with no type known: a number with a fraction becomes a decimal, strings stay strings.
pub fn import(heap: &mut Heap, json: &Json) -> Result<Value, Trouble> {
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => import_number(number)?,
        Json::String(text) => Value::text(text.as_str()),
        Json::Array(items) => {
            let items = items.iter().map(|item| import(heap, item)).collect::<Result<_, _>>()?;
            heap.new_list(items)
        }
        Json::Object(fields) => {
            let mut made = IndexMap::with_capacity(fields.len());
            for (name, field) in fields {
                made.insert(Arc::from(name.as_str()), import(heap, field)?);
            }
            heap.new_object(Object { label: None, fields: made })
        }
    })
}

fn import_number(number: &Number) -> Result<Value, Trouble> {
    if let Some(int) = number.as_i64() {
        return Ok(Value::Int(int));
    }
    parse_decimal(&number.to_string()).map(Value::Decimal).map_err(|_| {
        Trouble::new(OVERFLOW, format!("the number {number} is beyond what an exact decimal holds"))
    })
}

/// Reads an exact decimal, with or without an exponent.
pub fn parse_decimal(text: &str) -> Result<Decimal, Trouble> {
    let text = text.trim();
    Decimal::from_str(text)
        .or_else(|_| Decimal::from_scientific(text))
        .map_err(|_| Trouble::new(BAD_VALUE, format!("`{text}` is no decimal number")))
}

/// Copies JSON into a run by a type. Strict: the first thing that does not fit is an error with its path.
pub struct Importer<'a> {
    /// Where the values go.
    pub heap: &'a mut Heap,
    /// The declared types.
    pub types: &'a Types,
}

impl Importer<'_> {
    /// Copies JSON by a type; `path` names the place in messages.
    pub fn import(&mut self, json: &Json, shape: &Shape, path: &str) -> Result<Value, InputError> {
        match (shape, json) {
            (Shape::Any(_), _) => {
                import(self.heap, json).map_err(|trouble| InputError::new(path, trouble.message))
            }
            (Shape::Nullable(_) | Shape::Null, Json::Null) => Ok(Value::Null),
            (Shape::Nullable(inner), _) => self.import(json, inner, path),
            (Shape::List(item), Json::Array(items)) => self.list(items, item, path),
            (Shape::Tuple(shapes), Json::Array(items)) if shapes.len() == items.len() => {
                let mut made = Vec::with_capacity(items.len());
                for (at, (item, shape)) in items.iter().zip(shapes).enumerate() {
                    made.push(self.import(item, shape, &format!("{path}[{at}]"))?);
                }
                Ok(self.heap.new_list(made))
            }
            (Shape::Map(value), Json::Object(fields)) => self.map(fields, value, path),
            (Shape::Record(shapes), Json::Object(fields)) => self.inline(fields, shapes, path),
            (Shape::Named(name), Json::Object(fields)) => self.named(fields, name, path),
            _ => scalar(json, shape).map_err(|message| InputError::new(path, message)),
        }
    }

    /// Copies a result by its declared type where it fits, and as it is where it does not: what an activity returns
    /// is data, and a definition may be behind its implementation.
    pub fn import_leniently(&mut self, json: &Json, shape: &Shape) -> Result<Value, Trouble> {
        match self.import(json, shape, "result") {
            Ok(value) => Ok(value),
            Err(_) => import(self.heap, json),
        }
    }

    fn list(&mut self, items: &[Json], shape: &Shape, path: &str) -> Result<Value, InputError> {
        let mut made = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            made.push(self.import(item, shape, &format!("{path}[{at}]"))?);
        }
        Ok(self.heap.new_list(made))
    }

    fn map(&mut self, fields: &Map<String, Json>, shape: &Shape, path: &str) -> Result<Value, InputError> {
        let mut made = IndexMap::with_capacity(fields.len());
        for (name, field) in fields {
            let value = self.import(field, shape, &format!("{path}.{name}"))?;
            made.insert(Arc::from(name.as_str()), value);
        }
        Ok(self.heap.new_object(Object { label: None, fields: made }))
    }

    fn inline(
        &mut self,
        fields: &Map<String, Json>,
        shapes: &[(Arc<str>, Shape)],
        path: &str,
    ) -> Result<Value, InputError> {
        let as_fields: Vec<FieldShape> = shapes
            .iter()
            .map(|(name, shape)| FieldShape {
                name: name.clone(),
                doc: String::new(),
                shape: shape.clone(),
                default: None,
            })
            .collect();
        self.closed(fields, &as_fields, (None, path))
    }

    fn named(
        &mut self,
        fields: &Map<String, Json>,
        name: &Arc<str>,
        path: &str,
    ) -> Result<Value, InputError> {
        let types = self.types;
        match types.get(name) {
            Some(record) => self.closed(fields, &record.fields, (Some(name.clone()), path)),
            None => self.import(&Json::Object(fields.clone()), &Shape::ANY, path),
        }
    }

    /// An object that may have the declared fields only.
    fn closed(
        &mut self,
        fields: &Map<String, Json>,
        shapes: &[FieldShape],
        (label, path): (Option<Arc<str>>, &str),
    ) -> Result<Value, InputError> {
        check_known(fields, shapes.iter().map(|field| &*field.name), path)?;
        let mut made = IndexMap::with_capacity(shapes.len());
        for field in shapes {
            let place = format!("{path}.{}", field.name);
            let value = match (fields.get(&*field.name), &field.default) {
                (Some(json), _) => self.import(json, &field.shape, &place)?,
                (None, Some(default)) => self.import(default, &field.shape, &place)?,
                (None, None) if field.is_required() => {
                    return Err(InputError::new(place, format!("is missing ({})", field.shape.text())));
                }
                (None, None) => continue,
            };
            made.insert(field.name.clone(), value);
        }
        Ok(self.heap.new_object(Object { label, fields: made }))
    }
}

/// Refuses fields that nobody declared, with the nearest declared name.
pub fn check_known<'a>(
    fields: &Map<String, Json>,
    known: impl Iterator<Item = &'a str> + Clone,
    path: &str,
) -> Result<(), InputError> {
    for name in fields.keys() {
        if !known.clone().any(|it| it == name) {
            let mut error = InputError::new(format!("{path}.{name}"), "is not declared");
            error.suggestion = did_you_mean(name, known.clone());
            return Err(error);
        }
    }
    Ok(())
}

fn scalar(json: &Json, shape: &Shape) -> Result<Value, String> {
    let value = match (shape, json) {
        (Shape::Str | Shape::Bytes, Json::String(text)) => Some(Value::text(text.as_str())),
        (Shape::Bool, Json::Bool(value)) => Some(Value::Bool(*value)),
        (Shape::Int, Json::Number(number)) => whole(number),
        (Shape::Decimal, Json::Number(number)) => parse_decimal(&number.to_string()).ok().map(Value::Decimal),
        (Shape::Decimal, Json::String(text)) => parse_decimal(text).ok().map(Value::Decimal),
        (Shape::Duration, Json::String(text)) => parse_duration(text).ok().map(Value::Duration),
        (Shape::Duration, Json::Number(number)) => seconds(number),
        (Shape::Timestamp, Json::String(text)) => parse_timestamp(text).ok().map(Value::Timestamp),
        _ => None,
    };
    value.ok_or_else(|| format!("expected {}, got {}", shape.text(), describe(json)))
}

/// An int, also when it is written as `5.0`.
fn whole(number: &Number) -> Option<Value> {
    use rust_decimal::prelude::ToPrimitive;
    let exact = number.as_i64().or_else(|| {
        let decimal = parse_decimal(&number.to_string()).ok()?;
        decimal.is_integer().then(|| decimal.to_i64()).flatten()
    })?;
    Some(Value::Int(exact))
}

/// Rule H17: a number given for a duration is seconds.
fn seconds(number: &Number) -> Option<Value> {
    use rust_decimal::prelude::ToPrimitive;
    let seconds = parse_decimal(&number.to_string()).ok()?;
    seconds.checked_mul(Decimal::ONE_THOUSAND)?.trunc().to_i64().map(Value::Duration)
}

fn describe(json: &Json) -> String {
    match json {
        Json::Null => "null".into(),
        Json::Bool(value) => value.to_string(),
        Json::Number(number) => number.to_string(),
        Json::String(text) if text.chars().count() <= 40 => format!("the string \"{text}\""),
        Json::String(_) => "a string".into(),
        Json::Array(_) => "a list".into(),
        Json::Object(_) => "an object".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(fields: Vec<(&str, Shape, Option<Json>)>) -> RecordTypes {
        let mut types = Types::default();
        let fields = fields
            .into_iter()
            .map(|(name, shape, default)| FieldShape {
                name: name.into(),
                doc: String::new(),
                shape,
                default,
            })
            .collect();
        types.declare("Order", super::super::shape::RecordShape { doc: String::new(), fields });
        RecordTypes { types, heap: Heap::default() }
    }

    struct RecordTypes {
        types: Types,
        heap: Heap,
    }

    impl RecordTypes {
        fn import(&mut self, json: &Json) -> Result<Json, String> {
            let mut importer = Importer { heap: &mut self.heap, types: &self.types };
            let value = importer
                .import(json, &Shape::Named("Order".into()), "order")
                .map_err(|error| format!("{error}|{}", error.suggestion.clone().unwrap_or_default()))?;
            Ok(export(&self.heap, &value).unwrap())
        }
    }

    #[test]
    fn declared_types_are_closed_and_checked_by_path() {
        let mut types = record(vec![
            ("id", Shape::Str, None),
            ("total", Shape::Decimal, None),
            ("wait", Shape::Duration, Some(json!("5m"))),
            ("lines", Shape::List(Box::new(Shape::Int)), Some(json!([]))),
            ("note", Shape::Nullable(Box::new(Shape::Str)), None),
        ]);
        let out = types.import(&json!({"id": "a", "total": 12.5, "lines": [1, 2.0]})).unwrap();
        assert_eq!(out, json!({"id": "a", "total": "12.5", "wait": "PT5M", "lines": [1, 2]}));
        for (input, error) in [
            (json!({"total": 1}), "order.id: is missing (string)|"),
            (json!({"id": 1, "total": 1}), "order.id: expected string, got 1|"),
            (json!({"id": "a", "totl": 1}), "order.totl: is not declared|did you mean `total`?"),
            (
                json!({"id": "a", "total": 1, "lines": [1, "x"]}),
                "order.lines[1]: expected int, got the string \"x\"|",
            ),
            (json!([]), "order: expected Order, got a list|"),
        ] {
            assert_eq!(types.import(&input).unwrap_err(), error);
        }
    }

    #[test]
    fn numbers_stay_exact() {
        let mut heap = Heap::default();
        let value = import(&mut heap, &json!([1, 0.1, -3, u64::MAX])).unwrap();
        assert_eq!(export(&heap, &value).unwrap(), json!([1, "0.1", -3, "18446744073709551615"]));
        assert_eq!(import(&mut heap, &json!(1e300)).unwrap_err().code, OVERFLOW);
    }

    #[test]
    fn a_value_that_contains_itself_is_refused() {
        let mut heap = Heap::default();
        let Value::List(at) = heap.new_list(vec![]) else { unreachable!() };
        heap.list_mut(at).unwrap().push(Value::List(at));
        assert_eq!(export(&heap, &Value::List(at)).unwrap_err().code, VALUE_TOO_DEEP);
    }
}
