//! The time an execution has left on the clock: while it runs, and while it waits for its operations.

use std::time::Duration;

use nexus_kernel::BoxFuture;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::time::Timestamp;

use crate::error::CallErrorKind;
use crate::limit_kind::LimitKind;
use crate::limits::Limits;

/// What is left.
pub(crate) struct Allowance {
    clock: SharedClock,
    deadline: Option<Timestamp>,
    running: Duration,
    waiting: Duration,
    suspended_ms_max: u64,
    began: Timestamp,
}

/// What the time passes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stretch {
    /// Waiting for a thread, and on it.
    Running,
    /// Waiting for operations.
    Waiting,
}

impl Allowance {
    pub(crate) fn new(clock: SharedClock, limits: &Limits, deadline: Option<Timestamp>) -> Allowance {
        let began = clock.now();
        let (running, waiting) = (limits.wall_ms_max, limits.suspended_ms_max);
        Allowance {
            clock,
            deadline,
            running: Duration::from_millis(running),
            waiting: Duration::from_millis(waiting),
            suspended_ms_max: waiting,
            began,
        }
    }

    /// A stretch begins; the answer resolves when its time is up.
    pub(crate) fn begin(&mut self, stretch: Stretch) -> BoxFuture<'static, ()> {
        self.began = self.clock.now();
        let end = self.began.plus(self.left(stretch));
        self.clock.sleep_until(self.deadline.map_or(end, |deadline| deadline.min(end)))
    }

    /// Resolves at the caller's deadline; without one, when no time of waiting is left.
    pub(crate) fn until_deadline(&self) -> BoxFuture<'static, ()> {
        let end = || self.clock.now().plus(self.left(Stretch::Waiting));
        self.clock.sleep_until(self.deadline.unwrap_or_else(end))
    }

    /// The stretch is over.
    pub(crate) fn end(&mut self, stretch: Stretch) {
        let took = self.clock.now().since(self.began);
        let left = self.left(stretch).saturating_sub(took);
        match stretch {
            Stretch::Running => self.running = left,
            Stretch::Waiting => self.waiting = left,
        }
    }

    fn left(&self, stretch: Stretch) -> Duration {
        match stretch {
            Stretch::Running => self.running,
            Stretch::Waiting => self.waiting,
        }
    }

    /// Why the time of waiting is up: the caller's deadline, or the limit.
    pub(crate) fn waited(&self) -> CallErrorKind {
        let now = self.clock.now();
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            return CallErrorKind::Deadline;
        }
        let limit = self.suspended_ms_max;
        CallErrorKind::Limit { what: LimitKind::Suspended, limit, used: limit }
    }
}
