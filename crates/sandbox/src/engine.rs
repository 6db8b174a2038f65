//! The WebAssembly engine: one per sandbox, the guest's machine code in it, and the recipe for instances.

use std::sync::Arc;

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, InstancePre, Module, ModuleExport,
    PoolingAllocationConfig, WasmFeatures,
};

use crate::cache::{self, Cache};
use crate::guest::{GUEST_HASH, guest_wasm};
use crate::host::{self, State};
use crate::limits::MEMORY_RESERVE_BYTES;
use crate::spill::Image;

/// Stack of a thread that guests may use; deeper recursion of the engine is a trap. In bytes.
pub(crate) const GUEST_STACK_BYTES: usize = 1024 * 1024;
/// Memory of a slot that stays in place between instances, in bytes: the engine's image and a little more.
const KEEP_RESIDENT_BYTES: usize = 4 * 1024 * 1024;
/// Idle slots that keep their pages.
const WARM_SLOTS_MAX: u32 = 64;

/// What the pool holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolSize {
    pub(crate) instances_max: u32,
    pub(crate) memory_bytes_max: usize,
}

/// Everything an instance is made from.
pub(crate) struct Guest {
    pub(crate) engine: Engine,
    pub(crate) pre: InstancePre<State>,
    pub(crate) exports: Exports,
    image: Arc<Image>,
}

/// Where the guest's exports are, so that instances need not look names up.
pub(crate) struct Exports {
    pub(crate) memory: ModuleExport,
    pub(crate) alloc: ModuleExport,
    pub(crate) seed: ModuleExport,
    pub(crate) compile: ModuleExport,
    pub(crate) code: ModuleExport,
    pub(crate) code_len: ModuleExport,
    pub(crate) load: ModuleExport,
    pub(crate) invoke: ModuleExport,
    pub(crate) settle: ModuleExport,
    pub(crate) pump: ModuleExport,
    pub(crate) out_ptr: ModuleExport,
    pub(crate) out_len: ModuleExport,
    pub(crate) free: ModuleExport,
}

/// How a slot of the pool is made ready for its next instance: so many bytes are put back in place, the rest is given to
/// the system and asked for again; whether the system is asked which pages were written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reuse {
    pub(crate) resident_bytes: usize,
    pub(crate) scan: Enabled,
}

/// An engine with its pool; no guest yet.
pub(crate) fn engine(size: PoolSize) -> wasmtime::Result<Engine> {
    engine_with(size, Reuse { resident_bytes: KEEP_RESIDENT_BYTES, scan: Enabled::Auto })
}

/// The same with slots that are used again in another way.
pub(crate) fn engine_with(size: PoolSize, reuse: Reuse) -> wasmtime::Result<Engine> {
    let memory_bytes = size.memory_bytes_max + MEMORY_RESERVE_BYTES;
    let slots = size.instances_max.saturating_add(1); // one to look at the image while preparing
    let mut pool = PoolingAllocationConfig::new();
    pool.total_stacks(0) // a function that waits returns to its host, so none has a stack of its own to be laid out here
        .total_core_instances(slots)
        .total_memories(slots)
        .total_tables(slots)
        .table_elements(4_096)
        .max_unused_warm_slots(WARM_SLOTS_MAX)
        .linear_memory_keep_resident(reuse.resident_bytes)
        .table_keep_resident(16 * 1024)
        .pagemap_scan(reuse.scan);
    Engine::new(&hardened(pool, memory_bytes, GUEST_STACK_BYTES))
}

/// What the engines of scripts and of components have in common: instances from a pool, memories in a reservation of their
/// own with guards around it, interruption by epochs, and no more of WebAssembly than compilers to it use.
pub(crate) fn hardened(mut pool: PoolingAllocationConfig, memory_bytes: usize, stack_bytes: usize) -> Config {
    pool.max_memory_size(memory_bytes);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .memory_reservation(memory_bytes as u64)
        .memory_guard_size(4 << 30)
        .memory_init_cow(true)
        .max_wasm_stack(stack_bytes)
        .epoch_interruption(true)
        .wasm_backtrace_max_frames(None)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        .wasm_tail_call(false)
        .wasm_relaxed_simd(false)
        .wasm_features(WasmFeatures::EXTENDED_CONST, false);
    config
}

impl Guest {
    /// Loads or compiles the machine code; takes seconds the first time. The state is for looking at one instance.
    pub(crate) fn prepare(engine: Engine, cache: Option<&Cache>, state: State) -> wasmtime::Result<Guest> {
        let module: Module = cache::code(&engine, (GUEST_HASH.as_bytes(), guest_wasm), cache)?;
        let pre = host::linker(&engine)?.instantiate_pre(&module)?;
        let mut guest = Guest { engine, pre, exports: Exports::of(&module)?, image: Arc::default() };
        guest.image = Arc::new(Image::of(&guest, state)?);
        Ok(guest)
    }

    /// The same engine under another name.
    #[cfg(test)]
    pub(crate) fn renamed(mut self) -> Guest {
        self.image = self.image.renamed();
        self
    }

    /// The memory every instance starts with.
    pub(crate) fn image(&self) -> &Arc<Image> {
        &self.image
    }
}

impl Exports {
    fn of(module: &Module) -> wasmtime::Result<Exports> {
        let find = |name: &str| {
            let missing = || wasmtime::Error::msg(format!("the guest lacks {name}"));
            module.get_export_index(name).ok_or_else(missing)
        };
        Ok(Exports {
            memory: find("memory")?,
            alloc: find("nx_alloc")?,
            seed: find("nx_seed")?,
            compile: find("nx_compile")?,
            code: find("nx_code")?,
            code_len: find("nx_code_len")?,
            load: find("nx_load")?,
            invoke: find("nx_invoke")?,
            settle: find("nx_settle")?,
            pump: find("nx_pump")?,
            out_ptr: find("nx_out_ptr")?,
            out_len: find("nx_out_len")?,
            free: find("nx_free")?,
        })
    }
}
