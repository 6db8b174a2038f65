//! How often something happens: events of the last half minute.

use std::collections::VecDeque;

use nexus_kernel::time::Timestamp;

/// Seconds that rates are averaged over (Temporal's window).
pub(crate) const WINDOW_SECONDS: i64 = 30;

/// Counts events by the second.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// Seconds in which something happened, oldest first.
    seconds: VecDeque<(i64, u64)>,
}

impl Tally {
    /// Counts one.
    pub(crate) fn add(&mut self, now: Timestamp) {
        let second = second(now);
        while self.seconds.front().is_some_and(|(at, _)| second - at >= WINDOW_SECONDS) {
            self.seconds.pop_front();
        }
        match self.seconds.back_mut().filter(|(at, _)| *at >= second) {
            Some((_, count)) => *count += 1,
            None => self.seconds.push_back((second, 1)),
        }
    }

    /// How many a second on average over the window.
    pub(crate) fn rate(&self, now: Timestamp) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "an average")]
        let rate = self.recent(now) as f64 / WINDOW_SECONDS as f64;
        rate
    }

    /// Whether nothing happened in the window.
    pub(crate) fn is_quiet(&self, now: Timestamp) -> bool {
        self.recent(now) == 0
    }

    fn recent(&self, now: Timestamp) -> u64 {
        let second = second(now);
        self.seconds.iter().filter(|(at, _)| second - at < WINDOW_SECONDS).map(|(_, count)| count).sum()
    }
}

fn second(at: Timestamp) -> i64 {
    at.micros().div_euclid(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_averages_of_half_a_minute() {
        let mut tally = Tally::default();
        let at = |second: i64| Timestamp::from_millis(second * 1_000 + 7);
        for second in 0..60 {
            tally.add(at(second));
            tally.add(at(second));
        }
        assert!((tally.rate(at(59)) - 2.0).abs() < 1e-9);
        assert!((tally.rate(at(74)) - 1.0).abs() < 1e-9, "half of the window is empty");
        assert!(!tally.is_quiet(at(88)) && tally.is_quiet(at(89)));
        assert!(tally.seconds.len() <= 30);
    }
}
