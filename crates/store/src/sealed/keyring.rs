//! The data keys of all namespaces: sealed in the store, open in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::StoreError;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::kv::{Kv, KvCheck, KvCommit, KvEntry, KvWrite};
use nexus_kernel::port::rng::SharedRng;
use nexus_kernel::time::Timestamp;
use tokio::sync::Mutex;

use super::cipher::{Cipher, KEY_BYTES, MORE_BYTES, Salt};
use super::master::{MasterKey, Masters};
use super::outside::OutsideSeal;
use super::place::Place;
use super::record::SealedKey;

/// What the keys of the store begin with under which data keys are kept.
const AT: &str = "data-key/";

/// How many are read from the store at a time.
const PAGE: usize = 500;

/// What everything sealed begins with: no text does, and no JSON. The last byte is the version of the format.
const MARK: [u8; 4] = [0xe5, b'N', b'X', 1];

/// Bytes before what the cipher gives: the mark, and the number of the key.
const HEAD_BYTES: usize = MARK.len() + size_of::<u32>();

/// The data keys. Cheap to clone; clones are the same keys.
#[derive(Clone)]
pub struct Keyring(Arc<Parts>);

struct Parts {
    kv: Arc<dyn Kv>,
    masters: Masters,
    clock: SharedClock,
    rng: SharedRng,
    rings: RwLock<BTreeMap<Namespace, Arc<Ring>>>,
    /// Lets one key after the other be made.
    making: Mutex<()>,
}

/// The keys of one namespace.
#[derive(Clone)]
struct Ring {
    keys: BTreeMap<u32, Arc<DataKey>>,
    current: Arc<DataKey>,
}

struct DataKey {
    number: u32,
    made: Timestamp,
    cipher: Cipher,
}

/// What can be told of the keys of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RingInfo {
    /// Whose they are.
    pub namespace: Namespace,
    /// Number of the key that seals.
    pub current: u32,
    /// When it was made.
    pub made: Timestamp,
    /// How many there are.
    pub keys: usize,
}

impl Keyring {
    /// Opens all data keys of a store. Those that an earlier master key seals are sealed with the current one, when
    /// that may be written down. Errors: a key that no given master key opens.
    pub async fn open(
        kv: Arc<dyn Kv>,
        masters: Masters,
        clock: SharedClock,
        rng: SharedRng,
        may_write: bool,
    ) -> Result<Keyring, Error> {
        let keyring = Keyring(Arc::new(Parts {
            kv,
            masters,
            clock,
            rng,
            rings: RwLock::default(),
            making: Mutex::default(),
        }));
        for entry in stored(&*keyring.0.kv).await? {
            keyring.take(entry, may_write).await?;
        }
        Ok(keyring)
    }

    /// Whether a store has data keys, so that it cannot be read without them.
    pub async fn is_needed(kv: &dyn Kv) -> Result<bool, Error> {
        Ok(!kv.kv_list(&Namespace::system(), AT, None, 1).await?.is_empty())
    }

    /// The name of the master key that seals the data keys.
    pub fn master(&self) -> &str {
        self.0.masters.current.id()
    }

    /// What can be told of the keys, in order of namespaces.
    pub fn describe(&self) -> Vec<RingInfo> {
        let rings = self.0.rings.read().unwrap_or_else(PoisonError::into_inner);
        let describe = |(namespace, ring): (&Namespace, &Arc<Ring>)| RingInfo {
            namespace: namespace.clone(),
            current: ring.current.number,
            made: ring.current.made,
            keys: ring.keys.len(),
        };
        rings.iter().map(describe).collect()
    }

    /// Makes a new key for a namespace, which seals from now on, and tells its number. What was sealed before is opened
    /// with its own key.
    pub async fn rotate(&self, namespace: &Namespace) -> Result<u32, StoreError> {
        let _one = self.0.making.lock().await;
        Ok(self.make(namespace).await?.current.number)
    }

    /// Seals a piece of a namespace, whose first key is made when it has none.
    pub async fn seal(
        &self,
        namespace: &Namespace,
        place: Place<'_>,
        piece: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let ring = match self.ring(namespace) {
            Some(ring) => ring,
            None => self.first(namespace).await?,
        };
        let key = &ring.current;
        let salt = if place == Place::Object { Salt::Content } else { Salt::Random(&*self.0.rng) };
        let mut sealed = Vec::with_capacity(HEAD_BYTES + MORE_BYTES + piece.len());
        sealed.extend(MARK);
        sealed.extend(key.number.to_be_bytes());
        let done = key.cipher.seal(salt, &place.bytes(namespace), piece, &mut sealed);
        done.map(|()| sealed).ok_or_else(|| StoreError::Failed("it is too long to be sealed".to_owned()))
    }

    /// The seal of what servers with this master key share outside of their stores.
    pub fn outside(&self) -> OutsideSeal {
        OutsideSeal::new(&self.0.masters, Arc::clone(&self.0.rng))
    }

    /// Whether bytes look as if they were sealed.
    pub fn is_sealed(bytes: &[u8]) -> bool {
        bytes.starts_with(&MARK)
    }

    /// Opens what was sealed at a place. What is not sealed is given back as it is.
    pub fn unseal(
        &self,
        namespace: &Namespace,
        place: Place<'_>,
        bytes: Vec<u8>,
    ) -> Result<Vec<u8>, StoreError> {
        let Some(sealed) = bytes.strip_prefix(&MARK) else { return Ok(bytes) };
        let opened = sealed.split_first_chunk().and_then(|(number, sealed)| {
            let ring = self.ring(namespace)?;
            let key = ring.keys.get(&u32::from_be_bytes(*number))?;
            key.cipher.open(&place.bytes(namespace), sealed)
        });
        opened.ok_or_else(|| {
            StoreError::Damaged(format!(
                "something sealed of the namespace {namespace} was changed, was moved, or is of another key ({place:?})"
            ))
        })
    }

    fn ring(&self, namespace: &Namespace) -> Option<Arc<Ring>> {
        self.0.rings.read().unwrap_or_else(PoisonError::into_inner).get(namespace).cloned()
    }

    async fn first(&self, namespace: &Namespace) -> Result<Arc<Ring>, StoreError> {
        let _one = self.0.making.lock().await;
        match self.ring(namespace) {
            Some(ring) => Ok(ring),
            None => self.make(namespace).await,
        }
    }

    /// A key is durable before anything is sealed with it.
    async fn make(&self, namespace: &Namespace) -> Result<Arc<Ring>, StoreError> {
        let before = self.ring(namespace);
        let number = before.as_ref().map_or(1, |ring| ring.current.number.saturating_add(1));
        let mut bytes = [0; KEY_BYTES];
        self.0.rng.fill(&mut bytes);
        let record = self.sealed(namespace, number, self.0.clock.now(), &bytes)?;
        let made = record.made;
        if !self.write(record, None).await? {
            return Err(StoreError::Failed(format!("another process made a data key of {namespace}")));
        }
        let key = Arc::new(DataKey { number, made, cipher: Cipher::new(&bytes) });
        Ok(self.put(namespace, key))
    }

    fn put(&self, namespace: &Namespace, key: Arc<DataKey>) -> Arc<Ring> {
        let mut rings = self.0.rings.write().unwrap_or_else(PoisonError::into_inner);
        let mut keys = rings.get(namespace).map(|ring| ring.keys.clone()).unwrap_or_default();
        keys.insert(key.number, Arc::clone(&key));
        let current = keys.last_key_value().map_or(key, |(_, last)| Arc::clone(last));
        let ring = Arc::new(Ring { keys, current });
        rings.insert(namespace.clone(), Arc::clone(&ring));
        ring
    }

    fn sealed(
        &self,
        namespace: &Namespace,
        number: u32,
        made: Timestamp,
        bytes: &[u8; KEY_BYTES],
    ) -> Result<SealedKey, StoreError> {
        let master = &self.0.masters.current;
        let mut sealed = Vec::new();
        let done =
            master.cipher.seal(Salt::Random(&*self.0.rng), &wrap(namespace, number), bytes, &mut sealed);
        done.ok_or_else(|| StoreError::Failed("a data key cannot be sealed".to_owned()))?;
        Ok(SealedKey {
            namespace: namespace.clone(),
            number,
            made,
            master: master.id.clone(),
            sealed: STANDARD.encode(sealed),
        })
    }

    /// Writes a sealed key down; false when the one that is there has another version.
    async fn write(&self, key: SealedKey, version: Option<u64>) -> Result<bool, StoreError> {
        let at = format!("{AT}{}/{:010}", key.namespace, key.number);
        let value = serde_json::to_value(key).map_err(|error| StoreError::Failed(error.to_string()))?;
        let checks = vec![KvCheck { key: at.clone(), version }];
        let commit = self.0.kv.kv_commit(&Namespace::system(), checks, vec![KvWrite::Put { key: at, value }]);
        Ok(matches!(commit.await?, KvCommit::Committed { .. }))
    }

    /// Opens a stored key.
    async fn take(&self, entry: KvEntry, may_write: bool) -> Result<(), Error> {
        let key: SealedKey = serde_json::from_value(entry.value)
            .map_err(|_| StoreError::Damaged(format!("the data key {} cannot be read", entry.key)))?;
        let Some(master) = self.0.masters.find(&key.master) else {
            return Err(unopened(&key, &self.0.masters));
        };
        let sealed = STANDARD.decode(&key.sealed).unwrap_or_default();
        let opened = master.cipher.open(&wrap(&key.namespace, key.number), &sealed);
        let bytes: [u8; KEY_BYTES] = opened
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| StoreError::Damaged(format!("the data key {} was changed", entry.key)))?;
        if may_write && master.id != self.0.masters.current.id {
            let again = self.sealed(&key.namespace, key.number, key.made, &bytes)?;
            self.write(again, Some(entry.version)).await?;
        }
        let opened = DataKey { number: key.number, made: key.made, cipher: Cipher::new(&bytes) };
        self.put(&key.namespace, Arc::new(opened));
        Ok(())
    }
}

/// What is sealed is opened as itself only.
fn wrap(namespace: &Namespace, number: u32) -> Vec<u8> {
    format!("data key {number} of {namespace}").into_bytes()
}

async fn stored(kv: &dyn Kv) -> Result<Vec<KvEntry>, StoreError> {
    let mut all: Vec<KvEntry> = Vec::new();
    loop {
        let after = all.last().map(|entry| entry.key.clone());
        let page = kv.kv_list(&Namespace::system(), AT, after.as_deref(), PAGE).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

fn unopened(key: &SealedKey, masters: &Masters) -> Error {
    let given: Vec<&str> =
        [&masters.current].into_iter().chain(&masters.previous).map(MasterKey::id).collect();
    let message = format!(
        "the data key {} of the namespace {} is sealed with the master key {}; given: {}",
        key.number,
        key.namespace,
        key.master,
        given.join(", ")
    );
    Error::new(&code::ENCRYPTION_KEY, message)
        .help("name the secret that holds this master key in `[encryption] previous` of nexus.toml")
}
