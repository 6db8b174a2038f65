//! Integration tests of this crate, one binary.

mod robust;
mod shop;
mod spec;
