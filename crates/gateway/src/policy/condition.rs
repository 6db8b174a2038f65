//! Conditions as they are written: the Common Expression Language (CEL), read by a library.

mod free;

use std::collections::HashMap;
use std::sync::Arc;

use cel::objects::{Key, Map};
use cel::{Context, Program, Value};
use nexus_kernel::Json;
use nexus_kernel::access::Condition;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::suggest;

/// The longest condition, in bytes.
const CONDITION_BYTES_MAX: usize = 4 * 1024;

/// What a condition can ask about.
const FACTS: [&str; 6] = ["caller", "channel", "operation", "namespace", "input", "time"];

/// Reads a condition. Errors: it cannot be read, or asks about what nobody knows.
pub fn condition(text: &str) -> Result<Condition, Error> {
    if text.len() > CONDITION_BYTES_MAX {
        return Err(wrong(format!("the condition is longer than {CONDITION_BYTES_MAX} bytes")));
    }
    let program = Program::compile(text).map_err(|errors| {
        let first = errors.errors.first().map(|error| error.msg.clone()).unwrap_or_default();
        wrong(format!("the condition {text:?} cannot be read: {first}"))
    })?;
    let names = free::names(program.expression());
    if let Some(strange) = names.iter().find(|name| !FACTS.contains(name)) {
        let error = wrong(format!("the condition {text:?} asks about {strange:?}, which nobody knows"));
        return Err(match suggest::nearest(strange, FACTS) {
            Some(near) => error.help(format!("did you mean {near}?")),
            None => error.help(format!("known are {}", FACTS.join(", "))),
        });
    }
    let asked: Vec<&'static str> = FACTS.into_iter().filter(|name| names.contains(name)).collect();
    Ok(Condition::new(text, move |facts| holds(&program, &asked, facts)))
}

/// What cannot be worked out does not hold: a field that is not there, a comparison of a text with a number.
fn holds(program: &Program, asked: &[&str], facts: &Json) -> bool {
    let mut context = Context::default();
    for name in asked {
        context.add_variable_from_value(*name, facts.get(name).map_or(Value::Null, value));
    }
    match program.execute(&context) {
        Ok(Value::Bool(holds)) => holds,
        Ok(_) => false,
        Err(error) => {
            tracing::debug!(%error, "a condition of a role cannot be decided, so it does not hold");
            false
        }
    }
}

/// JSON as expressions see it. Whole numbers are whole, so that they compare with those of an expression.
fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(it) => Value::Bool(*it),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int(whole),
            None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::String(Arc::new(text.clone())),
        Json::Array(all) => Value::List(Arc::new(all.iter().map(value).collect())),
        Json::Object(fields) => {
            let pair = |(name, field): (&String, &Json)| (Key::String(Arc::new(name.clone())), value(field));
            Value::Map(Map { map: Arc::new(fields.iter().map(pair).collect::<HashMap<_, _>>()) })
        }
    }
}

fn wrong(message: String) -> Error {
    Error::new(&code::ROLE_INVALID, message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn facts() -> Json {
        json!({
            "caller": { "name": "token:acme:ann", "address": "10.0.0.7", "claims": { "department": "sales", "level": 3 } },
            "channel": "rest",
            "operation": "shop/Refund",
            "namespace": "shop",
            "input": { "amount": 900, "items": [{ "sku": "a" }, { "sku": "b" }], "note": null },
            "time": { "unix": 1_800_000_000, "hour": 8, "weekday": 5 },
        })
    }

    fn decided(text: &str) -> bool {
        condition(text).unwrap().holds(&facts())
    }

    #[test]
    fn facts_decide() {
        for text in [
            "input.amount < 1000",
            "input.amount <= 900.0 && channel == 'rest'",
            "caller.claims.department in ['sales', 'support']",
            "has(caller.claims.level) && caller.claims.level >= 3",
            "input.items.all(item, item.sku != 'c')",
            "input.items.exists(input, input.sku == 'a') && {'sales': [channel]}[caller.claims.department] == ['rest']",
            "time.hour >= 8 && time.hour < 18 && time.weekday <= 5",
            "caller.address.startsWith('10.')",
            "input.note == null",
            "operation.endsWith('/Refund')",
        ] {
            assert!(decided(text), "{text}");
        }
        for text in ["input.amount > 1000", "channel == 'mcp'", "false"] {
            assert!(!decided(text), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_decided_does_not_hold() {
        for text in [
            "input.missing == 1",
            "input.amount == 'much' || input.amount.size() > 1",
            "caller.claims.department > 3",
            "input",
            "input.amount / 0 == 1",
            "input.amount + 9223372036854775807 > 0",
            "!(input.missing)",
        ] {
            assert!(!decided(text), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_when_the_file_is_read() {
        for (text, words) in [
            ("input.amount <", "cannot be read"),
            ("inptu.amount < 1", "did you mean input?"),
            ("user == 'ann'", "asks about \"user\""),
            ("", "cannot be read"),
        ] {
            let error = condition(text).unwrap_err();
            let told = format!("{} {}", error.message(), error.help_text().unwrap_or_default());
            assert!(told.contains(words), "{text}: {told}");
        }
        assert!(condition(&format!("input.a == '{}'", "x".repeat(5_000))).is_err());
    }

    #[test]
    fn both_of_two_hold_together() {
        let (yes, no) = (condition("true").unwrap(), condition("channel == 'mcp'").unwrap());
        assert!(yes.and(&yes).holds(&facts()) && !yes.and(&no).holds(&facts()));
        assert_eq!(yes.and(&no).to_string(), "(true) && (channel == 'mcp')");
    }
}
