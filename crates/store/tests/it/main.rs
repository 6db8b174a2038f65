//! Integration tests of this crate, one binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests fail by panicking, and a child process reports on its standard output"
)]

mod child;
mod contract;
mod crash;
mod damage;
mod differential;
mod documented;
mod fencing;
mod filters;
mod fixture;
mod full;
mod group;
mod kept;
mod mounted;
mod power;
mod refusal;
mod sealed;
mod wal;
