//! Integration tests of this crate, one binary.

mod shop;
mod spec;
