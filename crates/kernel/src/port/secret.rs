//! Secrets: texts that a configuration names and that are read where they lie when they are needed.

use std::fmt;
use std::sync::Arc;

use crate::BoxFuture;
use crate::error::Error;
use crate::id::Namespace;

/// The shortest secret, in bytes: a shorter one could not be taken out of texts without tearing them apart.
pub const SECRET_BYTES_MIN: usize = 4;

/// A secret's text. It is not shown by mistake.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// A secret of this text.
    pub fn new(text: &str) -> Secret {
        Secret(text.into())
    }

    /// The text, for who may have it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The port.
pub trait Secrets: Send + Sync {
    /// The secret of a name, as a namespace may have it. Errors: nobody configured it for this namespace, or it cannot
    /// be read where it should be; no error holds any of its text.
    fn secret(&self, namespace: &Namespace, name: &str) -> BoxFuture<'static, Result<Secret, Error>>;
}
