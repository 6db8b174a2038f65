//! The audit log: who called what, before and after it was done, in files that nobody can change unnoticed.
//!
//! A line ([`record`]) carries the hash of the one before ([`chain`]), so a change shows wherever it is made ([`verify`]).
//! One task writes ([`writer`]); what is to be written waits in a queue that is bounded ([`queue`]). [`rules`] decides what
//! is recorded and whether a call waits for it; [`refusals`] keeps attackers from filling the disk.

mod chain;
mod crossing;
mod list;
mod log;
mod open;
mod operations;
mod queue;
mod record;
mod refusals;
mod rules;
#[cfg(test)]
mod tests;
mod verify;
mod writer;

pub use chain::Head;
pub use log::{AuditLog, AuditOptions};
pub use operations::{operations, verdict};
pub use record::{CallLine, Line, What};
pub use rules::{OnFailure, Recorded, Rules};
pub use verify::{Fault, Verdict, verify};
