//! Texts, JSON and the log.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::{arg, refuse};
use crate::twf::boundary::{export, import};
use crate::twf::eval::{Eval, display, ops};
use crate::twf::fault::{BAD_VALUE, Trouble};
use crate::twf::machine::CommandKind;
use crate::twf::value::Value;

type Result = std::result::Result<Value, Trouble>;

/// Compiled patterns are rebuilt at each call; this bounds what one may cost.
const PATTERN_BYTES_MAX: usize = 64 * 1024;

fn text_of<'a>(name: &str, value: &'a Value) -> std::result::Result<&'a str, Trouble> {
    match value {
        Value::Str(text) => Ok(text),
        other => Err(refuse(&format!("`{name}`"), "a string", other)),
    }
}

pub(super) fn str(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    display(eval.heap, arg(args, 0)).map(Value::text)
}

/// A truth value from a bool, null, or the words `true` and `false`.
pub(super) fn bool(_: &mut Eval<'_>, args: &[Value]) -> Result {
    match arg(args, 0) {
        Value::Str(text) if text.eq_ignore_ascii_case("true") => Ok(Value::Bool(true)),
        Value::Str(text) if text.eq_ignore_ascii_case("false") => Ok(Value::Bool(false)),
        Value::Str(text) => Err(Trouble::new(BAD_VALUE, format!("`{text}` is neither true nor false"))),
        other => ops::truth(other).map(Value::Bool),
    }
}

pub(super) fn lower(_: &mut Eval<'_>, args: &[Value]) -> Result {
    Ok(Value::text(text_of("lower", arg(args, 0))?.to_lowercase()))
}

pub(super) fn upper(_: &mut Eval<'_>, args: &[Value]) -> Result {
    Ok(Value::text(text_of("upper", arg(args, 0))?.to_uppercase()))
}

pub(super) fn trim(_: &mut Eval<'_>, args: &[Value]) -> Result {
    Ok(Value::text(text_of("trim", arg(args, 0))?.trim()))
}

pub(super) fn starts_with(_: &mut Eval<'_>, args: &[Value]) -> Result {
    let prefix = text_of("starts_with", arg(args, 1))?;
    Ok(Value::Bool(text_of("starts_with", arg(args, 0))?.starts_with(prefix)))
}

pub(super) fn ends_with(_: &mut Eval<'_>, args: &[Value]) -> Result {
    let suffix = text_of("ends_with", arg(args, 1))?;
    Ok(Value::Bool(text_of("ends_with", arg(args, 0))?.ends_with(suffix)))
}

/// `split(text)` at blanks, `split(text, separator)`.
pub(super) fn split(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let text = text_of("split", arg(args, 0))?;
    eval.context.spend(text.len() / 8)?;
    let parts = match args.get(1) {
        None => text.split_whitespace().map(Value::text).collect(),
        Some(separator) => match text_of("split", separator)? {
            "" => return Err(Trouble::mismatch("`split` needs a separator that is not empty")),
            separator => text.split(separator).map(Value::text).collect(),
        },
    };
    Ok(eval.heap.new_list(parts))
}

/// `join(list)`, `join(list, separator)`.
pub(super) fn join(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let items = super::collection::items(eval, "join", arg(args, 0))?;
    let separator = args.get(1).map_or(Ok(""), |separator| text_of("join", separator))?;
    let mut joined = String::new();
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            joined.push_str(separator);
        }
        joined.push_str(&display(eval.heap, item)?);
        bounded(&joined)?;
    }
    Ok(Value::text(joined))
}

fn bounded(text: &str) -> std::result::Result<(), Trouble> {
    if text.len() > crate::twf::eval::VALUE_ITEMS_MAX { Err(ops::too_large()) } else { Ok(()) }
}

pub(super) fn replace(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let text = text_of("replace", arg(args, 0))?;
    let (old, new) = (text_of("replace", arg(args, 1))?, text_of("replace", arg(args, 2))?);
    // The size is known before the work is done.
    let found = text.matches(old).count();
    eval.context.spend(text.len() / 8 + found)?;
    if text.len().saturating_add(found.saturating_mul(new.len())) > crate::twf::eval::VALUE_ITEMS_MAX {
        return Err(ops::too_large());
    }
    Ok(Value::text(text.replace(old, new)))
}

/// Whether a regular expression matches somewhere in a text. No back-references, so time is linear.
pub(super) fn matches(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let text = text_of("matches", arg(args, 0))?;
    let pattern = text_of("matches", arg(args, 1))?;
    eval.context.spend(1_000 + text.len() / 8)?;
    let built = regex::RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build();
    let pattern = built.map_err(|_| Trouble::new(BAD_VALUE, format!("`{pattern}` is no usable pattern")))?;
    Ok(Value::Bool(pattern.is_match(text)))
}

/// Puts the arguments into the `{}` of the first, in order.
pub(super) fn format(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let template = text_of("format", arg(args, 0))?;
    let mut made = String::new();
    let mut rest = template;
    for value in args.iter().skip(1) {
        let Some((before, after)) = rest.split_once("{}") else {
            return Err(Trouble::mismatch("`format` has more arguments than `{}`"));
        };
        made.push_str(before);
        made.push_str(&display(eval.heap, value)?);
        bounded(&made)?;
        rest = after;
    }
    if rest.contains("{}") {
        return Err(Trouble::mismatch("`format` has fewer arguments than `{}`"));
    }
    made.push_str(rest);
    Ok(Value::text(made))
}

pub(super) fn to_json(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let json = export(eval.heap, arg(args, 0))?.to_string();
    eval.context.spend(json.len() / 8)?;
    Ok(Value::text(json))
}

pub(super) fn parse_json(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let text = text_of("parse_json", arg(args, 0))?;
    eval.context.spend(text.len() / 8)?;
    let json: serde_json::Value = serde_json::from_str(text)
        .map_err(|error| Trouble::new(BAD_VALUE, format!("this text is no JSON: {error}")))?;
    import(eval.heap, &json)
}

/// SHA-256 of the value as JSON, of a string's own bytes, in hexadecimal.
pub(super) fn hash(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    let bytes = match arg(args, 0) {
        Value::Str(text) => text.to_string(),
        other => export(eval.heap, other)?.to_string(),
    };
    eval.context.spend(bytes.len() / 8)?;
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes.as_bytes()) {
        let _ = write!(hex, "{byte:02x}");
    }
    Ok(Value::text(hex))
}

/// `log(value, ..)` and `log("warn", value, ..)`; silent on replay.
pub(super) fn log(eval: &mut Eval<'_>, args: &[Value]) -> Result {
    if eval.context.task.replaying {
        return Ok(Value::Null);
    }
    let (level, values) = match args {
        [Value::Str(level), rest @ ..]
            if !rest.is_empty() && matches!(&**level, "debug" | "info" | "warn" | "error") =>
        {
            (level.to_string(), rest)
        }
        _ => ("info".to_string(), args),
    };
    let mut line = String::new();
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            line.push(' ');
        }
        line.push_str(&display(eval.heap, value)?);
        bounded(&line)?;
    }
    eval.context.effects.push(CommandKind::Log { level, message: line });
    Ok(Value::Null)
}
