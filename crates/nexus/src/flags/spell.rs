//! The way back: an input as the flags that would give it, for examples in help and for tests.

use nexus_kernel::Json;
use serde_json::Map;

use super::shape::{Kind, Shape};
use super::{Flag, value};

/// The words of a command line that give this input; what no flag can give comes first, as `--json`.
pub fn words(flags: &[Flag], input: &Map<String, Json>) -> Vec<String> {
    let (mut words, mut rest) = (Vec::new(), Map::new());
    for (name, value) in input {
        let path = [name.clone()];
        match field(flags, &path, value) {
            Some(found) => words.extend(found),
            None => {
                rest.insert(name.clone(), value.clone());
            }
        }
    }
    if !rest.is_empty() {
        words.insert(0, format!("--json={}", Json::Object(rest)));
    }
    words
}

/// The words for one field; nothing when its flag cannot say the value.
fn field(flags: &[Flag], path: &[String], value: &Json) -> Option<Vec<String>> {
    let flag = flags.iter().find(|flag| flag.path == path)?;
    if let (Kind::Object, Json::Object(fields)) = (&flag.shape.kind, value)
        && let Some(words) = inner(flags, path, fields)
    {
        return Some(words);
    }
    if let (true, Some(negative)) = (is_no(&flag.shape, value), &flag.negative) {
        return Some(vec![format!("--{negative}")]);
    }
    if let (Kind::Boolean, Json::Bool(true)) = (&flag.shape.kind, value) {
        return Some(vec![flag.shown()]);
    }
    let texts = texts(&flag.shape, value)?;
    Some(texts.iter().map(|text| format!("{}={text}", flag.shown())).collect())
}

/// Every field of an object by a flag of its own.
fn inner(flags: &[Flag], path: &[String], fields: &Map<String, Json>) -> Option<Vec<String>> {
    if fields.is_empty() {
        return None;
    }
    let of = |(name, value): (&String, &Json)| {
        let path: Vec<String> = path.iter().chain([name]).cloned().collect();
        field(flags, &path, value)
    };
    fields.iter().map(of).collect::<Option<Vec<_>>>().map(|words| words.concat())
}

/// Whether a value is what the negative of a flag stands for.
fn is_no(shape: &Shape, value: &Json) -> bool {
    if shape.kind == Kind::Boolean { *value == Json::Bool(false) } else { value.is_null() }
}

/// The texts of a command line that are read back as this value: its parts, else all of it as JSON.
fn texts(shape: &Shape, value: &Json) -> Option<Vec<String>> {
    let candidates = [parts(shape, value), Some(vec![value.to_string()])];
    let given = |texts: Vec<String>| {
        let fits = value::read_all(shape, &texts).as_ref() == Ok(value);
        texts.iter().map(|text| literal(text)).collect::<Option<Vec<_>>>().filter(|_| fits)
    };
    candidates.into_iter().flatten().find_map(given)
}

fn parts(shape: &Shape, value: &Json) -> Option<Vec<String>> {
    match (&shape.kind, value) {
        (Kind::List(item), Json::Array(items)) if !items.is_empty() => {
            items.iter().map(|value| part(item, value)).collect()
        }
        (Kind::Map(values), Json::Object(fields)) if !fields.is_empty() => {
            let pair = |(name, value): (&String, &Json)| Some(format!("{name}={}", part(values, value)?));
            fields.iter().map(pair).collect()
        }
        (_, Json::String(text)) => Some(vec![text.clone()]),
        _ => None,
    }
}

/// One text inside of a list or a map.
fn part(shape: &Shape, value: &Json) -> Option<String> {
    let plain = value.as_str().map(ToOwned::to_owned).into_iter().chain([value.to_string()]);
    plain.into_iter().find(|text| value::read(shape, text).as_ref() == Ok(value))
}

/// A text that is taken as it stands: `@` begins the name of a file, and `-` alone is standard input.
fn literal(text: &str) -> Option<String> {
    match text {
        "-" => None,
        text if text.starts_with('@') => Some(format!("@{text}")),
        text => Some(text.to_owned()),
    }
}

/// Words as a person would type them: a flag and its value apart, quoted for a shell where that is needed.
pub fn line(words: &[String]) -> String {
    let typed = words.iter().map(|word| match word.split_once('=').filter(|_| word.starts_with("--")) {
        Some((flag, value)) if !value.starts_with('-') => format!("{flag} {}", quoted(value)),
        Some((flag, value)) => format!("{flag}={}", quoted(value)),
        None => quoted(word),
    });
    typed.collect::<Vec<_>>().join(" ")
}

/// A word in quotes that a shell takes away again.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "_-./:=@%+,".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::of_schema;
    use serde_json::json;

    fn words_of(schema: Json, input: Json) -> Vec<String> {
        let flags = of_schema(&schema, &std::collections::BTreeSet::new());
        words(&flags, input.as_object().unwrap())
    }

    #[test]
    fn an_input_is_spelled_with_the_flags_that_people_would_use() {
        let schema = json!({ "properties": {
            "order_id": { "type": "integer" },
            "dry_run": { "type": "boolean" },
            "tags": { "type": "array", "items": { "type": "string" } },
            "note": { "type": ["string", "null"] },
            "to": { "type": "object", "properties": { "city": { "type": "string" } } },
        } });
        let input = json!({ "order_id": 7, "dry_run": true, "tags": ["a", "it's"], "note": null, "to": { "city": "Rome" } });
        let words = words_of(schema, input);
        assert_eq!(
            line(&words),
            r"--order-id 7 --dry-run --tags a --tags 'it'\''s' --no-note --to.city Rome"
        );
    }

    #[test]
    fn what_flags_cannot_say_is_json() {
        let schema = json!({ "properties": { "a": { "type": "string" }, "§": { "type": "integer" } } });
        let words = words_of(schema, json!({ "a": "-", "§": 1 }));
        assert_eq!(words, [r#"--json={"a":"-","§":1}"#]);
        let at = words_of(json!({ "properties": { "a": { "type": "string" } } }), json!({ "a": "@home" }));
        assert_eq!(at, ["--a=@@home"]);
    }
}
