//! The store in memory keeps the store contract.

use nexus_kernel::memory::store::MemoryStore;

fn fresh() -> Box<MemoryStore> {
    Box::new(MemoryStore::new())
}

nexus_kernel::store_contract!(fresh);
nexus_kernel::function_store_contract!(fresh);
nexus_kernel::event_contract!(fresh);
