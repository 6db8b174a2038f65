//! YAML as a tree that remembers where everything was written.

use std::fmt;

use nexus_kernel::Json;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number};
use serde_saphyr::Spanned;

use crate::scenario::problem::{Place, Problem};

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// The values of YAML that JSON has as well.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Keys with their places and values, in order of the file.
    Map(Vec<Entry>),
}

/// One key of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// Its value.
    pub value: Node,
}

impl Node {
    /// The same without places.
    pub fn to_json(&self) -> Json {
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Number(number) => Json::Number(number.clone()),
            Value::Text(text) => Json::String(text.clone()),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(entries) => {
                let fields = entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json()));
                Json::Object(fields.collect::<Map<_, _>>())
            }
        }
    }

    /// The text, when it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The entries, when it is a mapping.
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries()?.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// What people call this kind of value.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// Reads every document of a text; an empty document is none.
pub(crate) fn read(path: &str, text: &str) -> Result<Vec<Node>, Problem> {
    let options = serde_saphyr::options! { strict_booleans: true };
    let documents: Vec<Read> =
        serde_saphyr::from_multiple_with_options(text, options).map_err(|error| refused(path, &error))?;
    Ok(documents.into_iter().map(|read| read.0).filter(|node| node.value != Value::Null).collect())
}

fn refused(path: &str, error: &serde_saphyr::Error) -> Problem {
    let place = error.location().map_or(Place::START, place_of);
    let message = error.without_snippet().to_string();
    // The parser repeats its position in words; the place says it already.
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(before, _)| before);
    let problem = Problem::new(path, place, format!("this is no YAML that can be read: {message}"));
    if message.starts_with("duplicate mapping key") {
        return Problem { message: message.split(',').next().unwrap_or(message).to_owned(), ..problem }
            .help("a key may be written once; join the two or rename one");
    }
    problem
}

fn place_of(location: serde_saphyr::Location) -> Place {
    Place {
        line: u32::try_from(location.line()).unwrap_or(u32::MAX).max(1),
        column: u32::try_from(location.column()).unwrap_or(u32::MAX).max(1),
    }
}

/// A node while it is being read.
struct Read(Node);

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Read, D::Error> {
        let read = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Read(Node { place: place_of(read.referenced), value: read.value }))
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(Values)
    }
}

struct Values;

impl<'de> Visitor<'de> for Values {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that JSON has as well")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(Values)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value);
        number.map(Value::Number).ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Read(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some((key, Read(value))) = fields.next_entry::<Spanned<String>, Read>()? {
            map.push(Entry { place: place_of(key.referenced), key: key.value, value });
        }
        Ok(Value::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_value_knows_its_place() {
        let text = "a: 1\nlist:\n  - {x: ä, y: no}\n  - 2.50\nuse: &u [true, ~]\nagain: *u\n";
        let nodes = read("t.yaml", text).unwrap();
        let expected = json!({
            "a": 1, "list": [{"x": "ä", "y": "no"}, 2.5], "use": [true, null], "again": [true, null]
        });
        assert_eq!(nodes[0].to_json(), expected);
        let list = nodes[0].get("list").unwrap();
        let Value::List(items) = &list.value else { panic!("{list:?}") };
        let place = items[0].get("y").unwrap().place;
        assert_eq!((place.line, place.column), (3, 15));
    }

    #[test]
    fn what_cannot_be_read_has_a_place() {
        for (text, place) in [
            ("a: 1\na: 2\n", "t.yaml:2:1: duplicate mapping key: a"),
            ("a: *x\n", "t.yaml:1:4: this is no YAML that can be read: alias references unknown anchor"),
        ] {
            let problem = read("t.yaml", text).unwrap_err();
            assert_eq!(problem.to_string(), place);
        }
        assert!(read("t.yaml", "").unwrap().is_empty());
        assert_eq!(read("t.yaml", "---\na: 1\n---\nb: 2\n").unwrap().len(), 2);
    }
}
