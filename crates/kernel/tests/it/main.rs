//! Integration tests of this crate, one binary.

mod memory_store;
