//! Test bodies that every version of a port must pass, so that a double in memory and the real thing cannot drift
//! apart. Compiled with the feature `testing` only.

pub mod store_contract;
