//! Scenarios from the outside: programs and scenario files as texts, and what comes of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, which is what it is for"
)]

mod activities;
mod book;
mod files;
mod messages;
mod remote;
mod support;
