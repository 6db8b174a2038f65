//! The embedded store keeps the store contract.

use super::fixture::fresh;

nexus_kernel::store_contract!(fresh);
nexus_kernel::function_store_contract!(fresh);
nexus_kernel::event_contract!(fresh);
