//! Ports in memory: the volatile mode of a single process, and the double in tests.

pub mod clock;
mod object;
pub mod rng;
pub mod store;
