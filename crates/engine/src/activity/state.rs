//! The state of a pending activity, and the rules of its times.

use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::failure::Failure;
use nexus_kernel::time::Timestamp;

use crate::activity::record::{ActivityNote, ActivityOptions};

/// A pending activity.
#[derive(Debug, Clone)]
pub struct Activity {
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub input: Vec<Json>,
    /// Its options.
    pub options: ActivityOptions,
    /// The statement that called it.
    pub at: String,
    /// When it was scheduled.
    pub scheduled_at: Timestamp,
    /// When its time began to count: when it was scheduled, or reset.
    pub counted_from: Timestamp,
    /// The attempt that runs or comes next, from 1, counted over resets.
    pub ticket: u32,
    /// Attempts before the last reset.
    pub forgotten: u32,
    /// Whether the end of the attempt that runs is to be followed by a first attempt.
    pub reset: bool,
    /// When the attempt was or is to be put into its queue.
    pub available_at: Timestamp,
    /// Whether it waits between two attempts.
    pub waiting: bool,
    /// When the attempt began, when it will be completed from outside.
    pub outside: Option<Timestamp>,
    /// Since when and why no further attempt begins.
    pub paused: Option<(Timestamp, String)>,
    /// Why the attempt before failed.
    pub last_failure: Option<Failure>,
    /// What an attempt said last: details and time, as recorded.
    pub heartbeat: Option<(Json, Timestamp)>,
    /// Whether the program asked for its cancellation.
    pub cancelled: bool,
    /// Whether the program no longer waits for its end.
    pub unwanted: bool,
    /// What is known of the attempt in this process only.
    pub live: Live,
}

/// What is known of an attempt in this process only: after a restart the attempt is another one, or is outside.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// When a worker of this process began it.
    pub started_at: Option<Timestamp>,
    /// When it was last heard of.
    pub heard_at: Option<Timestamp>,
    /// Details that have not been recorded yet.
    pub details: Option<Json>,
}

/// Longest time between two records of heartbeats, in milliseconds (language page, H21).
const HEARTBEAT_RECORD_MS_MAX: u64 = 60_000;
/// The same for attempts without a heartbeat timeout.
const HEARTBEAT_RECORD_MS_DEFAULT: u64 = 30_000;

impl Activity {
    /// An activity that has just been scheduled.
    pub fn new(
        name: String,
        input: Vec<Json>,
        options: ActivityOptions,
        at: String,
        now: Timestamp,
    ) -> Activity {
        Activity {
            name,
            input,
            options,
            at,
            scheduled_at: now,
            counted_from: now,
            ticket: 1,
            forgotten: 0,
            reset: false,
            available_at: now,
            waiting: false,
            outside: None,
            paused: None,
            last_failure: None,
            heartbeat: None,
            cancelled: false,
            unwanted: false,
            live: Live::default(),
        }
    }

    /// The attempt that runs or comes next, from 1 after every reset.
    pub fn attempt(&self) -> u32 {
        self.ticket.saturating_sub(self.forgotten)
    }

    /// Attempts that retry policies count.
    pub fn counted_attempts(&self) -> u32 {
        if self.reset { 0 } else { self.attempt() }
    }

    /// Whether nothing of it is known in this process only: no worker of ours has it, and no heartbeat waits to be
    /// recorded or to move a deadline.
    pub(crate) fn can_rest(&self) -> bool {
        let heard = self.live.details.is_some() || self.options.heartbeat_ms.is_some();
        (self.outside.is_some() && !heard) || self.waiting
    }

    /// Whether an attempt of this ticket may be under way.
    pub fn is_under_way(&self, ticket: u32) -> bool {
        self.ticket == ticket && !self.waiting
    }

    /// When all attempts together have taken too long.
    pub fn close_before(&self) -> Option<Timestamp> {
        after(self.counted_from, self.options.schedule_to_close_ms)
    }

    /// When waiting for a worker has taken too long.
    pub fn start_before(&self) -> Option<Timestamp> {
        after(self.available_at, self.options.schedule_to_start_ms)
    }

    /// When an attempt that is outside has taken too long.
    pub fn end_before(&self) -> Option<Timestamp> {
        after(self.outside?, Some(self.options.start_to_close_ms))
    }

    /// When an attempt will have been silent for too long, if it can be.
    pub fn beat_before(&self) -> Option<Timestamp> {
        after(self.live.heard_at?, self.options.heartbeat_ms)
    }

    /// What the attempt, or the one before it, said last.
    pub fn details(&self) -> Json {
        let recorded = || self.heartbeat.as_ref().map(|(details, _)| details.clone());
        self.live.details.clone().or_else(recorded).unwrap_or_default()
    }

    /// Whether a heartbeat is to be recorded: the first one is, and then one in four fifths of its timeout.
    pub fn records_beat(&self, now: Timestamp) -> bool {
        let throttle = match self.options.heartbeat_ms {
            Some(timeout) => (timeout.saturating_mul(4) / 5).min(HEARTBEAT_RECORD_MS_MAX),
            None => HEARTBEAT_RECORD_MS_DEFAULT,
        };
        let last = self.heartbeat.as_ref().map(|(_, at)| *at).filter(|at| *at >= self.available_at);
        last.is_none_or(|last| now.since(last) >= Duration::from_millis(throttle))
    }

    /// The next attempt begins at that time, for this reason.
    pub(crate) fn attempt_failed(&mut self, failure: Failure, next_at: Timestamp, details: Json) {
        if self.reset {
            (self.reset, self.forgotten, self.counted_from) = (false, self.ticket, next_at);
        }
        self.ticket += 1;
        (self.available_at, self.waiting, self.outside) = (next_at, true, None);
        self.last_failure = Some(failure);
        if !details.is_null() {
            self.heartbeat =
                Some((details, self.heartbeat.as_ref().map_or(self.scheduled_at, |(_, at)| *at)));
        }
        self.live = Live::default();
    }

    /// Takes in a change that history does not show.
    pub(crate) fn note(&mut self, note: &ActivityNote) {
        match note {
            ActivityNote::HandedOver { started_at, .. } => {
                (self.outside, self.waiting) = (Some(*started_at), false);
            }
            ActivityNote::Heartbeat { details, at, .. } => {
                self.heartbeat = Some((details.clone(), *at));
                self.live.details = None;
            }
            ActivityNote::Paused { reason, at } => self.paused = Some((*at, reason.clone())),
            ActivityNote::Unpaused { .. } => self.paused = None,
            ActivityNote::Reset { at, keep_paused, reset_heartbeat, running } => {
                self.was_reset(*at, *running);
                if !keep_paused {
                    self.paused = None;
                }
                if *reset_heartbeat {
                    (self.heartbeat, self.live.details) = (None, None);
                }
            }
            ActivityNote::OptionsUpdated { options } => self.options = (**options).clone(),
            ActivityNote::Dropped {} => {}
        }
    }

    fn was_reset(&mut self, at: Timestamp, running: bool) {
        if running {
            self.reset = true;
            return;
        }
        // The ticket goes on: whoever holds an earlier one is out of date for ever.
        (self.forgotten, self.ticket) = (self.ticket, self.ticket + 1);
        (self.counted_from, self.available_at, self.waiting) = (at, at, true);
    }
}

fn after(from: Timestamp, ms: Option<u64>) -> Option<Timestamp> {
    ms.map(|ms| from.plus(Duration::from_millis(ms)))
}
