//! Objects and parked executions in the memory store.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::store::MemoryStore;
use crate::BoxFuture;
use crate::id::Namespace;
use crate::port::StoreError;
use crate::port::blob::Hash;
use crate::port::object::{Kept, Objects};
use crate::port::parked::Parked;

/// What functions keep.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    objects: BTreeMap<(Namespace, Hash), Vec<u8>>,
    parked: BTreeMap<String, Vec<u8>>,
}

impl Keeping {
    pub(super) fn bytes(&self, namespace: &Namespace) -> u64 {
        let of = self.objects.iter().filter(|((owner, _), _)| owner == namespace);
        of.map(|(_, bytes)| bytes.len() as u64).sum()
    }

    fn put(&mut self, namespace: &Namespace, bytes: Vec<u8>, bytes_max: u64) -> Kept {
        let (hash, used) = (Hash::of(&bytes), self.bytes(namespace));
        if let Entry::Vacant(place) = self.objects.entry((namespace.clone(), hash.clone())) {
            if used + bytes.len() as u64 > bytes_max {
                return Kept::Full { used };
            }
            place.insert(bytes);
        }
        Kept::At(hash)
    }
}

fn ready<T: Send + 'static>(value: T) -> BoxFuture<'static, Result<T, StoreError>> {
    Box::pin(std::future::ready(Ok(value)))
}

impl Objects for MemoryStore {
    fn object_put(
        &self,
        namespace: &Namespace,
        bytes: Vec<u8>,
        bytes_max: u64,
    ) -> BoxFuture<'_, Result<Kept, StoreError>> {
        ready(self.keeping().put(namespace, bytes, bytes_max))
    }

    fn object_get(
        &self,
        namespace: &Namespace,
        hash: &Hash,
    ) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        ready(self.keeping().objects.get(&(namespace.clone(), hash.clone())).cloned())
    }

    fn object_delete(&self, namespace: &Namespace, hash: &Hash) -> BoxFuture<'_, Result<bool, StoreError>> {
        ready(self.keeping().objects.remove(&(namespace.clone(), hash.clone())).is_some())
    }

    fn object_bytes(&self, namespace: &Namespace) -> BoxFuture<'_, Result<u64, StoreError>> {
        ready(self.keeping().bytes(namespace))
    }
}

impl Parked for MemoryStore {
    fn parked_save(&self, name: &str, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.keeping().parked.insert(name.to_owned(), bytes);
        ready(())
    }

    fn parked_load(&self, name: &str) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        ready(self.keeping().parked.get(name).cloned())
    }

    fn parked_drop(&self, name: &str) -> BoxFuture<'_, Result<(), StoreError>> {
        self.keeping().parked.remove(name);
        ready(())
    }

    fn parked_names(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        ready(self.keeping().parked.keys().cloned().collect())
    }
}
