//! Operators: exact, checked, and strict about types.

use std::cmp::Ordering;
use std::fmt::Write as _;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::{Eval, VALUE_ITEMS_MAX};
use crate::twf::ast::BinaryOp;
use crate::twf::boundary;
use crate::twf::fault::{
    DIVISION_BY_ZERO, INDEX_RANGE, NULL_FIELD, Trouble, VALUE_TOO_DEEP, VALUE_TOO_LARGE,
};
use crate::twf::heap::Heap;
use crate::twf::moment::{duration_text, timestamp_text};
use crate::twf::value::Value;

type Result<T> = std::result::Result<T, Trouble>;

/// Whether a value counts as true.
pub fn truth(value: &Value) -> Result<bool> {
    match value {
        Value::Bool(value) => Ok(*value),
        Value::Null => Ok(false),
        Value::Object(_) => Ok(true),
        other => Err(Trouble::mismatch(format!("a condition must be true or false, not {}", other.kind()))),
    }
}

/// Two operands that are both needed.
pub fn binary(eval: &mut Eval<'_>, op: BinaryOp, left: &Value, right: &Value) -> Result<Value> {
    match op {
        BinaryOp::Eq => equal(eval.heap, left, right).map(Value::Bool),
        BinaryOp::Ne => equal(eval.heap, left, right).map(|equal| Value::Bool(!equal)),
        BinaryOp::Lt => compare(left, right).map(|order| Value::Bool(order.is_lt())),
        BinaryOp::Le => compare(left, right).map(|order| Value::Bool(order.is_le())),
        BinaryOp::Gt => compare(left, right).map(|order| Value::Bool(order.is_gt())),
        BinaryOp::Ge => compare(left, right).map(|order| Value::Bool(order.is_ge())),
        BinaryOp::In => contains(eval, right, left).map(Value::Bool),
        BinaryOp::NotIn => contains(eval, right, left).map(|found| Value::Bool(!found)),
        BinaryOp::Range => match (left, right) {
            (Value::Int(from), Value::Int(to)) => range(eval, *from, *to, 1),
            _ => Err(between("`..`", left, right)),
        },
        BinaryOp::Add => add(eval, left, right),
        BinaryOp::Sub => subtract(left, right),
        BinaryOp::Mul => multiply(left, right),
        BinaryOp::Div => divide(left, right),
        BinaryOp::IntDiv => floor_divide(left, right),
        BinaryOp::Rem => remainder(left, right),
        BinaryOp::Coalesce | BinaryOp::Or | BinaryOp::And => Err(Trouble::mismatch("a lazy operator")),
    }
}

fn between(op: &str, left: &Value, right: &Value) -> Trouble {
    Trouble::mismatch(format!("{op} cannot be used between {} and {}", left.kind(), right.kind()))
}

/// Structural equality.
pub fn equal(heap: &Heap, left: &Value, right: &Value) -> Result<bool> {
    heap.equal(left, right).ok_or_else(|| {
        Trouble::new(VALUE_TOO_DEEP, "the values nest too deep to be compared, or contain themselves")
    })
}

/// Order of numbers, texts, durations and timestamps.
pub fn compare(left: &Value, right: &Value) -> Result<Ordering> {
    match (left, right) {
        (Value::Int(a), Value::Int(b))
        | (Value::Duration(a), Value::Duration(b))
        | (Value::Timestamp(a), Value::Timestamp(b)) => Ok(a.cmp(b)),
        (Value::Str(a), Value::Str(b)) => Ok(a.cmp(b)),
        _ => match (left.number(), right.number()) {
            (Some(a), Some(b)) => Ok(a.cmp(&b)),
            _ => Err(Trouble::mismatch(format!("{} and {} have no order", left.kind(), right.kind()))),
        },
    }
}

/// Element of a list, key of an object, part of a text.
pub fn contains(eval: &mut Eval<'_>, whole: &Value, part: &Value) -> Result<bool> {
    match (whole, part) {
        (Value::List(at), _) => {
            eval.context.spend(eval.heap.list(*at).len())?;
            for item in eval.heap.list(*at) {
                if equal(eval.heap, item, part)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        (Value::Object(at), Value::Str(key)) => Ok(eval.heap.field(*at, key).is_some()),
        (Value::Str(whole), Value::Str(part)) => Ok(whole.contains(&**part)),
        (Value::Null, _) => Ok(false),
        _ => Err(Trouble::mismatch(format!("{} cannot contain {}", whole.kind(), part.kind()))),
    }
}

/// Whole numbers from one to another, the end not included.
pub fn range(eval: &mut Eval<'_>, from: i64, to: i64, step: i64) -> Result<Value> {
    if step == 0 {
        return Err(Trouble::mismatch("the step of a range cannot be 0"));
    }
    let span = if step > 0 { i128::from(to) - i128::from(from) } else { i128::from(from) - i128::from(to) };
    let count = (span + i128::from(step.unsigned_abs()) - 1).max(0) / i128::from(step.unsigned_abs());
    let count = usize::try_from(count).ok().filter(|count| *count <= VALUE_ITEMS_MAX);
    let count = count.ok_or_else(too_large)?;
    eval.context.spend(count)?;
    let steps = 0..i64::try_from(count).unwrap_or(0);
    let items = steps.map(|at| Value::Int(from.saturating_add(at.saturating_mul(step)))).collect();
    Ok(eval.heap.new_list(items))
}

/// The refusal of a value beyond the size limit.
pub fn too_large() -> Trouble {
    Trouble::new(
        VALUE_TOO_LARGE,
        format!("a value cannot have more than {VALUE_ITEMS_MAX} elements or characters"),
    )
}

fn add(eval: &mut Eval<'_>, left: &Value, right: &Value) -> Result<Value> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => a.checked_add(*b).map(Value::Int).ok_or_else(|| overflow("+")),
        (Value::Duration(a), Value::Duration(b)) => {
            a.checked_add(*b).map(Value::Duration).ok_or_else(|| overflow("+"))
        }
        (Value::Timestamp(a), Value::Duration(b)) | (Value::Duration(b), Value::Timestamp(a)) => {
            a.checked_add(*b).map(Value::Timestamp).ok_or_else(|| overflow("+"))
        }
        (Value::List(a), Value::List(b)) => {
            let joined: Vec<Value> = eval.heap.list(*a).iter().chain(eval.heap.list(*b)).cloned().collect();
            eval.context.spend(joined.len())?;
            Ok(eval.heap.new_list(joined))
        }
        (Value::Str(_), _) | (_, Value::Str(_)) => concatenate(eval, left, right),
        _ => numbers("+", left, right, Decimal::checked_add),
    }
}

/// Text and a scalar; null and structures are more likely mistakes than wishes.
fn concatenate(eval: &mut Eval<'_>, left: &Value, right: &Value) -> Result<Value> {
    let is_scalar =
        |value: &Value| !matches!(value, Value::Null | Value::List(_) | Value::Object(_) | Value::Promise(_));
    if !is_scalar(left) || !is_scalar(right) {
        return Err(between("`+`", left, right));
    }
    let mut text = display(eval.heap, left)?;
    text.push_str(&display(eval.heap, right)?);
    if text.len() > VALUE_ITEMS_MAX {
        return Err(too_large());
    }
    eval.context.spend(text.len() / 64)?;
    Ok(Value::text(text))
}

fn subtract(left: &Value, right: &Value) -> Result<Value> {
    let value = match (left, right) {
        (Value::Int(a), Value::Int(b)) => a.checked_sub(*b).map(Value::Int),
        (Value::Duration(a), Value::Duration(b)) | (Value::Timestamp(a), Value::Timestamp(b)) => {
            a.checked_sub(*b).map(Value::Duration)
        }
        (Value::Timestamp(a), Value::Duration(b)) => a.checked_sub(*b).map(Value::Timestamp),
        _ => return numbers("-", left, right, Decimal::checked_sub),
    };
    value.ok_or_else(|| overflow("-"))
}

fn multiply(left: &Value, right: &Value) -> Result<Value> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => a.checked_mul(*b).map(Value::Int).ok_or_else(|| overflow("*")),
        (Value::Duration(ms), factor) | (factor, Value::Duration(ms)) if factor.number().is_some() => {
            scaled(*ms, factor, "*", Decimal::checked_mul)
        }
        _ => numbers("*", left, right, Decimal::checked_mul),
    }
}

fn divide(left: &Value, right: &Value) -> Result<Value> {
    match (left, right) {
        (Value::Duration(ms), divisor) if divisor.number().is_some() => {
            not_zero(divisor)?;
            scaled(*ms, divisor, "/", Decimal::checked_div)
        }
        (Value::Duration(a), Value::Duration(b)) => {
            let (a, b) = (Value::Int(*a), Value::Int(*b));
            not_zero(&b)?;
            numbers("/", &a, &b, quotient)
        }
        _ => {
            not_zero(right)?;
            numbers("/", left, right, quotient)
        }
    }
}

/// Without the zeros that division leaves at the end.
fn quotient(a: Decimal, b: Decimal) -> Option<Decimal> {
    a.checked_div(b).map(|quotient| quotient.normalize())
}

/// Rounds towards minus infinity, so that `a == (a // b) * b + a % b` and `a % b` has the sign of `b`.
fn floor_divide(left: &Value, right: &Value) -> Result<Value> {
    not_zero(right)?;
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => {
            let quotient = a.checked_div(*b).ok_or_else(|| overflow("//"))?;
            let inexact = a.checked_rem(*b).is_some_and(|rest| rest != 0);
            Ok(Value::Int(if inexact && (*a < 0) != (*b < 0) { quotient - 1 } else { quotient }))
        }
        (Value::Duration(a), Value::Duration(b)) => floor_divide(&Value::Int(*a), &Value::Int(*b)),
        _ => {
            let quotient = numbers("//", left, right, Decimal::checked_div)?;
            let floor = quotient.number().and_then(|quotient| quotient.floor().to_i64());
            floor.map(Value::Int).ok_or_else(|| overflow("//"))
        }
    }
}

fn remainder(left: &Value, right: &Value) -> Result<Value> {
    not_zero(right)?;
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => {
            let rest = a.checked_rem(*b).unwrap_or(0);
            Ok(Value::Int(if rest != 0 && (rest < 0) != (*b < 0) { rest + b } else { rest }))
        }
        (Value::Duration(a), Value::Duration(b)) => match remainder(&Value::Int(*a), &Value::Int(*b))? {
            Value::Int(rest) => Ok(Value::Duration(rest)),
            other => Ok(other),
        },
        _ => {
            let (Some(a), Some(b)) = (left.number(), right.number()) else {
                return Err(between("`%`", left, right));
            };
            let rest = a.checked_rem(b).ok_or_else(|| overflow("%"))?;
            let wrong_sign = !rest.is_zero() && rest.is_sign_negative() != b.is_sign_negative();
            Ok(Value::Decimal(if wrong_sign { rest + b } else { rest }))
        }
    }
}

/// Minus.
pub fn negate(value: &Value) -> Result<Value> {
    match value {
        Value::Int(int) => int.checked_neg().map(Value::Int).ok_or_else(|| overflow("-")),
        Value::Duration(ms) => ms.checked_neg().map(Value::Duration).ok_or_else(|| overflow("-")),
        Value::Decimal(decimal) => Ok(Value::Decimal(-*decimal)),
        other => Err(Trouble::mismatch(format!("`-` cannot be used on {}", other.kind()))),
    }
}

fn numbers(
    op: &str,
    left: &Value,
    right: &Value,
    with: impl Fn(Decimal, Decimal) -> Option<Decimal>,
) -> Result<Value> {
    match (left.number(), right.number()) {
        (Some(a), Some(b)) => with(a, b).map(Value::Decimal).ok_or_else(|| overflow(op)),
        _ => Err(between(&format!("`{op}`"), left, right)),
    }
}

fn scaled(
    ms: i64,
    factor: &Value,
    op: &str,
    with: impl Fn(Decimal, Decimal) -> Option<Decimal>,
) -> Result<Value> {
    let factor = factor.number().unwrap_or_default();
    let scaled = with(Decimal::from(ms), factor).and_then(|ms| ms.trunc().to_i64());
    scaled.map(Value::Duration).ok_or_else(|| overflow(op))
}

fn not_zero(divisor: &Value) -> Result<()> {
    let is_zero = divisor.number().is_some_and(|number| number.is_zero()) || *divisor == Value::Duration(0);
    if is_zero { Err(Trouble::new(DIVISION_BY_ZERO, "division by zero")) } else { Ok(()) }
}

fn overflow(op: &str) -> Trouble {
    Trouble::overflow(format!("the result of `{op}` is too large"))
}

/// `list[i]` (from the end when negative), `object[key]`, `text[i]`.
pub fn index(heap: &Heap, whole: &Value, at: &Value) -> Result<Value> {
    match (whole, at) {
        (Value::List(list), Value::Int(at)) => {
            let items = heap.list(*list);
            let place = position(*at, items.len()).and_then(|at| items.get(at));
            place.cloned().ok_or_else(|| out_of_range("list", *at, items.len()))
        }
        (Value::Object(object), key) => {
            let key = display(heap, key)?;
            Ok(heap.field(*object, &key).cloned().unwrap_or_default())
        }
        (Value::Str(text), Value::Int(at)) => {
            let count = text.chars().count();
            let found = position(*at, count).and_then(|at| text.chars().nth(at));
            found.map(|c| Value::text(c.to_string())).ok_or_else(|| out_of_range("text", *at, count))
        }
        (Value::Null, _) => Err(Trouble::new(NULL_FIELD, "null has no elements")),
        _ => Err(Trouble::mismatch(format!("{} cannot be indexed by {}", whole.kind(), at.kind()))),
    }
}

/// A position as given, counted from the end when negative.
pub fn position(at: i64, len: usize) -> Option<usize> {
    let from_start = if at < 0 { i64::try_from(len).ok()?.checked_add(at)? } else { at };
    usize::try_from(from_start).ok().filter(|at| *at < len)
}

fn out_of_range(what: &str, at: i64, len: usize) -> Trouble {
    Trouble::new(INDEX_RANGE, format!("position {at} is outside of a {what} of {len}"))
}

/// A value as text: what `str(..)`, interpolation and concatenation show.
pub fn display(heap: &Heap, value: &Value) -> Result<String> {
    Ok(match value {
        Value::Null => "null".to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Decimal(value) => value.to_string(),
        Value::Str(text) => text.to_string(),
        Value::Duration(ms) => duration_text(*ms),
        Value::Timestamp(ms) => timestamp_text(*ms),
        Value::List(_) | Value::Object(_) => {
            let mut text = String::new();
            let _ = write!(text, "{}", boundary::export(heap, value)?);
            text
        }
        Value::Promise(_) => return Err(Trouble::mismatch("a promise has no text; await it first")),
    })
}
