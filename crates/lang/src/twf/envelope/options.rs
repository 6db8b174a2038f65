//! Options as the public tool writes them.

use serde_json::{Map, Value, json};

use super::source::File;
use crate::twf::ast::{Expr, ExprKind, OptionEntry, OptionValue};

/// Puts `{entries}` under a key, when there are any.
pub(super) fn put(map: &mut Map<String, Value>, key: &str, entries: &[OptionEntry], file: &File<'_>) {
    if !entries.is_empty() {
        map.insert(key.to_string(), json!({ "entries": list(entries, file) }));
    }
}

fn list(entries: &[OptionEntry], file: &File<'_>) -> Vec<Value> {
    entries.iter().map(|it| entry(it, file)).collect()
}

fn entry(it: &OptionEntry, file: &File<'_>) -> Value {
    let mut map = Map::new();
    map.insert("key".to_string(), json!(it.key.name.as_str()));
    match &it.value {
        OptionValue::Block(inner) => {
            map.insert("nested".to_string(), Value::Array(list(inner, file)));
        }
        OptionValue::Expr(expr) => value(&mut map, expr, file),
    }
    Value::Object(map)
}

/// Values as text with the kind of it. A bare word is an `enum` to the public tool; what is none of its kinds is an
/// `expr` of ours.
fn value(map: &mut Map<String, Value>, expr: &Expr, file: &File<'_>) {
    let text = file.span(expr.span);
    let (text, kind) = match &expr.kind {
        ExprKind::Str(text) => (text.as_str(), "string"),
        ExprKind::Duration(_) => (text, "duration"),
        ExprKind::Int(_) | ExprKind::Decimal(_) => (text, "number"),
        ExprKind::Bool(_) => (text, "bool"),
        ExprKind::Name(name) => (name.as_str(), "enum"),
        ExprKind::List(items) => {
            let items: Vec<&str> = items.iter().map(|item| item_text(item, file)).collect();
            if !items.is_empty() {
                map.insert("values".to_string(), json!(items));
            }
            map.insert("valueType".to_string(), json!("list"));
            return;
        }
        _ => (text, "expr"),
    };
    if !text.is_empty() {
        map.insert("value".to_string(), json!(text));
    }
    map.insert("valueType".to_string(), json!(kind));
}

fn item_text<'a>(it: &'a Expr, file: &File<'a>) -> &'a str {
    match &it.kind {
        ExprKind::Str(text) => text,
        _ => file.span(it.span),
    }
}
