//! MCP in real transports: standard input and output of the binary, alone and as a bridge, and HTTP.

pub(crate) mod agent;
mod http;
mod news;
mod project;
mod same;
mod setup;
mod stdio;
