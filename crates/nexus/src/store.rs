//! The store of a project: its database, and the seal around it where there is one.

use std::sync::Arc;

use nexus_kernel::error::Error;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::rng::SharedRng;
use nexus_kernel::port::{SharedFunctionStore, SharedStore};
use nexus_store::{Keyring, SealedStore, SqliteStore};

use crate::config::encryption::EncryptionConfig;
use crate::encryption;
use crate::node::Purpose;
use crate::project::Project;

/// A store, for its several users.
pub(crate) struct Opened {
    /// For the engine, and for what is kept beside it.
    pub(crate) store: SharedStore,
    /// For functions.
    pub(crate) functions: SharedFunctionStore,
    /// The file, where there is one.
    pub(crate) database: Option<SqliteStore>,
    /// What the store is sealed with, where it is.
    pub(crate) keyring: Option<Keyring>,
}

/// Opens the project's database; a project that has none yet is looked at without making one.
pub(crate) async fn open(
    project: &Project,
    purpose: Purpose,
    ports: (&SharedClock, &SharedRng),
) -> Result<Opened, Error> {
    let folder = project.data_dir();
    if purpose == Purpose::Read && !folder.exists() {
        let store = Arc::new(MemoryStore::new());
        return Ok(Opened { store: store.clone(), functions: store, database: None, keyring: None });
    }
    let database = SqliteStore::open(&nexus_store::Options::new(folder))?;
    let plain = Arc::new(database.clone());
    let keyring = encryption::keyring(project, plain.clone(), ports, purpose != Purpose::Read).await?;
    let sealing = project.config.encryption.as_ref().map(EncryptionConfig::sealing);
    let (Some(keys), Some(sealing)) = (&keyring, sealing) else {
        return Ok(Opened { store: plain.clone(), functions: plain, database: Some(database), keyring });
    };
    let sealed = Arc::new(SealedStore::new(database.clone(), keys.clone(), sealing));
    Ok(Opened { store: sealed.clone(), functions: sealed, database: Some(database), keyring })
}
