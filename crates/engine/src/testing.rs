//! Whole engines in an unkind world that follows from one seed, and the checks of what they leave behind.
//!
//! The engine, its shards, deliveries and workers are the real ones. The seed decides the clock, the order in which tasks
//! go on, the store's delays and failures, crashes, takeovers, how attempts end, and what callers ask. Compiled with the
//! feature `testing` only.
#![expect(clippy::unwrap_used, reason = "what a test world is made of is known to be right")]
#![expect(
    clippy::indexing_slicing,
    reason = "a JSON value that has no such field gives null, it does not panic"
)]

mod ask;
mod bargain;
mod books;
mod callers;
mod life;
pub mod linear;
mod oracle;
pub mod outside;
pub mod programs;
mod records;
mod replays;
mod simulate;
mod waiting;
mod world;

pub use ask::{send, signal};
pub use replays::unreplayable;
pub use simulate::{Report, Violation, simulate, simulate_on_a_lying_store};
