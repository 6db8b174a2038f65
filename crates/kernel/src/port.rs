//! Ports: what parts need from the outside world, as traits.
//!
//! Every port has a version in [`crate::memory`]; one test body runs on all versions of a port.

pub mod activity;
pub mod blob;
pub mod clock;
pub mod kv;
pub mod log;
pub mod rng;
pub mod runs;

use std::sync::Arc;

/// Everything a store keeps, behind one handle.
pub trait Store: log::Log + runs::Runs + kv::Kv + blob::Blobs {}

impl<T: log::Log + runs::Runs + kv::Kv + blob::Blobs> Store for T {}

/// A store as parts hold it.
pub type SharedStore = Arc<dyn Store>;

/// What a store can fail with. A caller cannot mend any of these by trying the same call again.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The disk or database refused; after this nothing more is written.
    #[error("the store failed: {0}")]
    Failed(String),
    /// What was read is not what was written.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
}
