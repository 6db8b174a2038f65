//! Integration tests of this crate, one binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::case_sensitive_file_extension_comparisons,
    reason = "tests fail by panicking"
)]

mod activities;
mod audit;
mod auth;
mod bad;
mod batch;
mod cache;
mod calls;
mod canary;
mod capabilities;
mod channels;
mod completion;
mod config;
mod configured;
mod contract;
mod data;
mod design;
mod doors;
mod drift;
mod encryption;
mod events;
mod examples;
mod exits;
mod fetch;
mod flags;
mod function;
mod hostile;
mod https;
mod kill;
mod kill_loop;
mod limits;
mod lsp;
mod mcp;
mod messages;
mod orders;
mod parked;
mod presets;
mod profiles;
mod queue;
mod redis;
#[path = "../../../gateway/tests/it/redis_server.rs"]
mod redis_server;
mod reload;
mod replay;
mod rewrite;
mod runs;
mod schedule;
mod schema;
mod scripts;
mod seed;
mod sessions;
mod shell;
mod subscriptions;
mod support;
mod telemetry;
mod tenants;
mod test;
mod tidy;
mod tokens;
mod versions;
mod waiting;
