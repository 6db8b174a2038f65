//! Functions that take a lambda.

use std::cmp::Ordering;

use super::collection::items;
use super::{Call, refuse};
use crate::twf::ast::BinaryOp;
use crate::twf::eval::{Eval, ops};
use crate::twf::fault::{Fault, Trouble};
use crate::twf::value::Value;

type Result = std::result::Result<Value, Fault>;

impl Call<'_> {
    fn items(&self, eval: &mut Eval<'_>, name: &str) -> std::result::Result<Vec<Value>, Fault> {
        let list = self.values.first().unwrap_or(&Value::Null);
        items(eval, name, list).map_err(|trouble| trouble.at(self.span))
    }

    /// The lambda's value for an element; the element itself when there is no lambda.
    fn key(&self, eval: &mut Eval<'_>, item: &Value, at: usize) -> Result {
        match self.lambda {
            Some(lambda) => eval.apply(lambda, &[item.clone(), Value::count(at)]),
            None => Ok(item.clone()),
        }
    }

    fn holds(&self, eval: &mut Eval<'_>, item: &Value, at: usize) -> std::result::Result<bool, Fault> {
        let value = self.key(eval, item, at)?;
        ops::truth(&value).map_err(|trouble| trouble.at(self.span))
    }

    fn need_lambda(&self, name: &str) -> std::result::Result<(), Fault> {
        match self.lambda {
            Some(_) => Ok(()),
            None => {
                Err(Trouble::mismatch(format!("`{name}` needs a lambda such as `x => x.ok`")).at(self.span))
            }
        }
    }
}

pub(super) fn map(eval: &mut Eval<'_>, call: &Call<'_>) -> Result {
    call.need_lambda("map")?;
    let mut made = Vec::new();
    for (at, item) in call.items(eval, "map")?.iter().enumerate() {
        made.push(call.key(eval, item, at)?);
    }
    Ok(eval.heap.new_list(made))
}

pub(super) fn filter(eval: &mut Eval<'_>, call: &Call<'_>) -> Result {
    call.need_lambda("filter")?;
    let mut kept = Vec::new();
    for (at, item) in call.items(eval, "filter")?.into_iter().enumerate() {
        if call.holds(eval, &item, at)? {
            kept.push(item);
        }
    }
    Ok(eval.heap.new_list(kept))
}

pub(super) fn any(eval: &mut Eval<'_>, call: &Call<'_>) -> Result {
    for (at, item) in call.items(eval, "any")?.iter().enumerate() {
        if call.holds(eval, item, at)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

pub(super) fn all(eval: &mut Eval<'_>, call: &Call<'_>) -> Result {
    for (at, item) in call.items(eval, "all")?.iter().enumerate() {
        if !call.holds(eval, item, at)? {
            return Ok(Value::Bool(false));
        }
    }
    Ok(Value::Bool(true))
}

/// How many elements there are, or for how many the lambda holds.
pub(super) fn count(eval: &mut Eval<'_>, call: &Call<'_>) -> Result {
    let all = call.items(eval, "count")?;
    if call.lambda.is_none() {
        return Ok(Value::count(all.len()));
    }
    let mut count = 0;
    for (at, item) in all.iter().enumerate() {
        count += usize::from(call.holds(eval, item, at)?);
    }
    Ok(Value::count(count))
}

/// The first element for which the lambda holds, or null.
pub(super) fn find(eval: &mut Eval<'_>, call: &Call<'_>) -> Result {
    call.need_lambda("find")?;
    for (at, item) in call.items(eval, "find")?.into_iter().enumerate() {
        if call.holds(eval, &item, at)? {
            return Ok(item);
        }
    }
    Ok(Value::Null)
}

pub(super) fn sum(eval: &mut Eval<'_>, call: &Call<'_>) -> Result {
    let mut total: Option<Value> = None;
    for (at, item) in call.items(eval, "sum")?.iter().enumerate() {
        let value = call.key(eval, item, at)?;
        if !matches!(value, Value::Int(_) | Value::Decimal(_) | Value::Duration(_)) {
            return Err(refuse("`sum`", "numbers or durations", &value).at(call.span));
        }
        total = Some(match total {
            Some(total) => ops::binary(eval, BinaryOp::Add, &total, &value).map_err(|it| it.at(call.span))?,
            None => value,
        });
    }
    Ok(total.unwrap_or(Value::Int(0)))
}

pub(super) fn min(eval: &mut Eval<'_>, call: &Call<'_>) -> Result {
    extreme(eval, call, "min", Ordering::Less)
}

pub(super) fn max(eval: &mut Eval<'_>, call: &Call<'_>) -> Result {
    extreme(eval, call, "max", Ordering::Greater)
}

/// Of a list, perhaps by a key, or of the arguments; null when there is nothing.
fn extreme(eval: &mut Eval<'_>, call: &Call<'_>, name: &str, wanted: Ordering) -> Result {
    let all = match call.values.as_slice() {
        [Value::List(_)] => call.items(eval, name)?,
        values => values.to_vec(),
    };
    let mut best: Option<(Value, Value)> = None;
    for (at, item) in all.into_iter().enumerate() {
        let key = call.key(eval, &item, at)?;
        let better = match &best {
            Some((_, old)) => ops::compare(&key, old).map_err(|it| it.at(call.span))? == wanted,
            None => true,
        };
        if better {
            best = Some((item, key));
        }
    }
    Ok(best.map(|(item, _)| item).unwrap_or_default())
}

/// Stable. `sorted(xs)`, `sorted(xs, x => x.key)`, and a last argument `true` for descending order.
pub(super) fn sorted(eval: &mut Eval<'_>, call: &Call<'_>) -> Result {
    let descending = matches!(call.values.get(1), Some(Value::Bool(true)));
    let mut keyed = Vec::new();
    for (at, item) in call.items(eval, "sorted")?.into_iter().enumerate() {
        let key = call.key(eval, &item, at)?;
        keyed.push((key, item));
    }
    eval.context.spend(keyed.len().saturating_mul(16)).map_err(|trouble| trouble.at(call.span))?;
    // Keys that have an order with the first one have one with each other; sorting relies on that.
    if let Some(((first, _), rest)) = keyed.split_first() {
        for (key, _) in rest {
            ops::compare(first, key).map_err(|trouble| trouble.at(call.span))?;
        }
    }
    keyed.sort_by(|(a, _), (b, _)| {
        let order = ops::compare(a, b).unwrap_or(Ordering::Equal);
        if descending { order.reverse() } else { order }
    });
    Ok(eval.heap.new_list(keyed.into_iter().map(|(_, item)| item).collect()))
}
