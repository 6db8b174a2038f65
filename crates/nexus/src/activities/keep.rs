//! Functions that wait beyond the process: kept in the store under their attempt's token, taken up after a restart.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use nexus_engine::EngineHandle;
use nexus_kernel::activity::ActivityToken;
use nexus_kernel::code;
use nexus_kernel::doer::Doer;
use nexus_kernel::port::rng::SharedRng;
use nexus_kernel::port::{SharedFunctionStore, StoreError};
use nexus_kernel::task::{self, Shutdown};
use nexus_kernel::{BoxFuture, tell_of};
use nexus_sandbox::{Keep, Keeper, ParkKey};

use super::script::Hosted;

/// Where functions of a node are kept while they wait.
#[derive(Clone)]
pub(crate) struct Shelf {
    store: SharedFunctionStore,
    key: ParkKey,
    shutdown: Shutdown,
    /// What an earlier process kept and nobody has taken up yet: only these are looked for.
    left: Arc<Mutex<HashSet<String>>>,
}

impl Shelf {
    /// The shelf of a data folder. Without a key of its own nothing is kept, and attempts are begun again as ever.
    pub(crate) async fn open(
        store: SharedFunctionStore,
        folder: &Path,
        rng: &SharedRng,
        shutdown: &Shutdown,
    ) -> Option<Shelf> {
        let key = match ParkKey::of(folder, rng) {
            Ok(key) => key,
            Err(why) => {
                tracing::warn!(why, "functions that wait are not kept beyond this process");
                return None;
            }
        };
        let names = store.parked_names().await.unwrap_or_default(); // a store that fails is told by whoever needs it
        let left = Arc::new(Mutex::new(names.into_iter().collect()));
        Some(Shelf { store, key, shutdown: shutdown.clone(), left })
    }

    /// How an attempt is kept, with what an earlier process kept of it.
    pub(crate) async fn keep(&self, token: &ActivityToken, doer: Doer, hosted: &Arc<Hosted>) -> Keep {
        let name = token.to_string();
        let is_left = self.left.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
        let parcel = if is_left { self.store.parked_load(&name).await.ok().flatten() } else { None };
        let (shelf, hosted) = (self.clone(), Arc::clone(hosted));
        Keep {
            keeper: Arc::new(Attempt { name, doer, shelf, hosted }),
            key: self.key.clone(),
            parcel: parcel.map(Arc::new),
        }
    }

    /// Lets go of what belongs to runs that have ended.
    pub(crate) async fn sweep(self, engine: EngineHandle) {
        let names: Vec<String> =
            self.left.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
        for name in names {
            let run = ActivityToken::parse(&name).map(|token| token.run_id);
            let is_over = match &run {
                Ok(run) => match engine.row(run).await {
                    Ok(row) => !row.status.is_open(),
                    Err(error) => error.code() == &code::RUN_UNKNOWN,
                },
                Err(_) => true,
            };
            if is_over && let Err(error) = self.store.parked_drop(&name).await {
                tracing::warn!(%error, "a function that waited for nobody could not be let go of");
                return;
            }
        }
    }
}

/// One attempt.
struct Attempt {
    name: String,
    doer: Doer,
    shelf: Shelf,
    hosted: Arc<Hosted>,
}

impl Keeper for Attempt {
    fn may_keep(&self) -> bool {
        !self.hosted.is_later()
    }

    fn save(&self, parcel: Vec<u8>) -> BoxFuture<'static, Result<(), StoreError>> {
        let (store, name, doer) = (Arc::clone(&self.shelf.store), self.name.clone(), self.doer.clone());
        Box::pin(async move {
            let bytes = parcel.len();
            store.parked_save(&name, parcel).await?;
            tell_of!(doer, debug, bytes, "a function that waits is kept");
            Ok(())
        })
    }

    fn forget(&self) {
        // A process that stops leaves its functions to the next one.
        if self.shelf.shutdown.has_begun() {
            return;
        }
        let (store, name, doer) = (Arc::clone(&self.shelf.store), self.name.clone(), self.doer.clone());
        task::spawn_if_running(async move {
            if let Err(error) = store.parked_drop(&name).await {
                tell_of!(doer, debug, %error, "a function that waited could not be let go of");
            }
        });
    }
}
