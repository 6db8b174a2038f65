//! Types and values of search attributes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Json;
use crate::time::Timestamp;

/// Most attributes of one run (Temporal's limit).
pub const ATTRIBUTES_MAX: usize = 100;

/// Longest value of one attribute, in bytes of its JSON form (Temporal's limit).
pub const VALUE_BYTES_MAX: usize = 2 * 1024;

/// Longest sum of all values of a run, in bytes (Temporal's limit).
pub const TOTAL_BYTES_MAX: usize = 40 * 1024;

/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 200;

/// What a search attribute holds. The names are Temporal's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AttributeType {
    /// Words in any order: `=` finds a value that has one of the words looked for.
    Text,
    /// One exact text.
    Keyword,
    /// A whole number of 64 bits.
    Int,
    /// A number.
    Double,
    /// True or false.
    Bool,
    /// A point in time, kept to the microsecond.
    Datetime,
    /// Several exact texts.
    KeywordList,
}

impl AttributeType {
    /// Every type.
    pub const ALL: [AttributeType; 7] = [
        AttributeType::Text,
        AttributeType::Keyword,
        AttributeType::Int,
        AttributeType::Double,
        AttributeType::Bool,
        AttributeType::Datetime,
        AttributeType::KeywordList,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            AttributeType::Text => "Text",
            AttributeType::Keyword => "Keyword",
            AttributeType::Int => "Int",
            AttributeType::Double => "Double",
            AttributeType::Bool => "Bool",
            AttributeType::Datetime => "Datetime",
            AttributeType::KeywordList => "KeywordList",
        }
    }

    /// The type of a name; case does not matter.
    pub fn from_name(name: &str) -> Option<AttributeType> {
        AttributeType::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(name))
    }
}

/// The value of a search attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value")]
pub enum AttributeValue {
    /// Words.
    Text(String),
    /// One text.
    Keyword(String),
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
    /// True or false.
    Bool(bool),
    /// A point in time.
    Datetime(Timestamp),
    /// Several texts, never none.
    KeywordList(Vec<String>),
}

impl AttributeValue {
    /// Its type.
    pub fn kind(&self) -> AttributeType {
        match self {
            AttributeValue::Text(_) => AttributeType::Text,
            AttributeValue::Keyword(_) => AttributeType::Keyword,
            AttributeValue::Int(_) => AttributeType::Int,
            AttributeValue::Double(_) => AttributeType::Double,
            AttributeValue::Bool(_) => AttributeType::Bool,
            AttributeValue::Datetime(_) => AttributeType::Datetime,
            AttributeValue::KeywordList(_) => AttributeType::KeywordList,
        }
    }

    /// The value of a declared type. Nothing when the JSON value has none of that type; the caller says which name it is.
    pub fn of_type(kind: AttributeType, value: &Json) -> Option<AttributeValue> {
        let text = || value.as_str().map(str::to_owned);
        match kind {
            AttributeType::Text => text().map(AttributeValue::Text),
            AttributeType::Keyword => text().map(AttributeValue::Keyword),
            AttributeType::Int => value.as_i64().map(AttributeValue::Int),
            AttributeType::Double => value.as_f64().map(AttributeValue::Double),
            AttributeType::Bool => value.as_bool().map(AttributeValue::Bool),
            AttributeType::Datetime => Timestamp::parse(value.as_str()?).map(AttributeValue::Datetime),
            AttributeType::KeywordList => match value {
                Json::String(one) => Some(AttributeValue::KeywordList(vec![one.clone()])),
                other => texts(other).map(AttributeValue::KeywordList),
            },
        }
    }

    /// The value of the type that its JSON form suggests: a text is a keyword, a list of texts a list of keywords.
    pub fn inferred(value: &Json) -> Option<AttributeValue> {
        match value {
            Json::String(text) => Some(AttributeValue::Keyword(text.clone())),
            Json::Bool(flag) => Some(AttributeValue::Bool(*flag)),
            Json::Number(number) => match number.as_i64() {
                Some(whole) => Some(AttributeValue::Int(whole)),
                None => number.as_f64().map(AttributeValue::Double),
            },
            other => texts(other).map(AttributeValue::KeywordList),
        }
    }

    /// The value without its type.
    pub fn to_json(&self) -> Json {
        match self {
            AttributeValue::Text(text) | AttributeValue::Keyword(text) => json!(text),
            AttributeValue::Int(number) => json!(number),
            AttributeValue::Double(number) => json!(number),
            AttributeValue::Bool(flag) => json!(flag),
            AttributeValue::Datetime(at) => json!(at.to_string()),
            AttributeValue::KeywordList(texts) => json!(texts),
        }
    }
}

fn texts(value: &Json) -> Option<Vec<String>> {
    let list = value.as_array().filter(|list| !list.is_empty())?;
    list.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

/// The words of a text, as both the values and the filters of type `Text` are compared: lower-case runs of letters and
/// digits, each once, in order.
pub fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = text
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// The search attributes of a run, by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attributes(BTreeMap<String, AttributeValue>);

impl Attributes {
    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&AttributeValue> {
        self.0.get(name)
    }

    /// Sets a value.
    pub fn set(&mut self, name: impl Into<String>, value: AttributeValue) {
        self.0.insert(name.into(), value);
    }

    /// Names and values in order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &AttributeValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values without their types.
    pub fn to_json(&self) -> Json {
        Json::Object(self.0.iter().map(|(name, value)| (name.clone(), value.to_json())).collect())
    }
}

/// Whether attributes can be kept at all, whatever their types: names, count and sizes. Tells what is wrong.
pub fn check_limits(given: &Json) -> Result<(), String> {
    let Some(fields) = given.as_object() else {
        return Err("search attributes are an object of names and values".to_owned());
    };
    if fields.len() > ATTRIBUTES_MAX {
        return Err(format!("{} search attributes are too many; at most {ATTRIBUTES_MAX}", fields.len()));
    }
    let mut total = 0;
    for (name, value) in fields {
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            return Err(format!("{name:?} is no name of a search attribute"));
        }
        let bytes = value.to_string().len();
        if bytes > VALUE_BYTES_MAX {
            return Err(format!(
                "the search attribute {name:?} has {bytes} bytes; at most {VALUE_BYTES_MAX}"
            ));
        }
        total += bytes;
    }
    if total > TOTAL_BYTES_MAX {
        return Err(format!("the search attributes have {total} bytes in all; at most {TOTAL_BYTES_MAX}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_follow_from_values_unless_declared() {
        let inferred = |value: Json| AttributeValue::inferred(&value).map(|value| value.kind());
        assert_eq!(inferred(json!("x")), Some(AttributeType::Keyword));
        assert_eq!(inferred(json!(3)), Some(AttributeType::Int));
        assert_eq!(inferred(json!(3.5)), Some(AttributeType::Double));
        assert_eq!(inferred(json!(u64::MAX)), Some(AttributeType::Double));
        assert_eq!(inferred(json!(["a", "b"])), Some(AttributeType::KeywordList));
        assert_eq!(inferred(json!([])), None);
        assert_eq!(inferred(json!({})), None);
        let declared = |kind, value: Json| AttributeValue::of_type(kind, &value);
        assert_eq!(declared(AttributeType::Double, json!(3)), Some(AttributeValue::Double(3.0)));
        assert_eq!(declared(AttributeType::Int, json!("3")), None);
        let at = Timestamp::from_millis(0);
        let epoch = json!("1970-01-01T01:00:00+01:00");
        assert_eq!(declared(AttributeType::Datetime, epoch), Some(AttributeValue::Datetime(at)));
    }

    #[test]
    fn stored_values_keep_their_type() {
        let mut attributes = Attributes::default();
        attributes.set("When", AttributeValue::Datetime(Timestamp::from_millis(7)));
        attributes.set("Tags", AttributeValue::KeywordList(vec!["a".into()]));
        let text = serde_json::to_string(&attributes).unwrap();
        assert_eq!(serde_json::from_str::<Attributes>(&text).unwrap(), attributes);
    }

    #[test]
    fn words_are_lower_case_and_sorted() {
        assert_eq!(words("The quick-brown Fox, the END"), ["brown", "end", "fox", "quick", "the"]);
        assert!(words("--- !").is_empty());
    }

    #[test]
    fn limits_are_told() {
        assert!(check_limits(&json!({ "A": "x".repeat(3_000) })).unwrap_err().contains("3002 bytes"));
        assert!(check_limits(&json!([])).is_err());
        assert!(check_limits(&json!({ "": 1 })).is_err());
        assert_eq!(check_limits(&json!({ "A": 1 })), Ok(()));
    }
}
