//! Stores behind the kernel's ports.
//!
//! [`SqliteStore`] keeps everything of one server in one SQLite file; the volatile store is
//! [`nexus_kernel::memory::store::MemoryStore`]. Both pass the contract in `nexus_kernel::testing`.
//! [`SealedStore`] encrypts what another store keeps. [`FileSegments`] are files that only grow, for what is kept beside the store.

pub mod sealed;
pub mod segments;
pub mod sqlite;

pub use sealed::{Keyring, MasterKey, Masters, OutsideSeal, Place, RingInfo, SealedStore, Sealing};
pub use segments::FileSegments;
pub use sqlite::{Finding, KeyImage, Options, Severity, SqliteStore, Stats, backup, examine, restore};
