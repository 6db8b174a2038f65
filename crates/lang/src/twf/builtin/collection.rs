//! Lists, and what they share with texts.

use super::{arg, refuse};
use crate::twf::eval::ops::{equal, position, range as range_of, too_large};
use crate::twf::eval::{Eval, VALUE_ITEMS_MAX, ops};
use crate::twf::fault::{INDEX_RANGE, Trouble};
use crate::twf::value::{Ref, Value};

type Result = std::result::Result<Value, Trouble>;

/// The items of a list argument, copied out.
pub(super) fn items(
    eval: &mut Eval<'_>,
    name: &str,
    value: &Value,
) -> std::result::Result<Vec<Value>, Trouble> {
    let Value::List(at) = value else { return Err(refuse(&format!("`{name}`"), "a list", value)) };
    let items = eval.heap.list(*at).to_vec();
    eval.context.spend(items.len())?;
    Ok(items)
}

fn list_at(name: &str, value: &Value) -> std::result::Result<Ref, Trouble> {
    match value {
        Value::List(at) => Ok(*at),
        other => Err(refuse(&format!("`{name}`"), "a list", other)),
    }
}

fn whole(name: &str, value: &Value) -> std::result::Result<i64, Trouble> {
    match value {
        Value::Int(int) => Ok(*int),
        other => Err(refuse(&format!("`{name}`"), "a whole number", other)),
    }
}

pub(super) fn len(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    Ok(Value::count(match arg(args, 0) {
        Value::List(at) => eval.heap.list(*at).len(),
        Value::Object(at) => eval.heap.object(*at).map_or(0, |object| object.fields.len()),
        Value::Str(text) => text.chars().count(),
        Value::Null => 0,
        other => return Err(refuse("`len`", "a list, object or string", other)),
    }))
}

pub(super) fn append(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    grow(eval, "append", arg(args, 0), vec![arg(args, 1).clone()])
}

pub(super) fn extend(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let more = items(eval, "extend", arg(args, 1))?;
    grow(eval, "extend", arg(args, 0), more)
}

/// Adds to a list in place; the list itself is the result, so that calls can be chained.
fn grow(eval: &mut Eval<'_>, name: &str, list: &Value, more: Vec<Value>) -> Result {
    let at = list_at(name, list)?;
    eval.context.wrote = true;
    if let Some(items) = eval.heap.list_mut(at) {
        if items.len() + more.len() > VALUE_ITEMS_MAX {
            return Err(too_large());
        }
        items.extend(more);
    }
    Ok(list.clone())
}

pub(super) fn pop(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let at = list_at("pop", arg(args, 0))?;
    let wanted = args.get(1).map_or(Ok(-1), |at| whole("pop", at))?;
    eval.context.wrote = true;
    let taken = eval.heap.list_mut(at).and_then(|items| Some(items.remove(position(wanted, items.len())?)));
    taken.ok_or_else(|| Trouble::new(INDEX_RANGE, format!("`pop`: the list has no position {wanted}")))
}

/// Takes an element out of a list, or a field out of an object; says whether it was there.
pub(super) fn remove(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    eval.context.wrote = true;
    if let Value::Object(at) = arg(args, 0) {
        let key = ops::display(eval.heap, arg(args, 1))?;
        let removed = eval.heap.object_mut(*at).and_then(|object| object.fields.shift_remove(&*key));
        return Ok(Value::Bool(removed.is_some()));
    }
    let at = list_at("remove", arg(args, 0))?;
    let found = find(eval, at, arg(args, 1))?;
    if let (Some(place), Some(items)) = (found, eval.heap.list_mut(at)) {
        items.remove(place);
    }
    Ok(Value::Bool(found.is_some()))
}

fn find(eval: &mut Eval<'_>, at: Ref, wanted: &Value) -> std::result::Result<Option<usize>, Trouble> {
    eval.context.spend(eval.heap.list(at).len())?;
    for (place, item) in eval.heap.list(at).iter().enumerate() {
        if equal(eval.heap, item, wanted)? {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

/// The position of an element, or -1.
pub(super) fn index_of(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let at = list_at("index_of", arg(args, 0))?;
    Ok(find(eval, at, arg(args, 1))?.map_or(Value::Int(-1), Value::count))
}

pub(super) fn clear(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    eval.context.wrote = true;
    match arg(args, 0) {
        Value::List(at) => eval.heap.list_mut(*at).into_iter().for_each(Vec::clear),
        Value::Object(at) => eval.heap.object_mut(*at).into_iter().for_each(|object| object.fields.clear()),
        other => return Err(refuse("`clear`", "a list or object", other)),
    }
    Ok(Value::Null)
}

pub(super) fn contains(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    ops::contains(eval, arg(args, 0), arg(args, 1)).map(Value::Bool)
}

/// `range(to)`, `range(from, to)`, `range(from, to, step)`; the end is not included.
pub(super) fn range(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let (from, to) = match args {
        [to] => (0, whole("range", to)?),
        _ => (whole("range", arg(args, 0))?, whole("range", arg(args, 1))?),
    };
    let step = args.get(2).map_or(Ok(1), |step| whole("range", step))?;
    range_of(eval, from, to, step)
}

pub(super) fn chunk(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let all = items(eval, "chunk", arg(args, 0))?;
    let size = usize::try_from(whole("chunk", arg(args, 1))?).unwrap_or(0);
    if size == 0 {
        return Err(Trouble::mismatch("`chunk` needs a size of at least 1"));
    }
    let chunks = all.chunks(size).map(|chunk| eval.heap.new_list(chunk.to_vec())).collect();
    Ok(eval.heap.new_list(chunks))
}

/// Pairs of two lists, as long as the shorter one.
pub(super) fn zip(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let left = items(eval, "zip", arg(args, 0))?;
    let right = items(eval, "zip", arg(args, 1))?;
    let pairs = left.into_iter().zip(right).map(|(a, b)| eval.heap.new_list(vec![a, b])).collect();
    Ok(eval.heap.new_list(pairs))
}

pub(super) fn reversed(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    if let Value::Str(text) = arg(args, 0) {
        return Ok(Value::text(text.chars().rev().collect::<String>()));
    }
    let mut all = items(eval, "reversed", arg(args, 0))?;
    all.reverse();
    Ok(eval.heap.new_list(all))
}

/// The elements without repeats, in the order of their first appearance.
pub(super) fn unique(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let all = items(eval, "unique", arg(args, 0))?;
    let mut kept: Vec<Value> = Vec::new();
    for item in all {
        eval.context.spend(kept.len())?;
        let mut is_new = true;
        for earlier in &kept {
            is_new &= !equal(eval.heap, earlier, &item)?;
        }
        if is_new {
            kept.push(item);
        }
    }
    Ok(eval.heap.new_list(kept))
}

pub(super) fn first(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let at = list_at("first", arg(args, 0))?;
    Ok(eval.heap.list(at).first().cloned().unwrap_or_default())
}

pub(super) fn last(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let at = list_at("last", arg(args, 0))?;
    Ok(eval.heap.list(at).last().cloned().unwrap_or_default())
}

/// Part of a list or text, from a position up to another one; negative positions count from the end.
pub(super) fn slice(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let bound = |at: i64, len: usize| {
        let from_start = if at < 0 { at.saturating_add(i64::try_from(len).unwrap_or(i64::MAX)) } else { at };
        usize::try_from(from_start.max(0)).unwrap_or(usize::MAX).min(len)
    };
    let from = whole("slice", arg(args, 1))?;
    let to = args.get(2).map_or(Ok(i64::MAX), |to| whole("slice", to))?;
    if let Value::Str(text) = arg(args, 0) {
        let len = text.chars().count();
        let (from, to) = (bound(from, len), bound(to, len));
        return Ok(Value::text(text.chars().skip(from).take(to.saturating_sub(from)).collect::<String>()));
    }
    let all = items(eval, "slice", arg(args, 0))?;
    let (from, to) = (bound(from, all.len()), bound(to, all.len()));
    let part = all.get(from..to.max(from)).unwrap_or(&[]).to_vec();
    Ok(eval.heap.new_list(part))
}
