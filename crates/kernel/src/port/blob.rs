//! Immutable bytes by the hash of their content.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::BoxFuture;
use crate::port::StoreError;

/// SHA-256 of some bytes in lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hash(Arc<str>);

impl Hash {
    /// The hash of bytes.
    pub fn of(bytes: &[u8]) -> Hash {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(64);
        for byte in Sha256::digest(bytes) {
            let _ = write!(text, "{byte:02x}"); // writing to a string cannot fail
        }
        Hash(text.into())
    }

    /// The hash that these hexadecimal digits are, if they are one.
    pub fn parse(text: &str) -> Option<Hash> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == 64 && text.bytes().all(is_digit) { Some(Hash(text.into())) } else { None }
    }

    /// The hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve digits: enough for people.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The port.
pub trait Blobs: Send + Sync {
    /// Keeps bytes durably and gives their hash; bytes that are there already are not written again.
    fn blob_put(&self, bytes: Vec<u8>) -> BoxFuture<'_, Result<Hash, StoreError>>;

    /// The bytes of a hash, checked against it.
    fn blob_get(&self, hash: &Hash) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>>;

    /// Deletes those blobs that are the definition of no run in the list of runs, and tells how many. The caller answers
    /// for every other use.
    fn blob_release(&self, hashes: Vec<Hash>) -> BoxFuture<'_, Result<u64, StoreError>>;
}
