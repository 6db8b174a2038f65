//! The nexus binary: configuration, wiring, command line.
//!
//! Nothing is decided here. A project's files are read ([`project`]), built ([`built`]) and served by a [`node`],
//! which is an engine, a sandbox, a store and a pipeline plugged together; the commands in [`cli`] use a node in this
//! process or a server's, through the same operations.

pub mod activities;
pub mod address;
pub mod audit;
pub mod built;
pub mod cache;
pub mod changes;
pub mod cli;
pub mod client;
pub mod config;
pub mod contract;
pub mod design;
pub mod disk;
mod encryption;
mod figures;
pub mod flags;
mod identity;
mod limits;
pub mod log;
pub mod login;
pub mod lsp;
pub mod mcp;
mod namespaces;
pub mod node;
mod outbound;
pub mod output;
pub mod owner;
pub mod pages;
pub mod preset;
mod process;
pub mod profile;
pub mod project;
pub mod prompts;
mod secrets;
mod services;
mod shared;
mod socket;
mod store;
pub mod stub;
mod subscriptions;
mod telemetry;
pub mod typings;
pub mod watch;
