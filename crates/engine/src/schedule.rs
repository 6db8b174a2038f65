//! Schedules: runs that are started when their time comes (language page, section 15.9).
//!
//! A schedule is an object of its own with a key in the same log as runs. Each of its records holds the whole schedule, so
//! the last one is its state. The step is pure: a time that has come, the end of a run it started or a request goes in; a
//! new state and errands (starts, stops) come out. What the errands lead to comes back as input.

mod calendar;
mod cron;
mod deliver;
mod handle;
mod record;
mod spec;
mod step;
mod view;

use nexus_kernel::error::Error;
use nexus_kernel::id::{Key, Namespace, WorkflowId};

pub use calendar::Calendar;
pub use handle::NewSchedule;
pub use record::{Action, Definition, Overlap, Policies, Schedule};
pub use spec::{Interval, Spec};

pub(crate) use deliver::deliver;
pub use step::{Errand, Happening, Request};
pub(crate) use step::{step, wake};
pub(crate) use view::view;

/// What the key of a schedule begins with. Runs cannot have such an id.
pub const KEY_PREFIX: &str = "nexus-schedule:";

/// The key of a schedule.
pub fn key(namespace: Namespace, id: &str) -> Result<Key, Error> {
    Ok(Key { namespace, workflow_id: WorkflowId::new(&format!("{KEY_PREFIX}{id}"))? })
}

/// Whether a key is that of a schedule.
pub(crate) fn is_schedule(key: &Key) -> bool {
    key.workflow_id.as_str().starts_with(KEY_PREFIX)
}
