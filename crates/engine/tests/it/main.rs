//! Integration tests of the engine: whole programs on memory ports and a simulated clock.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, which is what it is for"
)]

mod activity;
mod batch;
mod cancel;
mod crash;
mod events;
mod faults;
mod follow;
mod hostile;
mod ids;
mod inherit;
mod linear;
mod messages;
mod model;
mod nexus;
mod operate;
mod options;
mod playback;
mod queues;
mod remote;
mod replays;
mod reset;
mod rest;
mod retention;
mod retry;
mod scenario;
mod schedule;
mod sim;
mod simulation;
mod support;
mod time;
mod transfer;
mod version;
mod visibility;
