//! `nexus lsp`, through the real binary and the real protocol.

mod client;
mod editing;
mod requests;
mod session;
