//! Ports: what parts need from the outside world, as traits.
//!
//! Every port has a version in [`crate::memory`]; one test body runs on all versions of a port.

pub mod activity;
pub mod blob;
pub mod clock;
pub mod event;
pub mod exchange;
pub mod kv;
pub mod log;
pub mod object;
pub mod parked;
pub mod rng;
pub mod runs;
pub mod seal;
pub mod secret;
pub mod segments;
pub mod session;
pub mod span;
pub mod usage;
pub mod witness;
pub mod workflows;

use std::sync::Arc;
use std::time::Duration;

/// Everything a store keeps, behind one handle.
pub trait Store: log::Log + runs::Runs + kv::Kv + blob::Blobs + event::Events + usage::Usage {}

impl<T: log::Log + runs::Runs + kv::Kv + blob::Blobs + event::Events + usage::Usage> Store for T {}

/// A store as parts hold it.
pub type SharedStore = Arc<dyn Store>;

/// Everything that functions keep, behind one handle.
pub trait FunctionStore: kv::Kv + object::Objects + parked::Parked {}

impl<T: kv::Kv + object::Objects + parked::Parked> FunctionStore for T {}

/// A store of functions as parts hold it.
pub type SharedFunctionStore = Arc<dyn FunctionStore>;

/// What a store can fail with. A caller cannot mend any of these by trying the same call again, but for [`StoreError::Away`].
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
    /// What servers share lies elsewhere, and does not answer. Nothing is known of what was asked.
    #[error("{why}")]
    Away {
        /// Why.
        why: String,
        /// How long it is left alone.
        wait: Duration,
    },
}
