//! Channels: each turns its own kind of request into a call and the answer into its own bytes.

pub(crate) mod browser;
pub(crate) mod cached;
pub(crate) mod mcp;
pub(crate) mod nexus;
pub(crate) mod rest;
pub(crate) mod socket;
