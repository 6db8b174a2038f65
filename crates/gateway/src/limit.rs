//! Limits: how often somebody may call, and how much at a time.
//!
//! [`gcra`] decides, [`table`] remembers, [`limiter`] knows what is limited. Everything is counted in this process; a store
//! that several servers share has a place behind [`counters::Counters`].

pub mod counters;
mod flights;
pub mod gcra;
mod headers;
mod limiter;
pub mod policy;
mod proxies;
mod table;

pub use flights::Seat;
pub(crate) use headers::tell;
pub use limiter::Limiter;
pub(crate) use limiter::{Entry, Subject};
pub use proxies::Proxies;
pub use table::MemoryCounters;
