//! The embedded store: one SQLite file in WAL mode with full synchronisation.
//!
//! One thread owns the write connection. It takes whatever has queued up, writes it in one transaction, waits for the
//! disk once and answers everybody: group commit without waiting on purpose. Readers have connections of their own,
//! and checkpoints run on another thread, so that a commit does not pay for them.

mod attributes;
mod backup;
mod blobs;
mod checkpoint;
mod connection;
mod crc;
mod create;
mod doctor;
mod events;
mod fault;
mod filter;
mod heads;
mod health;
mod inspect;
mod job;
mod keep;
mod kv;
mod leases;
mod lock;
mod log;
mod migration;
mod open;
mod options;
mod readers;
mod runs;
mod stats;
mod store;
mod usage;
mod vacuum;
mod wal;
mod writer;

pub use backup::{backup, restore};
pub use doctor::{Finding, KeyImage, Severity, Visit, examine};
pub use options::Options;
pub use stats::Stats;
pub use store::SqliteStore;

/// Name of the file inside the data folder.
pub(crate) const FILE_NAME: &str = "nexus.db";
