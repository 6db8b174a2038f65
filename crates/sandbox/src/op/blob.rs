//! `ctx.blob`: bytes of the namespace, by the hash of their content.

use nexus_kernel::port::blob::Hash;
use nexus_kernel::port::object::{Kept, Objects};
use nexus_kernel::{Json, code};
use serde::Deserialize;

use super::{OpError, Scope};
use crate::base64;
use crate::capability::Kind;
use crate::limits::BLOB_NAMESPACE_BYTES_MAX;

#[derive(Deserialize)]
pub(super) struct Put {
    text: Option<String>,
    base64: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Get {
    id: String,
    text: bool,
}

impl Scope {
    pub(super) async fn blob_put(&self, put: Put) -> Result<Json, OpError> {
        self.check(Kind::BlobWrite, "*")?;
        let bytes = match (put.text, put.base64) {
            (Some(text), None) => Some(text.into_bytes()),
            (None, Some(digits)) => base64::decode(&digits),
            _ => None,
        };
        let bytes = bytes.ok_or_else(|| OpError::wrong("a blob is bytes, text or JSON"))?;
        match self.objects()?.object_put(&self.namespace, bytes, BLOB_NAMESPACE_BYTES_MAX).await? {
            Kept::At(hash) => Ok(Json::String(hash.to_string())),
            Kept::Full { used } => Err(OpError {
                code: Some(code::BLOBS_FULL.id.to_owned()),
                ..OpError::new(
                    "BlobError",
                    format!(
                        "the namespace has {used} bytes of blobs, {BLOB_NAMESPACE_BYTES_MAX} are allowed"
                    ),
                )
            }),
        }
    }

    pub(super) async fn blob_get(&self, get: Get) -> Result<Json, OpError> {
        self.check(Kind::BlobRead, "*")?;
        let Some(bytes) = self.objects()?.object_get(&self.namespace, &hash(&get.id)?).await? else {
            return Ok(Json::Null);
        };
        if !get.text {
            return Ok(Json::String(base64::encode(&bytes)));
        }
        let not_text =
            |_| OpError { non_retryable: true, ..OpError::new("BlobError", "the blob is not text") };
        String::from_utf8(bytes).map(Json::String).map_err(not_text)
    }

    pub(super) async fn blob_delete(&self, id: &str) -> Result<Json, OpError> {
        self.check(Kind::BlobWrite, "*")?;
        Ok(Json::Bool(self.objects()?.object_delete(&self.namespace, &hash(id)?).await?))
    }

    fn objects(&self) -> Result<&dyn Objects, OpError> {
        let missing = || OpError::new("UnavailableError", "there are no blobs for functions here");
        self.objects.as_deref().ok_or_else(missing)
    }
}

fn hash(id: &str) -> Result<Hash, OpError> {
    Hash::parse(id).ok_or_else(|| OpError::wrong("a blob's id is what put returned: 64 hexadecimal digits"))
}
