//! The API keys of a server: kept in the system's namespace of the store, looked up in memory.
//!
//! A folder has one owner, which is this process, so what is in memory is what is stored: every change is committed first and
//! seen by the next call after that. When a key was used is written down once a minute at most.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::access::{Entitlement, Pattern, Places};
use nexus_kernel::address::AddressRange;
use nexus_kernel::call::{Caller, Proof};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::kv::{Kv, KvCheck, KvCommit, KvEntry, KvWrite};
use nexus_kernel::port::rng::SharedRng;
use tokio::sync::Mutex;

use super::key::{ApiKey, PREFIX};
use super::record::KeyRecord;
use crate::limits::KEYS_MAX;
use crate::policy::{LiveRoles, Roles};

/// What the keys of the store begin with under which API keys are kept.
const AT: &str = "key/";

/// How many are read from the store at a time.
const PAGE: usize = 500;

/// How often a use is written down.
const USED: Duration = Duration::from_mins(1);

/// The keys. Cheap to clone; clones are the same keys.
#[derive(Clone)]
pub struct ApiKeys(Arc<Parts>);

struct Parts {
    store: Arc<dyn Kv>,
    clock: SharedClock,
    rng: SharedRng,
    roles: LiveRoles,
    known: RwLock<HashMap<String, Known>>,
    /// Lets one change after the other happen.
    changing: Mutex<()>,
}

/// A key with what it comes to under the roles of the moment.
#[derive(Clone)]
struct Known {
    record: Arc<KeyRecord>,
    version: u64,
    caller: Arc<Caller>,
    /// Where it is good; everywhere when empty.
    addresses: Arc<[AddressRange]>,
}

/// What a new key is to be.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// What people call it.
    pub name: String,
    /// Roles of whoever has it.
    pub roles: Vec<String>,
    /// Permissions beside those of the roles.
    pub permissions: Vec<String>,
    /// Where they hold; everywhere when empty.
    pub namespaces: Vec<Namespace>,
    /// Where its caller may be; anywhere when empty.
    pub addresses: Vec<AddressRange>,
    /// How long it is good; for ever when absent.
    pub lifetime: Option<Duration>,
}

impl nexus_kernel::verb::Part for ApiKeys {}

impl ApiKeys {
    /// Reads all keys of a store.
    pub async fn open(
        store: Arc<dyn Kv>,
        clock: SharedClock,
        rng: SharedRng,
        roles: LiveRoles,
    ) -> Result<ApiKeys, Error> {
        let (mut known, now) = (HashMap::new(), roles.now());
        let mut after: Option<String> = None;
        loop {
            let page = store.kv_list(&Namespace::system(), AT, after.as_deref(), PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            for entry in page {
                let (record, version) = read(entry)?;
                known.insert(record.id.clone(), Known::of(record, version, &now));
            }
        }
        let (known, changing) = (RwLock::new(known), Mutex::default());
        Ok(ApiKeys(Arc::new(Parts { store, clock, rng, roles, known, changing })))
    }

    /// Works out anew what every key comes to, under the roles of the moment.
    pub fn follow(&self) {
        let roles = self.0.roles.now();
        let mut all = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
        for known in all.values_mut() {
            *known = Known::of((*known.record).clone(), known.version, &roles);
        }
    }

    /// Who a presented key proves its caller to be, at this address.
    pub async fn caller(&self, text: &str, address: Option<IpAddr>) -> Result<Caller, Error> {
        let now = self.0.clock.now();
        let given = ApiKey::parse(text).ok_or_else(refused)?;
        let fits = |known: &Known| known.record.fits(&given, now) && known.is_good_at(address);
        let known = self.find(given.id()).filter(fits).ok_or_else(refused)?;
        if known.record.used.is_none_or(|used| now.since(used) >= USED) {
            self.touch(given.id()).await;
        }
        Ok((*known.caller).clone().at(address))
    }

    /// Whoever has the key of this id, while it is good.
    pub fn caller_of(&self, id: &str) -> Option<Caller> {
        let known = self.find(id).filter(|known| known.record.is_live(self.0.clock.now()))?;
        Some((*known.caller).clone())
    }

    /// The same, when they are where the key is good.
    pub fn caller_at(&self, id: &str, address: Option<IpAddr>) -> Option<Caller> {
        self.find(id).filter(|known| known.is_good_at(address))?;
        self.caller_of(id).map(|caller| caller.at(address))
    }

    fn find(&self, id: &str) -> Option<Known> {
        self.0.known.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// All keys, those made last first.
    pub fn list(&self) -> Vec<Arc<KeyRecord>> {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = known.values().map(|known| Arc::clone(&known.record)).collect();
        all.sort_by(|left, right| (right.created, &right.id).cmp(&(left.created, &left.id)));
        all
    }

    /// Makes a key. Nobody can give more than they have: what it comes to must be allowed to its maker.
    pub async fn create(&self, wanted: Wanted, maker: &Caller) -> Result<(ApiKey, Arc<KeyRecord>), Error> {
        let _alone = self.0.changing.lock().await;
        if self.list().len() >= KEYS_MAX {
            return Err(Error::new(&code::KEYS_MAX, format!("there are {KEYS_MAX} keys already"))
                .help("revoke those that nobody uses: `nexus key list` shows when each was used last"));
        }
        let roles = self.0.roles.now();
        wanted.roles.iter().try_for_each(|role| roles.grants(role).map(drop))?;
        wanted.permissions.iter().try_for_each(|text| Pattern::parse(text).map(drop))?;
        let (key, now) = (ApiKey::generate(&*self.0.rng), self.0.clock.now());
        let record = KeyRecord {
            id: key.id().to_owned(),
            name: wanted.name,
            hash: key.hash(),
            previous: None,
            roles: wanted.roles,
            permissions: wanted.permissions,
            namespaces: (!wanted.namespaces.is_empty()).then(|| wanted.namespaces.into_iter().collect()),
            addresses: wanted.addresses.iter().map(AddressRange::to_string).collect(),
            created: now,
            created_by: maker.identity.to_string(),
            expires: wanted.lifetime.map(|lifetime| now.plus(lifetime)),
            revoked: None,
            used: None,
        };
        may_give(maker, &Known::of(record.clone(), 0, &roles).caller)?;
        self.put(record, None).await.map(|record| (key, record))
    }

    /// Gives a key another secret; the one before stays good for a while.
    pub async fn rotate(
        &self,
        id: &str,
        overlap: Duration,
        asker: &Caller,
    ) -> Result<(ApiKey, Arc<KeyRecord>), Error> {
        let _alone = self.0.changing.lock().await;
        let now = self.0.clock.now();
        let known = self.find(id).filter(|known| known.record.is_live(now)).ok_or_else(|| unknown(id))?;
        may_give(asker, &known.caller)?;
        let key = ApiKey::renewed(id, &*self.0.rng);
        let record = (*known.record).clone().rotated(&key, now, overlap);
        self.put(record, Some(known.version)).await.map(|record| (key, record))
    }

    /// Takes a key back. It is good for nothing as soon as this is answered.
    pub async fn revoke(&self, id: &str) -> Result<Arc<KeyRecord>, Error> {
        let _alone = self.0.changing.lock().await;
        let known = self.find(id).ok_or_else(|| unknown(id))?;
        if known.record.revoked.is_some() {
            return Ok(known.record);
        }
        let record = KeyRecord { revoked: Some(self.0.clock.now()), ..(*known.record).clone() };
        self.put(record, Some(known.version)).await
    }

    async fn put(&self, record: KeyRecord, version: Option<u64>) -> Result<Arc<KeyRecord>, Error> {
        let version = self.commit(&record, version).await?;
        let known = Known::of(record, version, &self.0.roles.now());
        let record = Arc::clone(&known.record);
        self.0.known.write().unwrap_or_else(PoisonError::into_inner).insert(record.id.clone(), known);
        Ok(record)
    }

    /// Writes a use down, unless the key is just being changed: then the next use is written down.
    async fn touch(&self, id: &str) {
        let Ok(_alone) = self.0.changing.try_lock() else { return };
        let Some(known) = self.find(id) else { return };
        let record = KeyRecord { used: Some(self.0.clock.now()), ..(*known.record).clone() };
        match self.commit(&record, Some(known.version)).await {
            Ok(version) => {
                let known = Known { record: Arc::new(record), version, ..known };
                self.0.known.write().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), known);
            }
            Err(error) => tracing::warn!(%error, key = id, "the use of an API key could not be written down"),
        }
    }

    async fn commit(&self, record: &KeyRecord, version: Option<u64>) -> Result<u64, Error> {
        let key = format!("{AT}{}", record.id);
        let value = serde_json::to_value(record).map_err(|error| Error::internal(error.to_string()))?;
        let check = KvCheck { key: key.clone(), version };
        let writes = vec![KvWrite::Put { key, value }];
        match self.0.store.kv_commit(&Namespace::system(), vec![check], writes).await? {
            KvCommit::Committed { version } => Ok(version),
            KvCommit::Conflict { .. } => {
                Err(Error::internal("an API key was changed behind this server's back"))
            }
        }
    }
}

impl Known {
    fn of(record: KeyRecord, version: u64, roles: &Roles) -> Known {
        let given = Entitlement {
            roles: record.roles.clone(),
            permissions: record.permissions.iter().filter_map(|text| Pattern::parse(text).ok()).collect(),
            places: record.namespaces.clone().map_or(Places::All, Places::Only),
            attributes: Json::Null,
            source: format!("key {PREFIX}{}", record.id).into(),
        };
        let caller = Arc::new(Caller {
            identity: format!("key:{}", record.id).into(),
            grants: roles.entitle(&given),
            proof: Proof::Key(record.id.as_str().into()),
            address: None,
        });
        // What cannot be read any more opens nothing: the list is then not empty and holds no address.
        let read = |text: &String| text.parse().unwrap_or(AddressRange::v4(0, 0, 0, 32));
        let addresses = record.addresses.iter().map(read).collect();
        Known { record: Arc::new(record), version, caller, addresses }
    }

    /// Whether its caller may be there. Who comes over no network is at no address.
    fn is_good_at(&self, address: Option<IpAddr>) -> bool {
        let is_in = |address: IpAddr| {
            let address = address.to_canonical();
            self.addresses.iter().any(|range| range.contains(address))
        };
        self.addresses.is_empty() || address.is_some_and(is_in)
    }
}

/// Whoever holds a new secret may do all that its key may, so whoever asks for one must be allowed that much.
fn may_give(giver: &Caller, key: &Caller) -> Result<(), Error> {
    match key.grants.iter().find(|grant| !giver.grants.cover(grant)) {
        None => Ok(()),
        Some(beyond) => Err(Error::new(&code::FORBIDDEN, format!("{} is not yours to give", beyond.pattern))
            .help("ask somebody who may do that themselves, or leave it out")),
    }
}

fn read(entry: KvEntry) -> Result<(KeyRecord, u64), Error> {
    let record = serde_json::from_value::<KeyRecord>(entry.value)
        .map_err(|error| Error::internal(format!("{} of the store cannot be read: {error}", entry.key)))?;
    Ok((record, entry.version))
}

/// The same for every fault, so that nobody learns which keys there are.
fn refused() -> Error {
    Error::new(&code::CREDENTIAL_INVALID, "the API key is not accepted")
        .help("it may have expired or been revoked; `nexus key list` shows the keys of a server")
}

pub(super) fn unknown(id: &str) -> Error {
    Error::new(&code::KEY_UNKNOWN, format!("there is no live API key {id:?}"))
        .help("`nexus key list` shows them")
}

/// A key as it is shown: nothing of its secret.
pub(super) fn to_json(record: &KeyRecord) -> Json {
    let time = |at: Option<nexus_kernel::time::Timestamp>| at.map(|at| at.to_string());
    serde_json::json!({
        "key_id": record.id,
        "name": record.name,
        "roles": record.roles,
        "permissions": record.permissions,
        "namespaces": record.namespaces,
        "addresses": record.addresses,
        "created_at": record.created.to_string(),
        "created_by": record.created_by,
        "expires_at": time(record.expires),
        "revoked_at": time(record.revoked),
        "used_at": time(record.used),
    })
}
