//! Integration tests of this crate, one binary.

mod bad;
mod channels;
mod kill;
mod orders;
mod support;
mod tidy;
