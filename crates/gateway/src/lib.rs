//! Channels and the pipeline: REST and MCP rendered from the catalogue.
//!
//! The gateway knows operations and nothing else. Every channel turns its requests into a name, an input and a
//! [`nexus_kernel::call::CallContext`], hands them to the one [`pipeline::Pipeline`], and turns what comes back into
//! its own bytes. What is not in the catalogue cannot be called; what is in it can be called through every channel.

pub mod audit;
pub mod breaker;
pub mod cache;
mod channel;
mod cors;
mod envelope;
mod etag;
mod front;
pub mod guard;
mod harden;
pub mod identity;
pub mod limit;
pub mod limits;
pub mod listener;
pub mod metrics;
mod openapi;
pub mod passport;
pub mod pipeline;
pub mod policy;
pub mod problem;
pub mod redis;
pub mod request_id;
pub mod schema;
pub mod server;
pub mod session;
mod stage;
pub mod subscription;
pub mod tls;
pub mod webhook;

pub use channel::mcp::content::{McpArgument, McpContent, McpPrompt, McpShelf, McpSubset, Values};
pub use channel::mcp::line::{Line, Lines};
pub use channel::mcp::mcp_tools;
pub use channel::mcp::message::{Unreadable, read as read_message};
pub use channel::mcp::stdio::McpStdio;
pub use channel::rest::PATHS;
pub use channel::rest::health::{Check, Checking, Pages};
pub use listener::{Listener, bind};
pub use pipeline::{Pipeline, Target};
pub use redis::{Redis, RedisOptions};
pub use server::{Gateway, Options};
pub use session::Sessions;
pub use stage::once::Keys;
