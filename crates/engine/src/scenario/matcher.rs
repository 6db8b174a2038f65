//! Comparing what was expected with what was found: objects by the fields that are named, everything else whole,
//! and `$` words where a value is not known beforehand.

use std::str::FromStr;

use nexus_kernel::Json;
use nexus_kernel::suggest;
use nexus_lang::twf::moment::{parse_duration, parse_timestamp};
use regex::Regex;
use rust_decimal::Decimal;

use crate::scenario::node::{Entry, Node, Value};
use crate::scenario::problem::Place;
use crate::scenario::reader::Reader;

/// The `$` words.
const WORDS: &[&str] = &[
    "$any",
    "$type",
    "$regex",
    "$gt",
    "$gte",
    "$lt",
    "$lte",
    "$number",
    "$contains",
    "$length",
    "$not",
    "$one_of",
    "$exact",
    "$absent",
];

/// What `$type` can say.
const TYPES: &[&str] = &["text", "string", "int", "number", "bool", "list", "object", "null"];

/// One difference between what was expected and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Where the expectation is written.
    pub place: Place,
    /// Where in the value, for example `result.lines[0].sku`.
    pub path: String,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
}

/// The `$` words of a mapping that consists of them.
fn words(node: &Node) -> Option<&[Entry]> {
    node.entries().filter(|entries| !entries.is_empty() && entries.iter().all(|it| it.key.starts_with('$')))
}

/// Notes every `$` word that is not known or cannot be meant.
pub(crate) fn check(node: &Node, reader: &mut Reader<'_>) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| check(item, reader)),
        Value::Map(entries) => {
            for entry in entries {
                if entry.key.starts_with('$') {
                    check_word(node, entry, reader);
                }
                check(&entry.value, reader);
            }
        }
        Value::Text(text) if text.starts_with('$') && text != "$any" && WORDS.contains(&text.as_str()) => {
            reader.wrong_help(node.place, format!("{text} needs a value"), format!("write {{{text}: ..}}"));
        }
        _ => {}
    }
}

fn check_word(node: &Node, entry: &Entry, reader: &mut Reader<'_>) {
    if !WORDS.contains(&entry.key.as_str()) {
        let help = match suggest::nearest(&entry.key, WORDS.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known: {}", WORDS.join(", ")),
        };
        return reader.wrong_help(entry.place, format!("there is no matcher `{}`", entry.key), help);
    }
    if words(node).is_none() {
        let help = "a mapping holds matchers or fields, not both";
        return reader.wrong_help(entry.place, format!("`{}` stands beside fields", entry.key), help);
    }
    let value = &entry.value;
    match entry.key.as_str() {
        "$regex" => match value.text().map(Regex::new) {
            Some(Ok(_)) => {}
            Some(Err(error)) => reader.wrong(value.place, format!("this is no regular expression: {error}")),
            None => reader.wrong(value.place, format!("$regex is a text, not {}", value.kind())),
        },
        "$type" if !value.text().is_some_and(|text| TYPES.contains(&text)) => {
            reader.wrong_help(value.place, "this is no type", format!("the types are {}", TYPES.join(", ")));
        }
        "$one_of" if !matches!(value.value, Value::List(_)) => {
            reader.wrong(value.place, format!("$one_of is a list, not {}", value.kind()));
        }
        "$number" if decimal(&value.to_json()).is_none() => {
            reader.wrong(value.place, format!("$number is a number, not {}", value.kind()));
        }
        "$gt" | "$gte" | "$lt" | "$lte" if measure(&value.to_json()).is_none() => {
            let message = format!("{} compares numbers, durations and times", entry.key);
            reader.wrong(value.place, message);
        }
        _ => {}
    }
}

/// Every difference. A value that is missing is `None`.
pub(crate) fn compare(expected: &Node, found: Option<&Json>, path: &str) -> Vec<Difference> {
    let mut matching = Matching { differences: Vec::new(), exact: false };
    matching.node(expected, found, path);
    matching.differences
}

/// Whether there is no difference.
pub(crate) fn fits(expected: &Node, found: &Json) -> bool {
    compare(expected, Some(found), "").is_empty()
}

struct Matching {
    differences: Vec<Difference>,
    exact: bool,
}

impl Matching {
    fn differs(&mut self, node: &Node, path: &str, expected: impl Into<String>, found: Option<&Json>) {
        let found = found.map_or_else(|| "nothing".to_owned(), brief);
        let (path, expected) = (path.to_owned(), expected.into());
        self.differences.push(Difference { place: node.place, path, expected, found });
    }

    fn node(&mut self, node: &Node, found: Option<&Json>, path: &str) {
        if let Some(words) = words(node) {
            for entry in words {
                self.word(&entry.key, &entry.value, found, path);
            }
            return;
        }
        let Some(value) = found else { return self.differs(node, path, brief(&node.to_json()), None) };
        match (&node.value, value) {
            (Value::Text(word), _) if word == "$any" => {}
            (Value::Map(entries), Json::Object(fields)) => {
                for entry in entries {
                    self.node(&entry.value, fields.get(&entry.key), &join(path, &entry.key));
                }
                if self.exact {
                    for name in fields.keys().filter(|name| node.get(name).is_none()) {
                        self.differs(node, &join(path, name), "no such field", fields.get(name));
                    }
                }
            }
            (Value::List(items), Json::Array(found)) => {
                if items.len() != found.len() {
                    let count = format!("{} elements", items.len());
                    let text = format!("{} elements: {}", found.len(), brief(value));
                    let path = path.to_owned();
                    let difference = Difference { place: node.place, path, expected: count, found: text };
                    self.differences.push(difference);
                }
                for (at, (item, found)) in items.iter().zip(found).enumerate() {
                    self.node(item, Some(found), &format!("{path}[{at}]"));
                }
            }
            _ if same(&node.to_json(), value) => {}
            _ => self.differs(node, path, brief(&node.to_json()), found),
        }
    }

    fn word(&mut self, word: &str, given: &Node, found: Option<&Json>, path: &str) {
        let wanted = !matches!(given.value, Value::Bool(false));
        let holds = match (word, found) {
            ("$absent", found) => found.is_none() == wanted,
            ("$not", _) => {
                let mut inner = Matching { differences: Vec::new(), exact: self.exact };
                inner.node(given, found, path);
                !inner.differences.is_empty()
            }
            (_, None) => false,
            ("$exact", Some(_)) => {
                let mut inner = Matching { differences: Vec::new(), exact: true };
                inner.node(given, found, path);
                self.differences.extend(inner.differences);
                true
            }
            ("$length", Some(value)) => {
                let Some(length) = length(value) else {
                    return self.differs(given, path, "something with a length", found);
                };
                let count = Json::from(length);
                return self.node(given, Some(&count), &format!("{path}.length"));
            }
            (_, Some(value)) => holds(word, given, value),
        };
        if !holds {
            self.differs(given, path, format!("{word} {}", brief(&given.to_json())), found);
        }
    }
}

/// The matchers that look at a value alone.
fn holds(word: &str, given: &Node, value: &Json) -> bool {
    match word {
        "$any" => true,
        "$type" => given.text().is_some_and(|name| is_type(name, value)),
        "$regex" => {
            let regex = given.text().and_then(|pattern| Regex::new(pattern).ok());
            regex.is_some_and(|regex| value.as_str().is_some_and(|text| regex.is_match(text)))
        }
        "$number" => decimal(&given.to_json()).is_some_and(|number| decimal(value) == Some(number)),
        "$one_of" => match &given.value {
            Value::List(choices) => choices.iter().any(|choice| fits(choice, value)),
            _ => false,
        },
        "$contains" => contains(given, value),
        _ => match (measure(value), measure(&given.to_json())) {
            (Some(found), Some(limit)) => match word {
                "$gt" => found > limit,
                "$gte" => found >= limit,
                "$lt" => found < limit,
                _ => found <= limit,
            },
            _ => false,
        },
    }
}

/// A text in a text, or elements of a list in any order.
fn contains(given: &Node, value: &Json) -> bool {
    match (value, &given.value) {
        (Json::String(text), _) => given.text().is_some_and(|part| text.contains(part)),
        (Json::Array(items), Value::List(wanted)) => {
            wanted.iter().all(|wanted| items.iter().any(|item| fits(wanted, item)))
        }
        (Json::Array(items), _) => items.iter().any(|item| fits(given, item)),
        (Json::Object(fields), _) => given.text().is_some_and(|name| fields.contains_key(name)),
        _ => false,
    }
}

fn length(value: &Json) -> Option<usize> {
    match value {
        Json::String(text) => Some(text.chars().count()),
        Json::Array(items) => Some(items.len()),
        Json::Object(fields) => Some(fields.len()),
        _ => None,
    }
}

fn is_type(name: &str, value: &Json) -> bool {
    match name {
        "text" | "string" => value.is_string(),
        "int" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "bool" => value.is_boolean(),
        "list" => value.is_array(),
        "object" => value.is_object(),
        _ => value.is_null(),
    }
}

/// A number, also when it is written as a text, as exact decimals are.
fn decimal(value: &Json) -> Option<Decimal> {
    let text = match value {
        Json::Number(number) => number.to_string(),
        Json::String(text) => text.clone(),
        _ => return None,
    };
    Decimal::from_str(&text).or_else(|_| Decimal::from_scientific(&text)).ok()
}

/// What can be compared by size: a number, a duration or a time, both of the latter in milliseconds.
fn measure(value: &Json) -> Option<Decimal> {
    let written = || {
        let text = value.as_str()?;
        let millis = parse_duration(text).or_else(|_| parse_timestamp(text)).ok()?;
        Some(Decimal::from(millis))
    };
    decimal(value).or_else(written)
}

/// Equality of plain values: numbers by what they are, not by how they are written.
fn same(expected: &Json, found: &Json) -> bool {
    match (expected, found) {
        (Json::Number(_), Json::Number(_)) => decimal(expected) == decimal(found),
        _ => expected == found,
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Longest value in a message, in characters.
const BRIEF_CHARS_MAX: usize = 300;

/// A value in one line.
pub(crate) fn brief(value: &Json) -> String {
    let text = value.to_string();
    if text.chars().count() <= BRIEF_CHARS_MAX {
        return text;
    }
    text.chars().take(BRIEF_CHARS_MAX).chain(std::iter::once('…')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(text: &str) -> Node {
        crate::scenario::node::read("t.yaml", text).unwrap().remove(0)
    }

    fn told(expected: &str, found: Json) -> Vec<String> {
        let told = compare(&node(expected), Some(&found), "result").into_iter();
        told.map(|it| format!("{} {}: {} / {}", it.place, it.path, it.expected, it.found)).collect()
    }

    #[test]
    fn objects_are_compared_by_the_fields_that_are_named() {
        assert!(told("a: 1", json!({"a": 1.0, "b": 2})).is_empty());
        let difference = told("a: 1\nl:\n  - {x: 2}", json!({"a": 2, "l": [{"x": 3, "y": 4}]}));
        assert_eq!(difference, ["1:4 result.a: 1 / 2", "3:9 result.l[0].x: 2 / 3"]);
        assert_eq!(told("l: [1]", json!({"l": []})), ["1:4 result.l: 1 elements / 0 elements: []"]);
        let exact = told("$exact: {a: {b: 1}}", json!({"a": {"b": 1, "c": 2}}));
        assert_eq!(exact, ["1:13 result.a.c: no such field / 2"]);
    }

    #[test]
    fn every_matcher_holds_and_does_not() {
        for (matcher, yes, no) in [
            ("$type: int", json!(1), json!("1")),
            ("$regex: ^a+$", json!("aa"), json!("b")),
            ("{$gt: 1, $lt: 3}", json!("2.5"), json!(3)),
            ("$gte: 5m", json!("PT5M"), json!("PT4M59S")),
            ("$lte: 2026-01-01", json!("2025-12-31T23:59:59Z"), json!("2026-01-02T00:00:00Z")),
            ("$number: 12.5", json!("12.50"), json!("12.51")),
            ("$contains: b", json!("abc"), json!("xyz")),
            ("$contains: [{a: 1}]", json!([{"a": 2}, {"a": 1, "b": 0}]), json!([{"a": 2}])),
            ("$length: {$gt: 1}", json!([1, 2]), json!("x")),
            ("$not: {a: 1}", json!({"a": 2}), json!({"a": 1})),
            ("$one_of: [1, two]", json!("two"), json!(2)),
        ] {
            assert!(told(matcher, yes.clone()).is_empty(), "{matcher} {yes}");
            assert_eq!(told(matcher, no.clone()).len(), 1, "{matcher} {no}");
        }
        assert!(told("{a: $any, b: {$absent: true}}", json!({"a": null})).is_empty());
        assert_eq!(told("{a: $any, b: {$absent: true}}", json!({"b": 1})).len(), 2);
    }

    #[test]
    fn a_mistyped_matcher_is_a_problem() {
        for (text, message) in [
            ("$regx: a", "t.yaml:1:1: there is no matcher `$regx`"),
            ("{a: 1, $gt: 2}", "t.yaml:1:8: `$gt` stands beside fields"),
            ("$regex: '('", "t.yaml:1:9: this is no regular expression"),
            ("$type: foo", "t.yaml:1:8: this is no type"),
        ] {
            let mut reader = Reader::new("t.yaml");
            check(&node(text), &mut reader);
            assert!(reader.problems[0].to_string().starts_with(message), "{:?}", reader.problems);
        }
    }
}
