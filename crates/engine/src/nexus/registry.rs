//! The registry: endpoints that operators have made, durably, beside those that `nexus.toml` has.
//!
//! Those of the project's programs are not kept here: they are part of its definition. What is written down in the project
//! comes first, so that a project means the same wherever it is served.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::{EndpointId, Namespace};
use nexus_kernel::port::SharedStore;
use nexus_kernel::port::kv::{KvCheck, KvCommit, KvWrite};
use nexus_kernel::port::rng::Rng;
use nexus_lang::twf::program::{EndpointInfo, Program};
use tokio::sync::Mutex;

use crate::nexus::endpoint::{Endpoint, EndpointSpec, Source, Target};
use crate::nexus::record::{EndpointRecord, VERSION};
use crate::shard::taken_over;

/// What the keys begin with.
const PREFIX: &str = "endpoint/";

/// Pairs read at a time.
const PAGE_PAIRS: usize = 500;

/// Most endpoints that operators make.
const ENDPOINTS_MAX: usize = 10_000;

/// Endpoints beside those of programs.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    /// Held while a change is written: changes of one process follow each other.
    changes: Mutex<()>,
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// By name.
    configured: BTreeMap<String, Endpoint>,
    /// By id, with the version that the store knows each by.
    registered: BTreeMap<EndpointId, (Endpoint, u64)>,
}

impl Known {
    fn registered(&self, name: &str) -> Option<&Endpoint> {
        self.registered.values().map(|(endpoint, _)| endpoint).find(|endpoint| endpoint.spec.name == name)
    }
}

impl Registry {
    /// Everything that was registered before.
    pub(crate) async fn load(store: &SharedStore) -> Result<Registry, Error> {
        let (mut registered, mut after) = (BTreeMap::new(), None);
        loop {
            let page = store.kv_list(&Namespace::system(), PREFIX, after.as_deref(), PAGE_PAIRS).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            for entry in page {
                let record: EndpointRecord = serde_json::from_value(entry.value)
                    .map_err(|error| damaged(&entry.key, &error.to_string()))?;
                if record.v != VERSION {
                    return Err(damaged(&entry.key, &format!("version {} is not {VERSION}", record.v)));
                }
                registered.insert(record.id.clone(), (registered_endpoint(record), entry.version));
            }
        }
        let known = RwLock::new(Known { registered, ..Known::default() });
        Ok(Registry { known, ..Registry::default() })
    }

    /// Puts the endpoints of the configuration in force.
    pub(crate) fn configure(&self, specs: Vec<EndpointSpec>) {
        let endpoint = |spec: EndpointSpec| {
            let id = EndpointId::of_name(&spec.name);
            (spec.name.clone(), Endpoint { id, source: Source::Configuration, version: 1, spec })
        };
        self.known.write().unwrap_or_else(PoisonError::into_inner).configured =
            specs.into_iter().map(endpoint).collect();
    }

    /// The endpoint that a name means: that of the program, of the configuration, of the registry.
    pub(crate) fn find(&self, program: Option<&Program>, name: &str) -> Option<Endpoint> {
        let declared = program.and_then(|program| program.find_endpoint(name)).and_then(|it| declared(&it));
        declared.or_else(|| {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            known.configured.get(name).or_else(|| known.registered(name)).cloned()
        })
    }

    /// The endpoint of an id or a name.
    pub(crate) fn named(&self, program: Option<&Program>, text: &str) -> Option<Endpoint> {
        let by_id = || self.all(program).into_iter().find(|endpoint| endpoint.id.as_str() == text);
        self.find(program, text).or_else(by_id)
    }

    /// Every endpoint in the order of their names. A registered one whose name the project uses is not among them: nobody
    /// reaches it.
    pub(crate) fn all(&self, program: Option<&Program>) -> Vec<Endpoint> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let registered = known.registered.values().map(|(endpoint, _)| endpoint.clone());
        let configured = known.configured.values().cloned();
        let programs = program.into_iter().flat_map(Program::endpoints).filter_map(declared);
        let all = registered.chain(configured).chain(programs);
        let by_name: BTreeMap<_, _> = all.map(|it| (it.spec.name.clone(), it)).collect();
        by_name.into_values().collect()
    }

    /// Makes an endpoint. It is durable and in force when this returns.
    pub(crate) async fn create(
        &self,
        (store, rng): (&SharedStore, &dyn Rng),
        program: Option<&Program>,
        spec: EndpointSpec,
    ) -> Result<Endpoint, Error> {
        spec.check()?;
        let _changing = self.changes.lock().await;
        self.is_free(program, &spec.name)?;
        if self.known.read().unwrap_or_else(PoisonError::into_inner).registered.len() >= ENDPOINTS_MAX {
            let message = format!("the registry has {ENDPOINTS_MAX} endpoints, which is as many as it takes");
            return Err(Error::new(&code::ENDPOINT_INVALID, message));
        }
        let id = EndpointId::generate(rng);
        self.write(store, EndpointRecord { v: VERSION, id, version: 1, spec }, None).await
    }

    /// Changes an endpoint, if it still is of the version that whoever changes it has seen.
    pub(crate) async fn update(
        &self,
        store: &SharedStore,
        program: Option<&Program>,
        (text, seen): (&str, Option<u64>),
        change: impl FnOnce(&mut EndpointSpec),
    ) -> Result<Endpoint, Error> {
        let _changing = self.changes.lock().await;
        let (endpoint, stored) = self.registered(program, text, seen)?;
        let mut spec = endpoint.spec.clone();
        change(&mut spec);
        spec.check()?;
        if spec == endpoint.spec {
            return Ok(endpoint);
        }
        if spec.name != endpoint.spec.name {
            self.is_free(program, &spec.name)?;
        }
        let record = EndpointRecord { v: VERSION, id: endpoint.id, version: endpoint.version + 1, spec };
        self.write(store, record, Some(stored)).await
    }

    /// Takes an endpoint away. Operations that were started through it go on.
    pub(crate) async fn delete(
        &self,
        store: &SharedStore,
        program: Option<&Program>,
        (text, seen): (&str, Option<u64>),
    ) -> Result<(), Error> {
        let _changing = self.changes.lock().await;
        let (endpoint, stored) = self.registered(program, text, seen)?;
        let key = key(&endpoint.id);
        let check = KvCheck { key: key.clone(), version: Some(stored) };
        match store.kv_commit(&Namespace::system(), vec![check], vec![KvWrite::Delete { key }]).await? {
            KvCommit::Conflict { .. } => Err(taken_over()),
            KvCommit::Committed { .. } => {
                let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                known.registered.remove(&endpoint.id);
                Ok(())
            }
        }
    }

    async fn write(
        &self,
        store: &SharedStore,
        record: EndpointRecord,
        version: Option<u64>,
    ) -> Result<Endpoint, Error> {
        let key = key(&record.id);
        let value = serde_json::to_value(&record).map_err(|error| Error::internal(error.to_string()))?;
        let check = KvCheck { key: key.clone(), version };
        match store.kv_commit(&Namespace::system(), vec![check], vec![KvWrite::Put { key, value }]).await? {
            // Only another process can have changed it under this one's hands.
            KvCommit::Conflict { .. } => Err(taken_over()),
            KvCommit::Committed { version } => {
                let endpoint = registered_endpoint(record);
                let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                known.registered.insert(endpoint.id.clone(), (endpoint.clone(), version));
                Ok(endpoint)
            }
        }
    }

    fn is_free(&self, program: Option<&Program>, name: &str) -> Result<(), Error> {
        match self.find(program, name) {
            None => Ok(()),
            Some(taken) => {
                let message = format!("there is an endpoint {name} already ({})", taken.source.as_str());
                Err(Error::new(&code::ENDPOINT_TAKEN, message)
                    .help("choose another name: every namespace knows an endpoint by the same one"))
            }
        }
    }

    /// An endpoint that can be changed, and the version that the store knows it by.
    fn registered(
        &self,
        program: Option<&Program>,
        text: &str,
        seen: Option<u64>,
    ) -> Result<(Endpoint, u64), Error> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let is_it = |endpoint: &Endpoint| endpoint.spec.name == text || endpoint.id.as_str() == text;
        let found = known.registered.values().find(|(endpoint, _)| is_it(endpoint)).cloned();
        drop(known);
        let Some((endpoint, stored)) = found else {
            let Some(written) = self.named(program, text) else { return Err(self.unknown(program, text)) };
            let message = format!("{} is written down in the project", written.spec.name);
            return Err(Error::new(&code::ENDPOINT_WRITTEN, message)
                .help("change it in its file: it would be back with the next reload"));
        };
        if seen.is_some_and(|seen| seen != endpoint.version) {
            let message = format!("{} is of version {} by now", endpoint.spec.name, endpoint.version);
            return Err(
                Error::new(&code::ENDPOINT_CHANGED, message).help("look at it again before you change it")
            );
        }
        Ok((endpoint, stored))
    }

    /// What is told to whoever asks for an endpoint that is not there.
    pub(crate) fn unknown(&self, program: Option<&Program>, text: &str) -> Error {
        let error = Error::new(&code::ENDPOINT_UNKNOWN, format!("there is no endpoint {text}"));
        let all = self.all(program);
        let names = all.iter().map(|endpoint| endpoint.spec.name.as_str());
        match nexus_kernel::suggest::nearest(text, names) {
            Some(near) => error.help(format!("did you mean {near:?}?")),
            None => error.help("`nexus endpoint list` shows the endpoints"),
        }
    }
}

fn key(id: &EndpointId) -> String {
    format!("{PREFIX}{id}")
}

fn registered_endpoint(record: EndpointRecord) -> Endpoint {
    Endpoint { id: record.id, source: Source::Registry, version: record.version, spec: record.spec }
}

/// An endpoint as a program has it; nothing when its namespace is none.
fn declared(info: &EndpointInfo) -> Option<Endpoint> {
    let namespace = Namespace::new(&info.namespace).ok()?;
    let spec = EndpointSpec {
        name: info.name.clone(),
        target: Target::Worker { namespace, task_queue: info.task_queue.clone() },
        allowed_caller_namespaces: info.allowed_caller_namespaces.clone(),
        description: String::new(),
    };
    Some(Endpoint { id: EndpointId::of_name(&info.name), source: Source::Program, version: 1, spec })
}

fn damaged(key: &str, why: &str) -> Error {
    Error::new(&code::DATA_DAMAGED, format!("the endpoint at {key:?} cannot be read: {why}"))
        .help("restore the data folder from a backup")
}
