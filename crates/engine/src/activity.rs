//! Activities: what is recorded of them, their state, their options, their limits, and what callers do with them.

pub(crate) mod effect;
pub mod handle;
pub mod input;
pub(crate) mod limits;
pub mod operations;
pub(crate) mod options;
pub mod record;
pub mod state;
pub(crate) mod view;
