//! Quotas of namespaces: how many runs may be open, and who is just about to open one.
//!
//! How many are open is counted in the store, where it is true. Starts whose commit is not there yet are counted beside that,
//! so that many at once do not all see the same free place; one that is committed meanwhile counts twice for a moment, which
//! refuses too early rather than too late.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::visibility::{Filter, RunCount};

use crate::engine::EngineHandle;

/// How long somebody should wait for a run to end: nobody knows when one does.
const ROOM_WAIT: Duration = Duration::from_secs(1);

/// Starts that are under way, by namespace. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Openings(Arc<Mutex<HashMap<Namespace, u64>>>);

/// A start that is under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct Opening {
    all: Openings,
    namespace: Namespace,
    /// How many are, with this one.
    under_way: u64,
}

impl Openings {
    fn begin(&self, namespace: &Namespace) -> Opening {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(namespace.clone()).or_insert(0);
        *count += 1;
        Opening { all: self.clone(), namespace: namespace.clone(), under_way: *count }
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.namespace) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.namespace);
            }
        }
    }
}

impl EngineHandle {
    /// How many runs of a namespace are open.
    pub async fn open_runs(&self, namespace: &Namespace) -> Result<u64, Error> {
        let mut open = 0;
        for status in [RunStatus::Running, RunStatus::Paused] {
            let namespace = Some(namespace.clone());
            let count = RunCount { namespace, filter: Some(Filter::status(status)), group: None };
            open += self.shared().store.count(count).await?.iter().map(|group| group.count).sum::<u64>();
        }
        Ok(open)
    }

    /// Bytes that a namespace has in the store.
    pub async fn used_bytes(&self, namespace: &Namespace) -> Result<u64, Error> {
        Ok(self.shared().store.used_bytes(namespace).await?)
    }

    /// Makes sure that a namespace has room in the store. What runs already goes on: it has to come to its end.
    async fn storage(&self, namespace: &Namespace, most: u64) -> Result<(), Error> {
        let used = self.used_bytes(namespace).await?;
        if used < most {
            return Ok(());
        }
        let message = format!("{namespace} has {used} bytes in the store, and may have {most}");
        Err(Error::new(&code::STORAGE_FULL, message)
            .help("delete runs that are not needed, or let retention do so: `retention` of the namespace in nexus.toml"))
    }

    /// How many attempts of activities of a namespace run.
    pub fn running_activities(&self, namespace: &Namespace) -> usize {
        self.shared().workers.slots().running(namespace)
    }

    /// Makes sure that a namespace has room for one more run. What it gives is to be kept until the run is there.
    pub(crate) async fn room(&self, namespace: &Namespace) -> Result<Option<Opening>, Error> {
        let settings = self.shared().namespaces.settings_of(namespace);
        if let Some(most) = settings.storage_bytes_max {
            self.storage(namespace, most).await?;
        }
        let Some(most) = settings.runs_max else { return Ok(None) };
        let opening = self.shared().namespaces.openings().begin(namespace);
        if self.open_runs(namespace).await?.saturating_add(opening.under_way) <= most {
            return Ok(Some(opening));
        }
        let message = format!("as many runs of {namespace} are open as may be: {most}");
        Err(Error::new(&code::QUOTA_REACHED, message)
            .retry_after(ROOM_WAIT)
            .help("wait until one has ended; `nexus run list --status running` shows them"))
    }
}
