//! Stores behind the kernel's ports.
//!
//! [`SqliteStore`] keeps everything of one server in one SQLite file; the volatile store is
//! [`nexus_kernel::memory::store::MemoryStore`]. Both pass the contract in `nexus_kernel::testing`.
//! [`FileSegments`] are files that only grow, for what is kept beside the store.

pub mod segments;
pub mod sqlite;

pub use segments::FileSegments;
pub use sqlite::{Finding, KeyImage, Options, Severity, SqliteStore, Stats, backup, examine, restore};
