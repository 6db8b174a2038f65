//! Integration tests of this crate, one binary: a real server on a free port, driven with raw HTTP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod agreement;
mod bad_input;
mod catalogue;
mod client;
mod counters;
mod custom;
mod doors;
mod drain;
mod limits;
mod mcp;
mod once;
mod openapi;
mod pairs;
mod protocol;
mod redis_server;
mod rest;
mod robust;
mod sessions;
mod socket;
mod world;
