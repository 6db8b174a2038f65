//! Task queues: where attempts of activities wait for a place to run (language page, section 15.15).
//!
//! A queue belongs to a namespace and comes into being with its first task. Its tasks are no truth of their own: a task is
//! an activity that a run has scheduled and that has not begun. What operators settle for a queue - being paused, limits,
//! weights - is durable. Who goes next is decided by pure code over the time that it is given; [`crate::slots`] lets
//! tasks wait for the decision.

mod backlog;
mod declared;
mod handle;
mod line;
pub(crate) mod operations;
pub(crate) mod rate;
pub(crate) mod record;
pub(crate) mod settings;
mod state;
mod tally;

pub use handle::QueueView;
pub use record::{Paused, QueueConfig, RateLimit};

pub(crate) use backlog::{Backlog, Status};
pub(crate) use declared::{Declared, limits};
pub(crate) use state::{Queues, Task};

use nexus_kernel::id::Namespace;

/// Names a queue.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueueName {
    /// Its namespace.
    pub namespace: Namespace,
    /// Its name there.
    pub task_queue: String,
}
