//! The engine of components: fewer features than scripts' own engine has, and a pool of its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use nexus_kernel::id::Namespace;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::component::Linker;
use wasmtime::{Enabled, Engine, PoolingAllocationConfig};

use super::host::{self, Side};
use crate::engine::hardened;
use crate::error::Overload;
use crate::limits::MEMORY_RESERVE_BYTES;
use crate::meter::Ticker;

/// Stack of a component's machine code, in bytes; deeper recursion is a trap.
pub(super) const STACK_BYTES_MAX: usize = 512 * 1024;
/// A fiber's stack: that, and room for the host's functions. In bytes, of address space until it is used.
const FIBER_BYTES: usize = 1024 * 1024;
/// What of a fiber's stack stays in place between calls, in bytes.
const FIBER_RESIDENT_BYTES: usize = 4_096;
/// Memory of a slot that stays in place between instances, in bytes.
const KEEP_RESIDENT_BYTES: usize = 256 * 1024;
/// Core modules of one component: its own, and those that connect it with the host.
const MODULES_MAX: u32 = 16;
/// Tables of one component.
const TABLES_MAX: u32 = 4;
/// Elements of a table: the functions that are called by pointer.
const TABLE_ELEMENTS_MAX: usize = 16_384;

/// Where components live.
pub(crate) struct Home {
    pub(super) engine: Engine,
    pub(super) linker: Linker<Side>,
    pub(super) ticker: Ticker,
    /// Instances, running or waiting.
    instances: Arc<Semaphore>,
    /// Calls that wait for one.
    queue: Arc<Semaphore>,
    /// What each namespace may have of the instances: not all of them, or those that wait would keep others out.
    shares: Mutex<HashMap<Namespace, Arc<Semaphore>>>,
    share: usize,
}

/// How many components there may be at the same time, and how large.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) instances: u32,
    /// The most memory of one.
    pub(super) memory_bytes: usize,
    /// Calls that wait for an instance.
    pub(super) queued: usize,
}

/// The right to an instance and its fiber, running or waiting.
pub(super) struct Slot {
    _of_all: OwnedSemaphorePermit,
    _of_namespace: OwnedSemaphorePermit,
}

impl Home {
    pub(super) fn new(size: Size) -> Result<Home, String> {
        let told = |error: wasmtime::Error| format!("components cannot be run here: {error:#}");
        let engine = engine(size).map_err(told)?;
        let linker = host::linker(&engine).map_err(told)?;
        let ticker = Ticker::start(engine.clone()).map_err(|error| format!("no threads: {error}"))?;
        let instances = usize::try_from(size.instances).unwrap_or(1);
        Ok(Home {
            engine,
            linker,
            ticker,
            instances: Arc::new(Semaphore::new(instances)),
            queue: Arc::new(Semaphore::new(size.queued)),
            shares: Mutex::default(),
            share: (instances - instances / 4).max(1),
        })
    }

    /// Waits for a slot. When too many wait already, only a patient caller waits as well.
    pub(super) async fn slot(&self, owner: &Namespace, is_patient: bool) -> Result<Slot, Overload> {
        let _waiting = match self.queue.try_acquire() {
            Ok(waiting) => waiting,
            Err(_) if is_patient => self.queue.acquire().await.map_err(|_| Overload::Stopping)?,
            Err(_) => return Err(Overload::Queue),
        };
        let stopping = |_| Overload::Stopping;
        let of_namespace = self.share_of(owner).acquire_owned().await.map_err(stopping)?;
        let of_all = Arc::clone(&self.instances).acquire_owned().await.map_err(stopping)?;
        Ok(Slot { _of_all: of_all, _of_namespace: of_namespace })
    }

    fn share_of(&self, owner: &Namespace) -> Arc<Semaphore> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody else has one that is here alone: its namespace runs nothing.
        shares.retain(|namespace, share| namespace == owner || Arc::strong_count(share) > 1);
        let share = shares.entry(owner.clone()).or_insert_with(|| Arc::new(Semaphore::new(self.share)));
        Arc::clone(share)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.ticker.stop();
    }
}

fn engine(Size { instances, memory_bytes, .. }: Size) -> wasmtime::Result<Engine> {
    let memory_bytes = memory_bytes + MEMORY_RESERVE_BYTES;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(MODULES_MAX))
        .total_memories(instances)
        .total_tables(instances.saturating_mul(TABLES_MAX))
        .total_stacks(instances)
        .max_core_instances_per_component(MODULES_MAX)
        .max_memories_per_component(1)
        .max_tables_per_component(TABLES_MAX)
        .table_elements(TABLE_ELEMENTS_MAX)
        .max_unused_warm_slots(16)
        .async_stack_keep_resident(FIBER_RESIDENT_BYTES)
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(4 * 1024)
        .pagemap_scan(Enabled::Auto);
    let mut config = hardened(pool, memory_bytes, STACK_BYTES_MAX);
    config
        .async_stack_size(FIBER_BYTES)
        // A stack that is used again shows nothing of who used it before.
        .async_stack_zeroing(true)
        .wasm_component_model(true)
        .wasm_simd(false);
    Engine::new(&config)
}
