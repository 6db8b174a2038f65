//! Data keys as they are stored: sealed by a master key.

use nexus_kernel::id::Namespace;
use nexus_kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A data key of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SealedKey {
    /// Whose.
    pub(super) namespace: Namespace,
    /// Its number, which what it seals begins with. The highest of a namespace seals.
    pub(super) number: u32,
    /// When it was made.
    pub(super) made: Timestamp,
    /// Which master key seals it.
    pub(super) master: String,
    /// The key, sealed, in base64.
    pub(super) sealed: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_this_one() {
        let key = SealedKey {
            namespace: Namespace::default(),
            number: 2,
            made: Timestamp::from_micros(1_000_000),
            master: "0a1b2c3d".into(),
            sealed: "c2VhbGVk".into(),
        };
        let text =
            r#"{"namespace":"default","number":2,"made":1000000,"master":"0a1b2c3d","sealed":"c2VhbGVk"}"#;
        assert_eq!(serde_json::to_string(&key).unwrap(), text);
        assert_eq!(serde_json::from_str::<SealedKey>(text).unwrap(), key);
    }
}
