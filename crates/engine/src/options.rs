//! Options of a start: what is decided about a run beside its workflow and its input.

mod record;

pub(crate) use record::is_default;
pub use record::{IdConflictPolicy, IdReusePolicy, Priority, RunOptions, StartOptions, TraceRecord};
