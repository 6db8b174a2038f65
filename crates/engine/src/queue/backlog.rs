//! One queue: its tasks, what operators have settled for it, and what it has done lately.

use std::collections::BTreeMap;

use nexus_kernel::time::Timestamp;

use crate::activity::record::Priority;
use crate::queue::declared::Declared;
use crate::queue::line::Line;
use crate::queue::rate::{Bucket, Rate};
use crate::queue::record::QueueConfig;
use crate::queue::tally::Tally;

/// A queue.
#[derive(Debug)]
pub(crate) struct Backlog {
    config: QueueConfig,
    declared: Declared,
    bucket: Bucket,
    line: Line,
    /// Tasks that have not begun.
    waiting: BTreeMap<u64, Waiter>,
    running: usize,
    added: Tally,
    begun: Tally,
}

#[derive(Debug)]
struct Waiter {
    since: Timestamp,
    priority: Priority,
    /// Whether somebody can carry it out, so that it stands in the line.
    bound: bool,
}

/// What is known of a queue.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Status {
    /// What is settled for it.
    pub(crate) config: QueueConfig,
    /// What the program says of it.
    pub(crate) declared: Declared,
    /// Tasks that have not begun, by priority: how many, and since when the oldest waits.
    pub(crate) waiting: BTreeMap<u32, (usize, Timestamp)>,
    /// Those of them that nobody implements.
    pub(crate) unbound: usize,
    /// Attempts that have a place.
    pub(crate) running: usize,
    /// Tasks that came, a second.
    pub(crate) add_rate: f64,
    /// Tasks that began, a second.
    pub(crate) dispatch_rate: f64,
}

impl Backlog {
    /// A queue for which this is settled and declared.
    pub(crate) fn new(config: QueueConfig, declared: Declared) -> Backlog {
        Backlog {
            config,
            declared,
            bucket: Bucket::full(),
            line: Line::default(),
            waiting: BTreeMap::new(),
            running: 0,
            added: Tally::default(),
            begun: Tally::default(),
        }
    }

    /// Takes in a task. It cannot begin before it is bound.
    pub(crate) fn enter(&mut self, id: u64, (priority, since): (Priority, Timestamp), now: Timestamp) {
        self.added.add(now);
        self.waiting.insert(id, Waiter { since, priority, bound: false });
    }

    /// Somebody can carry the task out.
    pub(crate) fn bind(&mut self, id: u64) {
        if let Some(waiter) = self.waiting.get_mut(&id).filter(|waiter| !waiter.bound) {
            waiter.bound = true;
            self.line.add(id, &waiter.priority, &self.config);
        }
    }

    /// A task is given up. False when it is not waiting.
    pub(crate) fn leave(&mut self, id: u64) -> bool {
        self.line.remove(id);
        self.waiting.remove(&id).is_some()
    }

    /// The task that goes next and its priority, when one may go now.
    pub(crate) fn next(&self, now: Timestamp) -> Option<(u32, u64)> {
        let ready = self.rate().is_none_or(|rate| self.bucket.is_ready(rate, now));
        let is_held = self.config.paused.is_some() || self.is_full() || !ready;
        if is_held { None } else { self.line.next(&self.config, now) }
    }

    /// A task begins.
    pub(crate) fn serve(&mut self, id: u64, now: Timestamp) {
        if let Some(rate) = self.rate() {
            self.bucket.take(rate, now);
        }
        self.line.serve(id, &self.config, now);
        self.waiting.remove(&id);
        self.begun.add(now);
        self.running += 1;
    }

    /// A place is free again.
    pub(crate) fn done(&mut self) {
        self.running = self.running.saturating_sub(1);
    }

    /// When a task may go that is held up by a rate. It may still have to wait for a place.
    pub(crate) fn wake(&self, now: Timestamp) -> Option<Timestamp> {
        if self.config.paused.is_some() || self.is_full() || self.line.is_empty() {
            return None;
        }
        let own = match self.rate() {
            Some(rate) => Some(self.bucket.ready_at(rate)?),
            None => None,
        };
        let keys =
            self.line.next(&self.config, now).is_none().then(|| self.line.wake(&self.config)).flatten();
        own.max(keys).filter(|at| *at > now)
    }

    /// Settles something else.
    pub(crate) fn configure(&mut self, config: QueueConfig) {
        if config.rate_limit != self.config.rate_limit {
            self.bucket = Bucket::full();
        }
        if config.fairness_key_rate_limit != self.config.fairness_key_rate_limit {
            self.line.forget_buckets();
        }
        self.config = config;
    }

    /// The program says something else of it.
    pub(crate) fn declare(&mut self, declared: Declared) {
        if declared.rate_limit != self.declared.rate_limit {
            self.bucket = Bucket::full();
        }
        self.declared = declared;
    }

    /// Whether it is as if it had never been.
    pub(crate) fn is_idle(&self, now: Timestamp) -> bool {
        let quiet = self.added.is_quiet(now) && self.begun.is_quiet(now);
        quiet && self.waiting.is_empty() && self.running == 0 && self.config.is_default()
    }

    /// Whether somebody may go as soon as there is a place.
    pub(crate) fn has_line(&self) -> bool {
        !self.line.is_empty()
    }

    /// What is known of it.
    pub(crate) fn status(&self, now: Timestamp) -> Status {
        let mut waiting: BTreeMap<u32, (usize, Timestamp)> = BTreeMap::new();
        for waiter in self.waiting.values() {
            let (count, oldest) = waiting.entry(waiter.priority.key).or_insert((0, waiter.since));
            (*count, *oldest) = (*count + 1, waiter.since.min(*oldest));
        }
        Status {
            config: self.config.clone(),
            declared: self.declared.clone(),
            waiting,
            unbound: self.waiting.values().filter(|waiter| !waiter.bound).count(),
            running: self.running,
            add_rate: self.added.rate(now),
            dispatch_rate: self.begun.rate(now),
        }
    }

    /// Whether as many attempts run as the program wants at most.
    fn is_full(&self) -> bool {
        self.declared.running_max.is_some_and(|most| self.running >= most)
    }

    /// What an operator has settled, or else what the program says.
    fn rate(&self) -> Option<Rate> {
        let limit = self.config.rate_limit.as_ref().or(self.declared.rate_limit.as_ref());
        limit.map(|limit| Rate::of(limit, 1.0))
    }
}
