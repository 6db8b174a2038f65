//! Numbers, and the seeded generator.

#![expect(clippy::unnecessary_wraps, reason = "every function has the signature of the table")]

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

use super::{arg, refuse};
use crate::twf::boundary::parse_decimal;
use crate::twf::eval::Eval;
use crate::twf::fault::{BAD_VALUE, Trouble};
use crate::twf::value::Value;

type Result = std::result::Result<Value, Trouble>;

/// Digits of `random()`.
const RANDOM_DIGITS: u32 = 15;

/// Words of the generator's stream that belong to one draw: a draw never depends on what an earlier one took.
const WORDS_PER_DRAW: u128 = 16;

pub(super) fn abs(_: &mut Eval<'_>, args: &[Value]) -> Result {
    let too_large = || Trouble::overflow("the result of `abs` is too large");
    match arg(args, 0) {
        Value::Int(int) => int.checked_abs().map(Value::Int).ok_or_else(too_large),
        Value::Duration(ms) => ms.checked_abs().map(Value::Duration).ok_or_else(too_large),
        Value::Decimal(decimal) => Ok(Value::Decimal(decimal.abs())),
        other => Err(refuse("`abs`", "a number", other)),
    }
}

/// `round(x)` to a whole number, `round(x, digits)` to a decimal; halves go away from zero.
pub(super) fn round(_: &mut Eval<'_>, args: &[Value]) -> Result {
    let number = number("round", arg(args, 0))?;
    let strategy = RoundingStrategy::MidpointAwayFromZero;
    match args.get(1) {
        None => whole("round", number.round_dp_with_strategy(0, strategy)),
        Some(Value::Int(digits)) => {
            let digits =
                u32::try_from(*digits).map_err(|_| Trouble::mismatch("`round` needs 0 digits or more"))?;
            Ok(Value::Decimal(number.round_dp_with_strategy(digits, strategy)))
        }
        Some(other) => Err(refuse("`round`", "a whole number of digits", other)),
    }
}

pub(super) fn floor(_: &mut Eval<'_>, args: &[Value]) -> Result {
    whole("floor", number("floor", arg(args, 0))?.floor())
}

pub(super) fn ceil(_: &mut Eval<'_>, args: &[Value]) -> Result {
    whole("ceil", number("ceil", arg(args, 0))?.ceil())
}

fn number(name: &str, value: &Value) -> std::result::Result<Decimal, Trouble> {
    value.number().ok_or_else(|| refuse(&format!("`{name}`"), "a number", value))
}

fn whole(name: &str, decimal: Decimal) -> Result {
    let int = decimal.to_i64().map(Value::Int);
    int.ok_or_else(|| Trouble::overflow(format!("the result of `{name}` is too large")))
}

/// A whole number from a number (cut off), text, bool, or the milliseconds of a duration.
pub(super) fn int(_: &mut Eval<'_>, args: &[Value]) -> Result {
    match arg(args, 0) {
        Value::Int(int) => Ok(Value::Int(*int)),
        Value::Bool(value) => Ok(Value::Int(i64::from(*value))),
        Value::Duration(ms) | Value::Timestamp(ms) => Ok(Value::Int(*ms)),
        Value::Decimal(decimal) => whole("int", decimal.trunc()),
        Value::Str(text) => text
            .trim()
            .parse()
            .map(Value::Int)
            .map_err(|_| Trouble::new(BAD_VALUE, format!("`{text}` is no whole number"))),
        other => Err(refuse("`int`", "a number or text", other)),
    }
}

pub(super) fn decimal(_: &mut Eval<'_>, args: &[Value]) -> Result {
    match arg(args, 0) {
        Value::Str(text) => parse_decimal(text).map(Value::Decimal),
        other => number("decimal", other).map(Value::Decimal),
    }
}

/// The generator of one draw: the run's seed at the place that belongs to this draw.
fn draw(eval: &mut Eval<'_>) -> ChaCha8Rng {
    let mut generator = ChaCha8Rng::seed_from_u64(eval.info.seed);
    generator.set_word_pos(u128::from(*eval.draws) * WORDS_PER_DRAW);
    *eval.draws += 1;
    generator
}

/// A random UUID, version 4.
pub(super) fn uuid(eval: &mut Eval<'_>, _: &[Value]) -> Result {
    let mut bytes = [0_u8; 16];
    draw(eval).fill_bytes(&mut bytes);
    let raw = u128::from_be_bytes(bytes);
    let id = (raw & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{id:032x}");
    let mut text = String::with_capacity(36);
    for (at, c) in hex.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(c);
    }
    Ok(Value::text(text))
}

/// `random()`: a decimal from 0 up to 1. `random(n)`, `random(from, to)`: a whole number, the end not included.
pub(super) fn random(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let (from, to) = match args {
        [] => {
            let digits = draw(eval).next_u64() % 10_u64.pow(RANDOM_DIGITS);
            return Ok(Value::Decimal(Decimal::from_i128_with_scale(i128::from(digits), RANDOM_DIGITS)));
        }
        [Value::Int(to)] => (0, *to),
        [Value::Int(from), Value::Int(to)] => (*from, *to),
        _ => return Err(Trouble::mismatch("`random` needs whole numbers")),
    };
    let span = i128::from(to) - i128::from(from);
    let span = u64::try_from(span).ok().filter(|span| *span > 0);
    let span = span.ok_or_else(|| Trouble::mismatch("`random` needs a range that is not empty"))?;
    let offset = i128::from(draw(eval).next_u64() % span);
    let value = i64::try_from(i128::from(from) + offset).unwrap_or(from);
    Ok(Value::Int(value))
}
