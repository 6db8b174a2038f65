//! Limits: how often somebody may call, and how much at a time.
//!
//! [`gcra`] decides, [`table`] remembers, [`limiter`] knows what is limited. Everything is counted in this process, and where
//! Redis is configured for all servers together as well ([`shared`]).

pub mod counters;
mod flights;
pub mod gcra;
mod headers;
mod limiter;
pub mod policy;
mod proxies;
mod shared;
mod table;

pub use counters::Counters;
pub use flights::Seat;
pub(crate) use headers::tell;
pub use limiter::Limiter;
pub(crate) use limiter::{Entry, Subject};
pub use proxies::Proxies;
pub use shared::{RedisCounters, SharedCounters, WhenAway};
pub use table::MemoryCounters;
