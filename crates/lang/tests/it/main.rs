//! Integration tests of this crate, one binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod broken;
mod checkout;
mod designs;
mod dialects;
mod exact;
mod format;
mod golden;
mod migrate;
mod pages;
mod robust;
mod rules;
mod shop;
mod spec;
