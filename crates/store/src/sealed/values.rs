//! Values by their keys, and how JSON is sealed: an object whose one member is the sealed text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::StoreError;
use nexus_kernel::port::kv::{Kv, KvCheck, KvCommit, KvEntry, KvWrite};
use nexus_kernel::{BoxFuture, Json};
use serde_json::json;

use super::{Keyring, Place, SealedStore};

/// The member that holds what is sealed, in base64.
const SEALED: &str = "$sealed";

fn sealed_text(value: &Json) -> Option<&str> {
    value.as_object().filter(|members| members.len() == 1)?.get(SEALED)?.as_str()
}

impl<S> SealedStore<S> {
    /// JSON as it is kept, where everything is to be sealed.
    pub(super) async fn seal_json(
        &self,
        namespace: &Namespace,
        place: Place<'_>,
        value: &Json,
    ) -> Result<Json, StoreError> {
        let text = serde_json::to_vec(value).map_err(|error| StoreError::Failed(error.to_string()))?;
        let sealed = self.keyring.seal(namespace, place, &text).await?;
        Ok(json!({ SEALED: STANDARD.encode(sealed) }))
    }

    /// JSON as it is kept. Where nothing is sealed, what only looks as if it were is sealed, to be given back as it is.
    pub(super) async fn keep_json(
        &self,
        namespace: &Namespace,
        place: Place<'_>,
        value: Json,
    ) -> Result<Json, StoreError> {
        if self.seals(namespace) || sealed_text(&value).is_some() {
            return self.seal_json(namespace, place, &value).await;
        }
        Ok(value)
    }

    /// JSON as it was before it was kept.
    pub(super) fn open_json(
        &self,
        namespace: &Namespace,
        place: Place<'_>,
        value: Json,
    ) -> Result<Json, StoreError> {
        let sealed = sealed_text(&value).and_then(|text| STANDARD.decode(text).ok());
        let Some(sealed) = sealed.filter(|bytes| Keyring::is_sealed(bytes)) else { return Ok(value) };
        let opened = self.keyring.unseal(namespace, place, sealed)?;
        serde_json::from_slice(&opened).map_err(|error| StoreError::Damaged(error.to_string()))
    }
}

impl<S: Kv> SealedStore<S> {
    async fn write(&self, namespace: &Namespace, write: KvWrite) -> Result<KvWrite, StoreError> {
        Ok(match write {
            KvWrite::Put { key, value } => {
                let value = self.keep_json(namespace, Place::Value(&key), value).await?;
                KvWrite::Put { key, value }
            }
            delete @ KvWrite::Delete { .. } => delete,
        })
    }

    fn entry(&self, namespace: &Namespace, entry: KvEntry) -> Result<KvEntry, StoreError> {
        let value = self.open_json(namespace, Place::Value(&entry.key), entry.value)?;
        Ok(KvEntry { key: entry.key, value, version: entry.version })
    }
}

impl<S: Kv> Kv for SealedStore<S> {
    fn kv_get(&self, namespace: &Namespace, key: &str) -> BoxFuture<'_, Result<Option<KvEntry>, StoreError>> {
        let (namespace, key) = (namespace.clone(), key.to_owned());
        Box::pin(async move {
            let found = self.inner.kv_get(&namespace, &key).await?;
            found.map(|entry| self.entry(&namespace, entry)).transpose()
        })
    }

    fn kv_list(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<KvEntry>, StoreError>> {
        let (namespace, prefix, after) = (namespace.clone(), prefix.to_owned(), after.map(str::to_owned));
        Box::pin(async move {
            let found = self.inner.kv_list(&namespace, &prefix, after.as_deref(), limit).await?;
            found.into_iter().map(|entry| self.entry(&namespace, entry)).collect()
        })
    }

    fn kv_commit(
        &self,
        namespace: &Namespace,
        checks: Vec<KvCheck>,
        writes: Vec<KvWrite>,
    ) -> BoxFuture<'_, Result<KvCommit, StoreError>> {
        let namespace = namespace.clone();
        Box::pin(async move {
            let mut sealed = Vec::with_capacity(writes.len());
            for write in writes {
                sealed.push(self.write(&namespace, write).await?);
            }
            self.inner.kv_commit(&namespace, checks, sealed).await
        })
    }
}
