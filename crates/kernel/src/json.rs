//! The one reader of JSON that comes from outside: what it reads has one meaning only.
//!
//! Every channel reads with it, so that an input which one of them refuses is refused by all. Parsers differ in which of
//! two members of one name they keep, so an object with two is refused instead. Nesting is bounded by `serde_json`, 128
//! deep; numbers that no double can hold, unpaired surrogates, a byte order mark and anything behind the value are errors.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Map;
use serde_json::error::Category;

use crate::Json;

/// Reads a whole text of JSON in which no object has two members of one name.
///
/// # Errors
///
/// What is wrong, with its line and column.
pub fn read(bytes: &[u8]) -> Result<Json, serde_json::Error> {
    serde_json::from_slice::<Strict>(bytes).map(|Strict(value)| value)
}

/// Reads a text that may be JSON or anything else; `None` for anything else.
///
/// # Errors
///
/// It is JSON, but an object in it has two members of one name. That is neither a value nor meant as a text.
pub fn guess(text: &str) -> Result<Option<Json>, serde_json::Error> {
    match read(text.as_bytes()) {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.classify() == Category::Data => Err(error),
        Err(_) => Ok(None),
    }
}

/// A JSON value without duplicate keys.
struct Strict(Json);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Strict, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut array = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(de::Error::custom(format_args!("the key {} appears twice", shown(&key))));
            }
            let Strict(value) = entries.next_value()?;
            object.insert(key, value);
        }
        Ok(Json::Object(object))
    }
}

/// A key as messages show it: one of a megabyte would make the answer as large as the request.
fn shown(key: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 80;
    match key.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{:?}...", key.get(..end).unwrap_or_default()),
        None => format!("{key:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn duplicate_keys_are_refused_at_any_depth() {
        assert!(read(br#"{"a":[{"b":1,"b":2}]}"#).is_err());
        assert!(read(br#"{"a":1,"\u0061":2}"#).is_err(), "an escape is the same name");
        assert!(read(br#"{"a":{"b":1},"b":1}"#).is_ok());
    }

    #[test]
    fn a_long_key_is_shown_in_part() {
        let key = "k".repeat(1 << 20);
        let error = read(format!("{{\"{key}\":1,\"{key}\":2}}").as_bytes()).unwrap_err();
        assert!(error.to_string().len() < 200, "{}", error.to_string().len());
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth| ["[".repeat(depth), "]".repeat(depth)].concat();
        assert!(read(nested(100).as_bytes()).is_ok());
        assert!(read(nested(100_000).as_bytes()).is_err());
    }

    #[test]
    fn a_guess_is_a_value_a_text_or_a_mistake() {
        assert_eq!(guess("[1]").unwrap(), Some(serde_json::json!([1])));
        for text in ["word", "", "1e999", "{\"a\":1", "{} {}"] {
            assert_eq!(guess(text).unwrap(), None, "{text}");
        }
        assert!(guess(r#"{"a":1,"a":2}"#).is_err());
    }

    proptest! {
        #[test]
        fn strict_and_ordinary_reading_agree_where_both_read(text in r#"[\[\]{}",:0-9a-b. \\eu-]{0,30}"#) {
            if let Ok(strict) = read(text.as_bytes()) {
                prop_assert_eq!(strict, serde_json::from_str::<Json>(&text).unwrap());
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }
    }
}
