//! Secrets as they are stored.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nexus_kernel::Json;
use nexus_kernel::id::Namespace;
use nexus_kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A secret of a namespace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SecretRecord {
    /// Whose.
    pub(super) namespace: Namespace,
    /// What functions call it.
    pub(super) name: String,
    /// When it was set.
    pub(super) set: Timestamp,
    /// Who set it.
    pub(super) by: String,
    /// The text, sealed.
    pub(super) sealed: Sealed,
}

/// Sealed bytes: base64 in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(super) struct Sealed(pub(super) Vec<u8>);

impl From<Sealed> for String {
    fn from(sealed: Sealed) -> String {
        STANDARD.encode(sealed.0)
    }
}

impl TryFrom<String> for Sealed {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Sealed, base64::DecodeError> {
        STANDARD.decode(text).map(Sealed)
    }
}

impl SecretRecord {
    /// A stored value as a secret, when it is one.
    pub(super) fn of(value: Json) -> Option<SecretRecord> {
        serde_json::from_value(value).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_this_one() {
        let record = SecretRecord {
            namespace: Namespace::default(),
            name: "bank".into(),
            set: Timestamp::from_micros(1_000_000),
            by: "local".into(),
            sealed: Sealed(b"sealed".to_vec()),
        };
        let text = r#"{"namespace":"default","name":"bank","set":1000000,"by":"local","sealed":"c2VhbGVk"}"#;
        assert_eq!(serde_json::to_string(&record).unwrap(), text);
        assert_eq!(SecretRecord::of(serde_json::from_str(text).unwrap()), Some(record));
        assert_eq!(SecretRecord::of(serde_json::json!({ "name": "bank" })), None);
    }
}
