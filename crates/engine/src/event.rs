//! Events: what happened in a namespace, published by anybody, kept for a while, read on from a cursor.
//!
//! The log is the store's ([`nexus_kernel::port::event`]); here are the rules of what may be published, the news for those
//! who wait, and the pruner.

pub(crate) mod check;
pub mod handle;
pub(crate) mod operations;
pub(crate) mod prune;

pub use check::all as check;
pub use handle::NewEvent;
