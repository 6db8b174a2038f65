//! What was done: operations, how long they took, and answers that nobody expected.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::measure::{millis, quantile};
use crate::out;

/// How many unexpected answers of a channel are printed; all are counted.
const SHOWN_MAX: u64 = 5;

/// How much of one is printed, in characters.
const SHOWN_CHARS_MAX: usize = 300;

/// Counts of a soak. Workers write, the watch reads.
#[derive(Default)]
pub(super) struct Tally(Mutex<Counts>);

/// All that was counted.
#[derive(Default, Clone)]
pub(super) struct Counts {
    /// Operations that went as they should, or not.
    pub(super) done: u64,
    /// Unexpected answers.
    pub(super) wrong: u64,
    /// Unexpected answers, by channel.
    strange: BTreeMap<&'static str, u64>,
    /// Times since the last report, by channel.
    times: BTreeMap<&'static str, Vec<Duration>>,
}

impl Tally {
    /// Counts one operation.
    pub(super) fn count(&self, channel: &'static str, time: Duration, outcome: Result<(), String>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.done += 1;
        counts.times.entry(channel).or_default().push(time);
        if let Err(why) = outcome {
            counts.wrong += 1;
            let strange = counts.strange.entry(channel).or_default();
            *strange += 1;
            if *strange <= SHOWN_MAX {
                let why: String = why.chars().take(SHOWN_CHARS_MAX).collect();
                out(&format!("  UNEXPECTED over {channel}: {why}"));
            }
        }
    }

    /// Prints what came since the last report.
    pub(super) fn report(&self) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let times = std::mem::take(&mut counts.times);
        let (done, wrong) = (counts.done, counts.wrong);
        drop(counts);
        let mut line = format!("         {done} done, {wrong} unexpected; p50/p99 ms:");
        for (channel, mut times) in times {
            let (p50, p99) = (millis(quantile(&mut times, 0.5)), millis(quantile(&mut times, 0.99)));
            let _ = write!(line, " {channel} {p50:.1}/{p99:.1} ({})", times.len()); // a string takes everything
        }
        out(&line);
    }

    /// All of it.
    pub(super) fn whole(&self) -> Counts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
