//! The definitions that runs of this process need, and the list of versions, kept in the store.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::{Key, Namespace, RunId};
use nexus_kernel::port::SharedStore;
use nexus_kernel::port::blob::Hash;
use nexus_kernel::port::kv::{KvCheck, KvCommit, KvWrite};
use nexus_kernel::time::Timestamp;
use tokio::sync::{Mutex, Notify, watch};

use super::ramp::{Percentage, Ramp, Routing};
use super::record::{Changes, Deployed, Ledger, Version};
use crate::definition::{Definition, texts};
use crate::engine::EngineHandle;

/// Where the list is kept, in the namespace of Nexus itself.
const KEY: &str = "versions";

/// Hears of a definition that has become current because somebody asked for it.
pub(crate) type Listener = Arc<dyn Fn(&EngineHandle, &Arc<Definition>) + Send + Sync>;

/// All definitions that runs of this process need. Cheap to clone.
#[derive(Clone)]
pub struct Definitions {
    store: SharedStore,
    known: Arc<RwLock<Known>>,
    /// Version of the stored list; whoever holds it may write.
    stamp: Arc<Mutex<Option<u64>>>,
    /// Set when new runs get something else.
    changed: Arc<Notify>,
    followed: Arc<watch::Sender<Option<(u64, Followed)>>>,
}

#[derive(Default)]
struct Known {
    routing: Option<Routing>,
    /// Counts the changes of the routing.
    generation: u64,
    by_hash: HashMap<Hash, Arc<Definition>>,
    ledger: Arc<Ledger>,
    listener: Option<Listener>,
}

/// What has become of the open runs that may follow a version.
#[derive(Debug, Clone, PartialEq)]
pub struct Followed {
    /// The version's definition.
    pub definition: Hash,
    /// Runs that went on with it.
    pub went: u64,
    /// Runs that kept their own.
    pub stayed: u64,
    /// One of those, and why.
    pub why: Option<(RunId, Failure)>,
}

impl Followed {
    /// No run did anything yet.
    pub(crate) fn none(definition: Hash) -> Followed {
        Followed { definition, went: 0, stayed: 0, why: None }
    }

    /// Another run keeps its version.
    pub(crate) fn stays(&mut self, run: &RunId, failure: Failure) {
        self.stayed += 1;
        self.why.get_or_insert_with(|| (run.clone(), failure));
    }
}

/// What a deployment came to.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// What it was.
    pub deployed: Deployed,
    /// The version of the files.
    pub files: Version,
    /// The version that new runs get.
    pub current: Version,
    /// Whether changed files take its place.
    pub held: bool,
    /// The version that a part of the workflow ids gets instead.
    pub ramp: Option<Ramp>,
    /// Why something else is in force than was chosen.
    pub warning: Option<String>,
}

/// What somebody wants new runs to get.
#[derive(Debug, Clone, Copy)]
pub enum Choice<'a> {
    /// A version for all of them. Held, it stays although files change.
    Promote {
        /// Its name.
        version: &'a str,
        /// Whether it stays.
        hold: bool,
    },
    /// An earlier version, or the one before; with a version that ramps and without a name, only that one's end.
    RollBack {
        /// Its name.
        version: Option<&'a str>,
        /// Whether it stays although files change.
        hold: bool,
    },
    /// A version for a part of the workflow ids.
    Ramp {
        /// Its name.
        version: &'a str,
        /// The part.
        percentage: Percentage,
    },
}

/// What a promotion came to.
#[derive(Debug, Clone)]
pub struct Promotion {
    /// The version that new runs get from now on.
    pub current: Version,
    /// The version that they got before.
    pub before: Option<Version>,
    /// Whether changed files will not take its place.
    pub held: bool,
    /// The version that a part of the workflow ids gets instead.
    pub ramp: Option<Ramp>,
    /// The version that one got before.
    pub ramp_before: Option<Ramp>,
}

impl Definitions {
    /// The definitions and the list of a store.
    pub async fn open(store: SharedStore) -> Result<Definitions, Error> {
        let entry = store.kv_get(&Namespace::system(), KEY).await?;
        let stamp = entry.as_ref().map(|entry| entry.version);
        let ledger = match entry {
            None => Ledger::default(),
            Some(entry) => serde_json::from_value(entry.value).map_err(|error| {
                Error::new(&code::DATA_DAMAGED, format!("the list of versions cannot be read: {error}"))
                    .help("restore the data folder from a backup")
            })?,
        };
        let known = Known { ledger: Arc::new(ledger), ..Known::default() };
        Ok(Definitions {
            store,
            known: Arc::new(RwLock::new(known)),
            stamp: Arc::new(Mutex::new(stamp)),
            changed: Arc::default(),
            followed: Arc::new(watch::channel(None).0),
        })
    }

    /// Keeps a project's definition durably. It becomes the one that new runs get, unless its files are those of the
    /// deployment before and somebody has chosen another version since.
    pub async fn deploy(&self, definition: Arc<Definition>, at: Timestamp) -> Result<Deployment, Error> {
        let mut stamp = self.stamp.lock().await;
        let mut ledger = (*self.ledger()).clone();
        let changes = match ledger.of(&definition.hash) {
            Some(_) => Changes::default(),
            None => self.changes(ledger.get(ledger.files), &definition).await?,
        };
        self.store.blob_put(definition.bytes()).await?;
        self.remember(&definition);
        let mut deployed = ledger.deploy(&definition.hash, changes, at);
        let chosen = ledger.current().map_or_else(|| definition.hash.clone(), |it| it.definition.clone());
        let mut warning = None;
        let current = match self.load(&chosen).await {
            Ok(current) => current,
            Err(error) => {
                // Runs that are pinned to it are told the same. New ones need something that works.
                warning = Some(format!("version {} cannot be used: {}", ledger.current, error.message()));
                ledger.promote(ledger.files, at);
                (ledger.held, deployed) = (false, Deployed::Again);
                Arc::clone(&definition)
            }
        };
        let routing = match self.routing_to(current.clone(), &ledger).await {
            Ok(routing) => routing,
            Err(error) => {
                warning = Some(error.message().to_owned());
                (ledger.ramp, deployed) = (None, Deployed::Again);
                Routing::to(current)
            }
        };
        if deployed != Deployed::Unchanged {
            self.write(&mut stamp, &ledger).await?;
        }
        self.put_in_force(ledger, routing);
        self.prune(&mut stamp, at).await?;
        let ledger = self.ledger();
        match (ledger.get(ledger.files), ledger.current()) {
            (Some(files), Some(current)) => {
                let (files, current) = (files.clone(), current.clone());
                let (held, ramp) = (ledger.held, ledger.ramp.clone());
                Ok(Deployment { deployed, files, current, held, ramp, warning })
            }
            _ => Err(Error::internal("a version that was just deployed is not in the list")),
        }
    }

    /// What a deployment would make current, for somebody who only looks: nothing is written.
    pub async fn preview(&self, definition: Arc<Definition>) -> Result<(), Error> {
        let ledger = (*self.ledger()).clone();
        let is_files = ledger.get(ledger.files).is_some_and(|files| files.definition == definition.hash);
        let stays = is_files || ledger.held || ledger.ramp.is_some();
        let chosen = ledger.current().filter(|_| stays).map(|it| it.definition.clone());
        self.remember(&definition);
        let current = match chosen {
            Some(chosen) => self.load(&chosen).await.unwrap_or(definition),
            None => definition,
        };
        let routing =
            self.routing_to(current.clone(), &ledger).await.unwrap_or_else(|_| Routing::to(current));
        self.put_in_force(ledger, routing);
        Ok(())
    }

    /// Gives new runs what somebody has chosen.
    pub async fn choose(&self, choice: Choice<'_>, at: Timestamp) -> Result<Promotion, Error> {
        let mut stamp = self.stamp.lock().await;
        let mut ledger = (*self.ledger()).clone();
        let (before, ramp_before) = (ledger.current().cloned(), ledger.ramp.clone());
        apply(choice, &mut ledger, at)?;
        let current = ledger.current().cloned().ok_or_else(|| unknown(&ledger.current.to_string()))?;
        let definition = self.usable(&current).await?;
        let routing = self.routing_to(definition, &ledger).await?;
        self.write(&mut stamp, &ledger).await?;
        let (held, ramp) = (ledger.held, ledger.ramp.clone());
        self.put_in_force(ledger, routing);
        Ok(Promotion { current, before, held, ramp, ramp_before })
    }

    /// The definition of a version, for runs that are to come.
    async fn usable(&self, version: &Version) -> Result<Arc<Definition>, Error> {
        self.load(&version.definition).await.map_err(|error| unusable(version, &error))
    }

    /// The routing of a list.
    async fn routing_to(&self, current: Arc<Definition>, ledger: &Ledger) -> Result<Routing, Error> {
        let Some(ramp) = &ledger.ramp else { return Ok(Routing::to(current)) };
        let version = ledger.get(ramp.version).ok_or_else(|| unknown(&ramp.version.to_string()))?;
        Ok(Routing { current, ramp: Some((self.usable(version).await?, ramp.percentage)) })
    }

    /// The definition of the current version.
    pub fn current(&self) -> Option<Arc<Definition>> {
        self.read(|known| known.routing.as_ref().map(|routing| Arc::clone(&routing.current)))
    }

    /// The definition of a key's new runs, and the other one while a version ramps.
    pub fn of_key(&self, key: &Key) -> (Option<Arc<Definition>>, Option<Arc<Definition>>) {
        self.read(|known| match &known.routing {
            None => (None, None),
            Some(routing) => {
                let (first, second) = routing.of(key);
                (Some(Arc::clone(first)), second.cloned())
            }
        })
    }

    /// What new runs get, and how often that has changed.
    pub(crate) fn routing(&self) -> Option<(u64, Routing)> {
        self.read(|known| Some((known.generation, known.routing.clone()?)))
    }

    /// The list of versions.
    pub fn ledger(&self) -> Arc<Ledger> {
        self.read(|known| Arc::clone(&known.ledger))
    }

    /// A definition that has been loaded.
    pub fn loaded(&self, hash: &Hash) -> Option<Arc<Definition>> {
        self.read(|known| known.by_hash.get(hash).cloned())
    }

    /// A definition, from the store when it has not been loaded yet.
    pub async fn load(&self, hash: &Hash) -> Result<Arc<Definition>, Error> {
        if let Some(definition) = self.loaded(hash) {
            return Ok(definition);
        }
        let bytes = self.store.blob_get(hash).await?;
        let damaged = |why: String| {
            Error::new(&code::DATA_DAMAGED, format!("definition {} cannot be read: {why}", hash.short()))
                .help("restore the data folder from a backup")
        };
        let bytes = bytes.ok_or_else(|| damaged("it is missing".to_owned()))?;
        let definition = Definition::from_bytes(&bytes).map_err(damaged)?;
        self.remember(&definition);
        Ok(definition)
    }

    /// Lets go of definitions that no run needs, when they are not versions that somebody may still want.
    pub(crate) async fn release(&self, definitions: Vec<Hash>, now: Timestamp) -> Result<(), Error> {
        let mut stamp = self.stamp.lock().await;
        let ledger = self.ledger();
        let unused = |hash: &Hash| ledger.of(hash).is_none() && self.loaded(hash).is_none();
        let unused: Vec<_> = definitions.into_iter().filter(unused).collect();
        if !unused.is_empty() {
            self.store.blob_release(unused).await?;
        }
        self.prune(&mut stamp, now).await
    }

    /// Who hears of promotions.
    pub(crate) fn listen(&self, listener: Listener) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).listener = Some(listener);
    }

    /// Tells of the current definition.
    pub(crate) fn announce(&self, engine: &EngineHandle) {
        let (listener, current) = (self.read(|known| known.listener.clone()), self.current());
        if let (Some(listener), Some(current)) = (listener, current) {
            listener(engine, &current);
        }
    }

    /// Forgets versions, and their sources, that neither a run nor a person can want any more.
    async fn prune(&self, stamp: &mut Option<u64>, now: Timestamp) -> Result<(), Error> {
        let mut ledger = (*self.ledger()).clone();
        let before = ledger.versions.len();
        for version in ledger.unwanted(now) {
            if self.store.blob_release(vec![version.definition.clone()]).await? > 0 {
                ledger.remove(version.number);
                let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                known.by_hash.remove(&version.definition);
            }
        }
        if ledger.versions.len() != before {
            self.write(stamp, &ledger).await?;
            self.known.write().unwrap_or_else(PoisonError::into_inner).ledger = Arc::new(ledger);
        }
        Ok(())
    }

    async fn changes(&self, before: Option<&Version>, after: &Definition) -> Result<Changes, Error> {
        let bytes = match before {
            Some(before) => self.store.blob_get(&before.definition).await?,
            None => None,
        };
        let before = bytes.map(|bytes| texts(&bytes)).unwrap_or_default();
        Ok(Changes::between(&before, &texts(&after.bytes())))
    }

    async fn write(&self, stamp: &mut Option<u64>, ledger: &Ledger) -> Result<(), Error> {
        let value = serde_json::to_value(ledger).map_err(|error| Error::internal(error.to_string()))?;
        let check = KvCheck { key: KEY.to_owned(), version: *stamp };
        let put = KvWrite::Put { key: KEY.to_owned(), value };
        match self.store.kv_commit(&Namespace::system(), vec![check], vec![put]).await? {
            KvCommit::Committed { version } => {
                *stamp = Some(version);
                Ok(())
            }
            KvCommit::Conflict { .. } => Err(crate::shard::taken_over()),
        }
    }

    fn put_in_force(&self, ledger: Ledger, routing: Routing) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.ledger = Arc::new(ledger);
        if known.routing.as_ref().is_none_or(|before| !before.is(&routing)) {
            known.generation += 1;
            self.changed.notify_one();
        }
        known.routing = Some(routing);
    }

    /// Waits until new runs get something else than the last time.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Says what has become of the runs that may follow what new runs get.
    pub(crate) fn tell_followed(&self, generation: u64, followed: Followed) {
        self.followed.send_replace(Some((generation, followed)));
    }

    /// Waits until every open run that may follow what new runs get has done so or keeps its own.
    pub(crate) async fn followed(&self) -> Option<Followed> {
        let (wanted, _) = self.routing()?;
        let mut told = self.followed.subscribe();
        let is_told = |told: &Option<(u64, Followed)>| told.as_ref().is_some_and(|(of, _)| *of >= wanted);
        let found = told.wait_for(is_told).await;
        found.ok()?.clone().map(|(_, followed)| followed)
    }

    fn remember(&self, definition: &Arc<Definition>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.by_hash.entry(definition.hash.clone()).or_insert_with(|| Arc::clone(definition));
    }

    fn read<T>(&self, look: impl FnOnce(&Known) -> T) -> T {
        look(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a choice makes of the list.
fn apply(choice: Choice<'_>, ledger: &mut Ledger, at: Timestamp) -> Result<(), Error> {
    let number = |name: &str| ledger.find(name).map(|version| version.number).ok_or_else(|| unknown(name));
    match choice {
        Choice::Promote { version, hold } => {
            ledger.promote(number(version)?, at);
            ledger.held = hold;
        }
        Choice::RollBack { version: None, hold } if ledger.ramp.is_some() => {
            (ledger.ramp, ledger.held) = (None, hold);
        }
        Choice::RollBack { version, hold } => {
            let to = version.map(number).transpose()?;
            ledger.roll_back(to.or_else(|| ledger.previous()).ok_or_else(nothing_before)?, at);
            ledger.held = hold;
        }
        Choice::Ramp { version, percentage } => {
            let number = number(version)?;
            if number == ledger.current {
                return Err(is_current(number));
            }
            ledger.begin_ramp(number, percentage, at);
        }
    }
    Ok(())
}

fn is_current(number: u32) -> Error {
    Error::new(&code::VERSION_CURRENT, format!("all new runs get version {number} already"))
        .help("give them the one before first: `nexus workflow rollback`")
}

pub(crate) fn unknown(name: &str) -> Error {
    Error::new(&code::VERSION_UNKNOWN, format!("there is no version {name:?}"))
        .help("`nexus workflow versions` lists them")
}

fn nothing_before() -> Error {
    Error::new(&code::VERSION_FIRST, "no other version was current before")
        .help("name one: `nexus workflow versions` lists them")
}

pub(crate) fn unusable(version: &Version, error: &Error) -> Error {
    let message = format!("version {} cannot be used: {}", version.number, error.message());
    Error::new(&code::VERSION_UNUSABLE, message).help("deploy its files again as a new version")
}
