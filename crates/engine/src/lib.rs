//! Durable execution: shards, histories, timers, task queues, Nexus calls.
//!
//! An input (a start, an attempt's end, a time that has come) goes to the shard that owns its key. The shard decides
//! it with a pure step, commits the step's record together with all others of its batch, and then performs effects.
//! The records are the truth; everything else in this crate is rebuilt from them.

pub mod activity;
pub mod audit;
pub mod batch;
pub mod decide;
pub mod definition;
pub mod effect;
pub mod engine;
pub mod event;
pub mod input;
pub mod namespaces;
pub mod nexus;
pub mod operations;
pub mod options;
pub mod queue;
pub mod record;
pub mod reset;
pub mod scenario;
pub mod schedule;
pub mod shard;
pub mod sim;
pub mod state;
#[cfg(feature = "testing")]
pub mod testing;
pub mod transfer;
pub mod version;
pub mod view;

mod bells;
mod chain;
mod convert;
mod deliver;
mod divergence;

mod failures;
mod interpret;
pub mod meters;
mod playback;
mod query;
mod quota;
mod recovery;
mod retention;
mod slots;
mod timers;
mod trace;
mod worker;

pub use definition::Definition;
pub use engine::{Engine, EngineHandle, Options, Ports, RESIDENT_KEYS_MAX, StartRequest};
