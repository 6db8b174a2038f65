//! What the functions of the soak reach: host functions whose calls are counted, and a store that keeps who waits long.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use anyhow::{Result, anyhow};
use nexus_kernel::port::rng::SystemRng;
use nexus_kernel::port::{SharedFunctionStore, StoreError};
use nexus_kernel::task::spawn_if_running;
use nexus_kernel::{BoxFuture, Json};
use nexus_sandbox::{HostFunctions, Keep, Keeper, OpError, ParkKey};
use tokio::sync::Notify;

/// Calls of the host that are under way: `never` waits until it is dropped, `gate` until the gate is opened.
#[derive(Default)]
pub(super) struct Host {
    under_way: Arc<AtomicUsize>,
    pub(super) at_gate: AtomicUsize,
    pub(super) arrived: Notify,
    pub(super) open: Arc<Notify>,
}

struct Call(Arc<AtomicUsize>);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Host {
    pub(super) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::SeqCst)
    }
}

impl HostFunctions for Host {
    fn call_now(&self, _: &str, arg: Json) -> Result<Json, OpError> {
        Ok(arg)
    }

    fn call(&self, name: &str, arg: Json) -> BoxFuture<'static, Result<Json, OpError>> {
        self.under_way.fetch_add(1, Ordering::SeqCst);
        let call = Call(self.under_way.clone());
        let opened = (name == "gate").then(|| self.open.clone().notified_owned());
        if opened.is_some() {
            self.at_gate.fetch_add(1, Ordering::SeqCst);
            self.arrived.notify_one();
        }
        Box::pin(async move {
            let _call = call;
            match opened {
                Some(opened) => opened.await,
                None => std::future::pending().await,
            }
            Ok(arg)
        })
    }
}

/// Where functions that wait for long are kept.
#[derive(Clone)]
pub(super) struct Shelf {
    store: SharedFunctionStore,
    key: ParkKey,
    count: Arc<AtomicU64>,
    saved: Arc<AtomicU64>,
}

struct Place {
    shelf: Shelf,
    name: String,
}

impl Shelf {
    pub(super) fn new(store: SharedFunctionStore, folder: &std::path::Path) -> Result<Shelf> {
        let key = ParkKey::of(folder, &(Arc::new(SystemRng) as _)).map_err(|why| anyhow!(why))?;
        Ok(Shelf { store, key, count: Arc::default(), saved: Arc::default() })
    }

    /// A place for one execution.
    pub(super) fn place(&self) -> Keep {
        let name = format!("soak.{}", self.count.fetch_add(1, Ordering::Relaxed));
        let keeper = Arc::new(Place { shelf: self.clone(), name });
        Keep { keeper, key: self.key.clone(), parcel: None }
    }

    /// How many parcels have been kept so far.
    pub(super) fn saved(&self) -> u64 {
        self.saved.load(Ordering::Relaxed)
    }

    /// How many still are.
    pub(super) async fn left(&self) -> Result<usize> {
        Ok(self.store.parked_names().await?.len())
    }
}

impl Keeper for Place {
    fn may_keep(&self) -> bool {
        true
    }

    fn save(&self, parcel: Vec<u8>) -> BoxFuture<'static, Result<(), StoreError>> {
        let (shelf, name) = (self.shelf.clone(), self.name.clone());
        Box::pin(async move {
            shelf.store.parked_save(&name, parcel).await?;
            shelf.saved.fetch_add(1, Ordering::Relaxed);
            Ok(())
        })
    }

    fn forget(&self) {
        let (shelf, name) = (self.shelf.clone(), self.name.clone());
        spawn_if_running(async move {
            let _ = shelf.store.parked_drop(&name).await; // what is left is counted at the end
        });
    }
}
