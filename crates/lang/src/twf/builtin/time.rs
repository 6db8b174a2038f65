//! Moments and durations.

#![expect(clippy::unnecessary_wraps, reason = "every function has the signature of the table")]

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::{arg, refuse};
use crate::twf::ast::BinaryOp;
use crate::twf::eval::{Eval, ops};
use crate::twf::fault::Trouble;
use crate::twf::moment::{parse_duration, parse_timestamp};
use crate::twf::value::Value;

type Result = std::result::Result<Value, Trouble>;

/// The time of the current workflow task.
pub(super) fn now(eval: &mut Eval<'_>, _: &[Value]) -> Result {
    Ok(Value::Timestamp(eval.context.task.now_ms))
}

pub(super) fn history_length(eval: &mut Eval<'_>, _: &[Value]) -> Result {
    Ok(Value::Int(i64::try_from(eval.context.task.history_length).unwrap_or(i64::MAX)))
}

pub(super) fn history_size(eval: &mut Eval<'_>, _: &[Value]) -> Result {
    Ok(Value::Int(i64::try_from(eval.context.task.history_bytes).unwrap_or(i64::MAX)))
}

/// Rule H17: a number is seconds, a string `5m` or ISO 8601.
pub(super) fn duration(_: &mut Eval<'_>, args: &[Value]) -> Result {
    to_duration(arg(args, 0)).map(Value::Duration)
}

/// A duration in milliseconds from any value that says one.
pub fn to_duration(value: &Value) -> std::result::Result<i64, Trouble> {
    match value {
        Value::Duration(ms) => Ok(*ms),
        Value::Str(text) => parse_duration(text),
        other => match other.number() {
            Some(number) => milliseconds(number, 1_000),
            None => Err(refuse("a duration", "a duration, number of seconds or text", other)),
        },
    }
}

fn milliseconds(number: Decimal, unit: i64) -> std::result::Result<i64, Trouble> {
    let ms = number.checked_mul(Decimal::from(unit)).and_then(|ms| ms.trunc().to_i64());
    ms.ok_or_else(|| Trouble::overflow("the duration is too long"))
}

fn of_unit(name: &str, args: &[Value], unit: i64) -> Result {
    match arg(args, 0).number() {
        Some(number) => milliseconds(number, unit).map(Value::Duration),
        None => Err(refuse(&format!("`{name}`"), "a number", arg(args, 0))),
    }
}

pub(super) fn millis(_: &mut Eval<'_>, args: &[Value]) -> Result {
    of_unit("millis", args, 1)
}

pub(super) fn seconds(_: &mut Eval<'_>, args: &[Value]) -> Result {
    of_unit("seconds", args, 1_000)
}

pub(super) fn minutes(_: &mut Eval<'_>, args: &[Value]) -> Result {
    of_unit("minutes", args, 60_000)
}

pub(super) fn hours(_: &mut Eval<'_>, args: &[Value]) -> Result {
    of_unit("hours", args, 3_600_000)
}

pub(super) fn days(_: &mut Eval<'_>, args: &[Value]) -> Result {
    of_unit("days", args, 86_400_000)
}

pub(super) fn weeks(_: &mut Eval<'_>, args: &[Value]) -> Result {
    of_unit("weeks", args, 604_800_000)
}

/// A moment from RFC 3339, or from seconds since 1970.
pub(super) fn timestamp(_: &mut Eval<'_>, args: &[Value]) -> Result {
    match arg(args, 0) {
        Value::Timestamp(ms) => Ok(Value::Timestamp(*ms)),
        Value::Str(text) => parse_timestamp(text).map(Value::Timestamp),
        other => match other.number() {
            Some(number) => milliseconds(number, 1_000).map(Value::Timestamp),
            None => Err(refuse("`timestamp`", "text or seconds since 1970", other)),
        },
    }
}

/// `date_add(moment, duration)`.
pub(super) fn date_add(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let moment = timestamp(eval, args)?;
    let duration = Value::Duration(to_duration(arg(args, 1))?);
    ops::binary(eval, BinaryOp::Add, &moment, &duration)
}
