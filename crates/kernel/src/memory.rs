//! Ports in memory: the volatile mode of a single process, and the double in tests.

pub mod clock;
mod event;
pub mod exchange;
mod object;
pub mod rng;
pub mod segments;
pub mod store;
