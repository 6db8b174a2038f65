//! Objects.

#![expect(clippy::unnecessary_wraps, reason = "every function has the signature of the table")]

use serde_json::Value as Json;

use super::{arg, refuse};
use crate::twf::boundary::export;
use crate::twf::eval::Eval;
use crate::twf::eval::ops::{display, position};
use crate::twf::fault::{Trouble, VALUE_TOO_DEEP};
use crate::twf::heap::{DEPTH_MAX, Object};
use crate::twf::machine::CommandKind;
use crate::twf::value::{Ref, Value};

type Result = std::result::Result<Value, Trouble>;

fn fields(eval: &mut Eval<'_>, name: &str, value: &Value) -> std::result::Result<Object, Trouble> {
    let Value::Object(at) = value else { return Err(refuse(&format!("`{name}`"), "an object", value)) };
    let object = eval.heap.object(*at).cloned().unwrap_or_default();
    eval.context.spend(object.fields.len())?;
    Ok(object)
}

pub(super) fn keys(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let object = fields(eval, "keys", arg(args, 0))?;
    Ok(eval.heap.new_list(object.fields.into_keys().map(Value::Str).collect()))
}

pub(super) fn values(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let object = fields(eval, "values", arg(args, 0))?;
    Ok(eval.heap.new_list(object.fields.into_values().collect()))
}

/// `{key, value}` for every field, in order.
pub(super) fn entries(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let object = fields(eval, "entries", arg(args, 0))?;
    let pairs = object
        .fields
        .into_iter()
        .map(|(name, value)| eval.heap.object_of([("key", Value::Str(name)), ("value", value)]))
        .collect();
    Ok(eval.heap.new_list(pairs))
}

/// A new object with the fields of all; later ones win. Null counts as an object without fields.
pub(super) fn merge(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let mut merged = Object::default();
    for value in args.iter().filter(|value| !value.is_null()) {
        let object = fields(eval, "merge", value)?;
        merged.label = merged.label.or(object.label);
        merged.fields.extend(object.fields);
    }
    Ok(eval.heap.new_object(merged))
}

/// A field or element, or a default (null when none is given) where there is none.
pub(super) fn get(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let default = || arg(args, 2).clone();
    Ok(match (arg(args, 0), arg(args, 1)) {
        (Value::Object(at), key) => {
            let key = display(eval.heap, key)?;
            eval.heap.field(*at, &key).cloned().unwrap_or_else(default)
        }
        (Value::List(at), Value::Int(place)) => {
            let items = eval.heap.list(*at);
            position(*place, items.len()).and_then(|place| items.get(place)).cloned().unwrap_or_else(default)
        }
        (Value::Null, _) => default(),
        (other, _) => return Err(refuse("`get`", "an object or list", other)),
    })
}

/// A copy that shares nothing with the original.
pub(super) fn copy(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    copy_at(eval, arg(args, 0), 0)
}

fn copy_at(eval: &mut Eval<'_>, value: &Value, depth: u32) -> Result {
    eval.context.spend(1)?;
    if depth > DEPTH_MAX {
        return Err(Trouble::new(
            VALUE_TOO_DEEP,
            "the value nests too deep to be copied, or contains itself",
        ));
    }
    match value {
        Value::List(at) => copy_list(eval, *at, depth),
        Value::Object(at) => {
            let mut object = eval.heap.object(*at).cloned().unwrap_or_default();
            for field in object.fields.values_mut() {
                *field = copy_at(eval, field, depth + 1)?;
            }
            Ok(eval.heap.new_object(object))
        }
        other => Ok(other.clone()),
    }
}

fn copy_list(eval: &mut Eval<'_>, at: Ref, depth: u32) -> Result {
    let mut items = eval.heap.list(at).to_vec();
    for item in &mut items {
        *item = copy_at(eval, item, depth + 1)?;
    }
    Ok(eval.heap.new_list(items))
}

/// The label of an object's constructor, else the name of the type.
pub(super) fn type_of(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let value = arg(args, 0);
    if let Value::Object(at) = value
        && let Some(label) = eval.heap.object(*at).and_then(|object| object.label.clone())
    {
        return Ok(Value::Str(label));
    }
    let kind = value.kind();
    Ok(Value::text(kind.strip_prefix("a ").or_else(|| kind.strip_prefix("an ")).unwrap_or(kind)))
}

/// A placeholder: does nothing.
pub(super) fn pass(_: &mut Eval<'_>, _: &[Value]) -> Result {
    Ok(Value::Null)
}

/// Whether a change is in effect. It is when the program asks for the first time, which leaves a marker in the history;
/// for a run that had passed the place before the change was made, it is not, and stays so.
pub(super) fn patched(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    ask_for_patch(eval, ("`patched`", false), arg(args, 0)).map(Value::Bool)
}

/// Says that every run which comes here has a change. It leaves a marker too, which no later program has to ask for.
pub(super) fn deprecate_patch(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    ask_for_patch(eval, ("`deprecate_patch`", true), arg(args, 0)).map(|_| Value::Null)
}

fn ask_for_patch(
    eval: &mut Eval<'_>,
    (name, deprecated): (&str, bool),
    id: &Value,
) -> std::result::Result<bool, Trouble> {
    let Value::Str(id) = id else {
        return Err(refuse(name, "the id of a change", id));
    };
    if let Some(known) = eval.patches.get(id.as_ref()) {
        return Ok(*known);
    }
    let recalled = eval.context.recalled.as_ref();
    let is_in_effect = recalled.is_none_or(|marked| marked.iter().any(|marked| **marked == **id));
    eval.patches.insert(id.to_string(), is_in_effect);
    if is_in_effect {
        eval.context.effects.push(CommandKind::RecordMarker { patch: id.to_string(), deprecated });
    }
    Ok(is_in_effect)
}

/// `set_memo({..})`: facts for people, merged into those the run has.
pub(super) fn set_memo(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let fields = exported(eval, "set_memo", arg(args, 0))?;
    eval.context.effects.push(CommandKind::UpsertMemo { fields });
    Ok(Value::Null)
}

/// `set_search_attributes({..})`: facts for searching, merged into those the run has.
pub(super) fn set_search_attributes(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let fields = exported(eval, "set_search_attributes", arg(args, 0))?;
    eval.context.effects.push(CommandKind::UpsertSearchAttributes { fields });
    Ok(Value::Null)
}

/// `set_details("..")`: a text shown with the run.
pub(super) fn set_details(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let text = display(eval.heap, arg(args, 0))?;
    eval.context.effects.push(CommandKind::SetDetails { text });
    Ok(Value::Null)
}

fn exported(eval: &mut Eval<'_>, name: &str, value: &Value) -> std::result::Result<Json, Trouble> {
    match value {
        Value::Object(_) => export(eval.heap, value),
        other => Err(refuse(&format!("`{name}`"), "an object", other)),
    }
}
