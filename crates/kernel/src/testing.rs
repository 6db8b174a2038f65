//! What tests of every crate share: bodies that every version of a port must pass, so that a double in memory and the
//! real thing cannot drift apart, and the means to make a world unkind in a way that a seed repeats. Compiled with the
//! feature `testing` only.

pub mod dice;
pub mod event_contract;
pub mod exchange_contract;
pub mod faults;
pub mod function_store_contract;
pub mod kv_contract;
pub mod pace;
pub mod segments_contract;
pub mod store_contract;
pub mod visibility_contract;
