//! The engine of components: fewer features than scripts' own engine has, and a pool of its own.

use std::sync::Arc;

use tokio::sync::Semaphore;
use wasmtime::component::Linker;
use wasmtime::{Engine, PoolingAllocationConfig};

use super::host::{self, Side};
use crate::engine::hardened;
use crate::limits::{COMPONENT_INSTANCES_MAX, MEMORY_RESERVE_BYTES};
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
    /// The right to an instance and its fiber, running or waiting.
    pub(super) permits: Arc<Semaphore>,
}

impl Home {
    pub(super) fn new(memory_bytes_max: usize) -> Result<Home, String> {
        let told = |error: wasmtime::Error| format!("components cannot be run here: {error:#}");
        let engine = engine(memory_bytes_max).map_err(told)?;
        let linker = host::linker(&engine).map_err(told)?;
        let ticker = Ticker::start(engine.clone()).map_err(|error| format!("no threads: {error}"))?;
        let permits = Arc::new(Semaphore::new(usize::try_from(COMPONENT_INSTANCES_MAX).unwrap_or(1)));
        Ok(Home { engine, linker, ticker, permits })
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.ticker.stop();
    }
}

fn engine(memory_bytes_max: usize) -> wasmtime::Result<Engine> {
    let memory_bytes = memory_bytes_max + MEMORY_RESERVE_BYTES;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(COMPONENT_INSTANCES_MAX)
        .total_core_instances(COMPONENT_INSTANCES_MAX * MODULES_MAX)
        .total_memories(COMPONENT_INSTANCES_MAX)
        .total_tables(COMPONENT_INSTANCES_MAX * TABLES_MAX)
        .total_stacks(COMPONENT_INSTANCES_MAX)
        .max_core_instances_per_component(MODULES_MAX)
        .max_memories_per_component(1)
        .max_tables_per_component(TABLES_MAX)
        .table_elements(TABLE_ELEMENTS_MAX)
        .max_unused_warm_slots(16)
        .async_stack_keep_resident(FIBER_RESIDENT_BYTES)
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(4 * 1024);
    let mut config = hardened(pool, memory_bytes, STACK_BYTES_MAX);
    config
        .async_stack_size(FIBER_BYTES)
        // A stack that is used again shows nothing of who used it before.
        .async_stack_zeroing(true)
        .wasm_component_model(true)
        .wasm_simd(false);
    Engine::new(&config)
}
