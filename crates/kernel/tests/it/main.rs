//! Integration tests of this crate, one binary.

mod memory_exchange;
mod memory_store;
