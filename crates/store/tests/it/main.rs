//! Integration tests of this crate, one binary.

mod contract;
mod fixture;
