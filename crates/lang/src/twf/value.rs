//! The values a workflow works with: exact, small, and free of floats.

use std::sync::Arc;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// The place of a list or object in the [`Heap`](super::heap::Heap) of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ref(pub u32);

/// One value. Lists and objects are references inside a run and are copied at every boundary.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// Nothing; also what a missing field reads as.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number; arithmetic on it is checked.
    Int(i64),
    /// An exact number with up to 28 digits.
    Decimal(#[serde(with = "decimal_text")] Decimal),
    /// Text.
    Str(Arc<str>),
    /// A span of time in milliseconds.
    Duration(i64),
    /// A moment: milliseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// A list.
    List(Ref),
    /// An object whose fields keep the order they were added in.
    Object(Ref),
    /// A handle on something started by `promise`; the number is its pending item.
    Promise(u64),
}

impl Value {
    /// Text.
    pub fn text(text: impl Into<Arc<str>>) -> Value {
        Value::Str(text.into())
    }

    /// The name of its type as messages spell it, with an article.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a bool",
            Value::Int(_) => "an int",
            Value::Decimal(_) => "a decimal",
            Value::Str(_) => "a string",
            Value::Duration(_) => "a duration",
            Value::Timestamp(_) => "a timestamp",
            Value::List(_) => "a list",
            Value::Object(_) => "an object",
            Value::Promise(_) => "a promise",
        }
    }

    /// Whether it is [`Value::Null`].
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The number it is, exactly, when it is one.
    pub fn number(&self) -> Option<Decimal> {
        match self {
            Value::Int(int) => Some(Decimal::from(*int)),
            Value::Decimal(decimal) => Some(*decimal),
            _ => None,
        }
    }

    /// A length or position as a value.
    pub fn count(count: usize) -> Value {
        Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

/// Decimals are stored as text: exact in every format.
mod decimal_text {
    use std::str::FromStr;

    use rust_decimal::Decimal;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(value: &Decimal, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Decimal, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        Decimal::from_str(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_survive_storage_exactly() {
        let value = Value::Decimal("12.50".parse().unwrap());
        let stored = serde_json::to_string(&value).unwrap();
        assert_eq!(stored, r#"{"Decimal":"12.50"}"#);
        let back: Value = serde_json::from_str(&stored).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), stored);
    }
}
