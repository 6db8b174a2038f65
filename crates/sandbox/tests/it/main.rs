//! The sandbox from outside: calls, limits, capabilities, isolation, cache.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod api;
mod blobs;
mod bombs;
mod cache;
mod capabilities;
mod components;
mod errors;
mod events;
mod fairness;
mod fixture;
mod frozen;
mod guest;
mod hostile;
mod inference;
mod interleaving;
mod isolation;
mod limits;
mod modules;
mod parked;
mod revoked;
mod secrets;
mod sessions;
mod waiting;
mod workflows;
