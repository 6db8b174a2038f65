//! The sandbox from outside: calls, limits, capabilities, isolation, cache.

mod api;
mod bombs;
mod cache;
mod capabilities;
mod errors;
mod fixture;
mod guest;
mod isolation;
mod waiting;
