//! What a sandbox counts of its work, for whoever shows figures.

use nexus_kernel::meter::Counter;

use crate::error::{CallError, CallErrorKind};
use crate::outcome::Outcome;
use crate::service::Sandbox;

/// The meters of a sandbox. They count from its start.
#[derive(Debug, Default)]
pub struct Meters {
    /// Calls with a result.
    pub completed: Counter,
    /// Calls whose function failed.
    pub failed: Counter,
    /// Calls that were stopped at a limit, a deadline, or because nothing could come any more.
    pub stopped: Counter,
    /// Calls that there was no room for.
    pub overloaded: Counter,
    /// Processor time of all of them, in microseconds.
    pub cpu_micros: Counter,
}

impl Meters {
    pub(crate) fn ended(&self, ended: &Result<Outcome, CallError>) {
        let (counter, stats) = match ended {
            Ok(outcome) => (&self.completed, &outcome.stats),
            Err(error) => (self.of(&error.kind), &*error.stats),
        };
        counter.one();
        self.cpu_micros.add(stats.cpu_us);
    }

    fn of(&self, kind: &CallErrorKind) -> &Counter {
        match kind {
            CallErrorKind::Limit { .. } | CallErrorKind::Deadline | CallErrorKind::Stuck => &self.stopped,
            CallErrorKind::Overloaded(_) => &self.overloaded,
            _ => &self.failed,
        }
    }
}

impl Sandbox {
    /// What it counts.
    pub fn meters(&self) -> &Meters {
        self.own().meters()
    }

    /// Instances that are taken now.
    pub fn instances(&self) -> usize {
        self.own().instances()
    }
}
