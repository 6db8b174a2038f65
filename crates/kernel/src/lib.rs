//! The words of Nexus as types, its ports, and their memory versions.
//!
//! Everything a Nexus server can do is an [`operation::Operation`] in a [`catalogue::Catalogue`]; channels render the
//! catalogue, the engine and other parts contribute to it. What a part needs from the outside world (time, chance,
//! storage, code that runs activities) it takes through a trait in [`port`]; [`memory`] holds a version of each that
//! lives in this process, which is both the volatile mode and the test double.

pub mod access;
pub mod activity;
pub mod address;
pub mod allowance;
pub mod breaker;
pub mod cache;
pub mod call;
pub mod catalogue;
pub mod code;
pub mod contract;
pub mod doer;
pub mod error;
pub mod failure;
pub mod id;
pub mod json;
pub mod limits;
pub mod memory;
pub mod meter;
pub mod operation;
pub mod port;
pub mod redact;
pub mod retry;
pub mod route;
pub mod sign;
pub mod suggest;
pub mod task;
#[cfg(feature = "testing")]
pub mod testing;
pub mod time;
pub mod trace;
pub mod verb;
pub mod visibility;

/// A JSON value, as it crosses every boundary.
pub type Json = serde_json::Value;

/// A boxed future: what port methods return, so that ports can be trait objects.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
