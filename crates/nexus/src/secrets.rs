//! Secrets that lie in the server's own store: each namespace has its own, sealed with a key of the namespace. They can be
//! set and taken away from outside, and read by nobody but functions that are granted them.

pub(crate) mod operations;
mod record;

use std::fmt;
use std::sync::Arc;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::kv::{Kv, KvEntry, KvWrite};
use nexus_kernel::suggest::nearest;
use nexus_store::{Keyring, Place};

use record::{Sealed, SecretRecord};

/// What the keys of the store begin with under which secrets are kept, in the namespace of the system.
const AT: &str = "secret/";

/// How many are read from the store at a time.
const PAGE: usize = 500;

/// The secrets. Cheap to clone; clones are the same.
#[derive(Clone)]
pub(crate) struct StoredSecrets(Arc<Parts>);

struct Parts {
    kv: Arc<dyn Kv>,
    clock: SharedClock,
    keyring: Option<Keyring>,
}

impl fmt::Debug for StoredSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredSecrets(…)")
    }
}

impl StoredSecrets {
    /// The secrets of a store. Without keys there are none, and none can be set.
    pub(crate) fn new(kv: Arc<dyn Kv>, clock: SharedClock, keyring: Option<Keyring>) -> StoredSecrets {
        StoredSecrets(Arc::new(Parts { kv, clock, keyring }))
    }

    /// The text of a secret of a namespace, or why it cannot be read.
    pub(crate) async fn read(&self, namespace: &Namespace, name: &str) -> Result<String, String> {
        let none = || format!("nobody set it for the namespace {namespace}: `nexus secret set {name}`");
        let keyring = self.0.keyring.as_ref().ok_or_else(none)?;
        let found = self.0.kv.kv_get(&Namespace::system(), &at(namespace, name)).await;
        let entry = found.map_err(|error| error.to_string())?.ok_or_else(none)?;
        let record = SecretRecord::of(entry.value).ok_or("it is damaged")?;
        let bytes = keyring.unseal(namespace, Place::Secret(name), record.sealed.0);
        String::from_utf8(bytes.map_err(|error| error.to_string())?).map_err(|_| "it is damaged".to_owned())
    }

    /// Sets a secret, in place of the one before.
    async fn set(
        &self,
        namespace: Namespace,
        name: String,
        text: &str,
        by: &str,
    ) -> Result<SecretRecord, Error> {
        let keyring = self.0.keyring.as_ref().ok_or_else(|| {
            Error::new(
                &code::ENCRYPTION_OFF,
                "secrets are kept sealed, and there is no key to seal them with",
            )
            .help("`nexus encryption key` makes one; name it in `[encryption] key` of nexus.toml")
        })?;
        let sealed = Sealed(keyring.seal(&namespace, Place::Secret(&name), text.as_bytes()).await?);
        let record = SecretRecord { name, set: self.0.clock.now(), by: by.to_owned(), namespace, sealed };
        let key = at(&record.namespace, &record.name);
        let value = serde_json::to_value(&record).map_err(|error| Error::internal(error.to_string()))?;
        self.0.kv.kv_commit(&Namespace::system(), Vec::new(), vec![KvWrite::Put { key, value }]).await?;
        Ok(record)
    }

    /// Takes a secret away.
    async fn delete(&self, namespace: &Namespace, name: &str) -> Result<(), Error> {
        let key = at(namespace, name);
        if self.0.kv.kv_get(&Namespace::system(), &key).await?.is_none() {
            let known = self.list(namespace).await?;
            let message = format!("there is no secret {name:?} of the namespace {namespace}");
            let error = Error::new(&code::SECRET_UNKNOWN, message);
            return Err(match nearest(name, known.iter().map(|record| record.name.as_str())) {
                Some(near) => error.help(format!("did you mean {near:?}?")),
                None => error.help("`nexus secret list` shows those that there are"),
            });
        }
        self.0.kv.kv_commit(&Namespace::system(), Vec::new(), vec![KvWrite::Delete { key }]).await?;
        Ok(())
    }

    /// Those of a namespace, in order of their names.
    async fn list(&self, namespace: &Namespace) -> Result<Vec<SecretRecord>, Error> {
        let prefix = at(namespace, "");
        let mut all: Vec<KvEntry> = Vec::new();
        loop {
            let after = all.last().map(|entry| entry.key.clone());
            let page = self.0.kv.kv_list(&Namespace::system(), &prefix, after.as_deref(), PAGE).await?;
            if page.is_empty() {
                break;
            }
            all.extend(page);
        }
        Ok(all.into_iter().filter_map(|entry| SecretRecord::of(entry.value)).collect())
    }
}

fn at(namespace: &Namespace, name: &str) -> String {
    format!("{AT}{namespace}/{name}")
}
