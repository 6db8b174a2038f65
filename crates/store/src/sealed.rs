//! Encryption at rest: a store that seals what it is given before another store keeps it.
//!
//! Every namespace has data keys of its own, which seal what it keeps; a master key from outside seals the data keys. Sealed
//! are records of runs, memos, values, what events tell, objects and executions that wait. Not sealed is what the store has
//! to find things by: names and ids, types and subjects of events, search attributes, states and times; and definitions,
//! which are code.

mod cipher;
mod events;
mod keyring;
mod log;
mod master;
mod objects;
mod outside;
mod place;
mod record;
mod runs;
mod values;

use std::collections::BTreeSet;

use nexus_kernel::BoxFuture;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::StoreError;
use nexus_kernel::port::blob::{Blobs, Hash};
use nexus_kernel::port::usage::Usage;

pub use keyring::{Keyring, RingInfo};
pub use master::{MasterKey, Masters};
pub use outside::OutsideSeal;
pub use place::Place;

/// Which namespaces are sealed. What is sealed already is opened in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sealing {
    /// None.
    Nothing,
    /// These, and what Nexus keeps for itself.
    Some(BTreeSet<Namespace>),
    /// All.
    Everything,
}

/// The store.
#[derive(Clone)]
pub struct SealedStore<S> {
    inner: S,
    keyring: Keyring,
    sealing: Sealing,
}

impl<S> SealedStore<S> {
    /// A store over another one, which may hold sealed and unsealed pieces.
    pub fn new(inner: S, keyring: Keyring, sealing: Sealing) -> SealedStore<S> {
        SealedStore { inner, keyring, sealing }
    }

    fn seals(&self, namespace: &Namespace) -> bool {
        match &self.sealing {
            Sealing::Nothing => false,
            Sealing::Some(these) => these.contains(namespace) || *namespace == Namespace::system(),
            Sealing::Everything => true,
        }
    }
}

impl<S: Usage> Usage for SealedStore<S> {
    fn used_bytes(&self, namespace: &Namespace) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.inner.used_bytes(namespace)
    }
}

impl<S: Blobs> Blobs for SealedStore<S> {
    fn blob_put(&self, bytes: Vec<u8>) -> BoxFuture<'_, Result<Hash, StoreError>> {
        self.inner.blob_put(bytes)
    }

    fn blob_get(&self, hash: &Hash) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        self.inner.blob_get(hash)
    }

    fn blob_release(&self, hashes: Vec<Hash>) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.inner.blob_release(hashes)
    }
}
