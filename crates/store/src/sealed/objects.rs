//! What functions keep: objects, and executions that wait.
//!
//! A sealed object is found by the hash of what is kept. Equal objects of a namespace look alike when they are sealed, so they
//! are one, and whoever has the id knows nothing about the content that he could try out.

use nexus_kernel::BoxFuture;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::StoreError;
use nexus_kernel::port::blob::Hash;
use nexus_kernel::port::object::{Kept, Objects};
use nexus_kernel::port::parked::Parked;

use super::{Keyring, Place, SealedStore, Sealing};

impl<S: Objects> Objects for SealedStore<S> {
    fn object_put(
        &self,
        namespace: &Namespace,
        bytes: Vec<u8>,
        bytes_max: u64,
    ) -> BoxFuture<'_, Result<Kept, StoreError>> {
        let namespace = namespace.clone();
        Box::pin(async move {
            let is_sealed = self.seals(&namespace) || Keyring::is_sealed(&bytes);
            let bytes =
                if is_sealed { self.keyring.seal(&namespace, Place::Object, &bytes).await? } else { bytes };
            self.inner.object_put(&namespace, bytes, bytes_max).await
        })
    }

    fn object_get(
        &self,
        namespace: &Namespace,
        hash: &Hash,
    ) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        let (namespace, hash) = (namespace.clone(), hash.clone());
        Box::pin(async move {
            let found = self.inner.object_get(&namespace, &hash).await?;
            found.map(|bytes| self.keyring.unseal(&namespace, Place::Object, bytes)).transpose()
        })
    }

    fn object_delete(&self, namespace: &Namespace, hash: &Hash) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.inner.object_delete(namespace, hash)
    }

    fn object_bytes(&self, namespace: &Namespace) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.inner.object_bytes(namespace)
    }
}

/// An execution is sealed where anything is: it names its namespace within.
impl<S: Parked> Parked for SealedStore<S> {
    fn parked_save(&self, name: &str, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), StoreError>> {
        let name = name.to_owned();
        Box::pin(async move {
            let is_sealed = self.sealing != Sealing::Nothing || Keyring::is_sealed(&bytes);
            let bytes = if is_sealed {
                self.keyring.seal(&Namespace::system(), Place::Parked(&name), &bytes).await?
            } else {
                bytes
            };
            self.inner.parked_save(&name, bytes).await
        })
    }

    fn parked_load(&self, name: &str) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        let name = name.to_owned();
        Box::pin(async move {
            let found = self.inner.parked_load(&name).await?;
            found
                .map(|bytes| self.keyring.unseal(&Namespace::system(), Place::Parked(&name), bytes))
                .transpose()
        })
    }

    fn parked_drop(&self, name: &str) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.parked_drop(name)
    }

    fn parked_names(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        self.inner.parked_names()
    }
}
