//! What is settled for queues, durably: one pair of the system's own namespace for each queue.

use std::collections::BTreeMap;

use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::SharedStore;
use nexus_kernel::port::kv::{KvCheck, KvCommit, KvWrite};
use tokio::sync::Mutex;

use crate::queue::QueueName;
use crate::queue::record::QueueConfig;
use crate::shard::taken_over;

/// What the keys begin with.
const PREFIX: &str = "queue/";

/// Pairs read at a time.
const PAGE_PAIRS: usize = 500;

/// The settings of all queues, with the versions that the store knows them by.
#[derive(Debug, Default)]
pub(crate) struct QueueSettings {
    /// Held while a change is written: changes of one process follow each other.
    all: Mutex<BTreeMap<QueueName, (QueueConfig, u64)>>,
}

impl QueueSettings {
    /// Everything that was settled before.
    pub(crate) async fn load(store: &SharedStore) -> Result<QueueSettings, Error> {
        let (mut all, mut after) = (BTreeMap::new(), None);
        loop {
            let page = store.kv_list(&Namespace::system(), PREFIX, after.as_deref(), PAGE_PAIRS).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            for entry in page {
                let name = name(&entry.key).ok_or_else(|| damaged(&entry.key, "it names no queue"))?;
                let config = serde_json::from_value(entry.value)
                    .map_err(|error| damaged(&entry.key, &error.to_string()))?;
                all.insert(name, (config, entry.version));
            }
        }
        Ok(QueueSettings { all: Mutex::new(all) })
    }

    /// Every queue that something is settled for.
    pub(crate) async fn all(&self) -> Vec<(QueueName, QueueConfig)> {
        let all = self.all.lock().await;
        all.iter().map(|(name, (config, _))| (name.clone(), config.clone())).collect()
    }

    /// Changes what is settled for a queue; it is durable, and `applied` has seen it, when this returns.
    pub(crate) async fn change(
        &self,
        store: &SharedStore,
        name: &QueueName,
        change: impl FnOnce(&mut QueueConfig),
        applied: impl FnOnce(QueueConfig),
    ) -> Result<(), Error> {
        let mut all = self.all.lock().await;
        let (mut config, version) = match all.get(name) {
            Some((config, version)) => (config.clone(), Some(*version)),
            None => (QueueConfig::default(), None),
        };
        let before = config.clone();
        change(&mut config);
        if config == before {
            return Ok(());
        }
        let key = format!("{PREFIX}{}/{}", name.namespace, name.task_queue);
        let value = serde_json::to_value(&config).map_err(|error| Error::internal(error.to_string()))?;
        let write = if config.is_default() {
            KvWrite::Delete { key: key.clone() }
        } else {
            KvWrite::Put { key: key.clone(), value }
        };
        let check = KvCheck { key, version };
        match store.kv_commit(&Namespace::system(), vec![check], vec![write]).await? {
            // Only another process can have changed it under this one's hands.
            KvCommit::Conflict { .. } => return Err(taken_over()),
            KvCommit::Committed { .. } if config.is_default() => {
                all.remove(name);
            }
            KvCommit::Committed { version } => {
                all.insert(name.clone(), (config.clone(), version));
            }
        }
        applied(config);
        Ok(())
    }
}

fn name(key: &str) -> Option<QueueName> {
    let (namespace, task_queue) = key.strip_prefix(PREFIX)?.split_once('/')?;
    Some(QueueName { namespace: Namespace::new(namespace).ok()?, task_queue: task_queue.to_owned() })
}

fn damaged(key: &str, why: &str) -> Error {
    Error::new(&nexus_kernel::code::DATA_DAMAGED, format!("the settings at {key:?} cannot be read: {why}"))
        .help("restore the data folder from a backup")
}
