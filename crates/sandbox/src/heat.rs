//! Which functions have been seen to compute for long at a stretch: their calls begin in the slow lane.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::crew::QUICK_US_MAX;

/// How long the slices of each function take, on average; recent ones count more. In microseconds.
#[derive(Debug, Default)]
pub(crate) struct Heat(Mutex<HashMap<Box<str>, u64>>);

/// Weight of the latest call: one in so many.
const LATEST: u64 = 4;

impl Heat {
    /// Whether a call of this function should begin in the slow lane.
    pub(crate) fn is_hot(&self, function: &str) -> bool {
        let slices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slices.get(function).is_some_and(|us| *us > QUICK_US_MAX)
    }

    /// Notes what a call used.
    pub(crate) fn note(&self, function: &str, cpu_us: u64, slices: u64) {
        let us = cpu_us / slices.max(1);
        let mut average = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match average.get_mut(function) {
            Some(average) => *average = (*average * (LATEST - 1) + us) / LATEST,
            // A function that has never been slow is not worth a note.
            None if us <= QUICK_US_MAX / 2 => {}
            None => drop(average.insert(function.into(), us / LATEST)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hog_is_known_after_one_call_and_forgiven_after_a_few() {
        let heat = Heat::default();
        heat.note("Spin", 50_000, 1);
        assert!(heat.is_hot("Spin") && !heat.is_hot("Other"));
        for _ in 0..4 {
            heat.note("Spin", 100, 1);
        }
        assert!(!heat.is_hot("Spin"));
        heat.note("Patient", 50_000, 1_000);
        assert!(!heat.is_hot("Patient"), "many short slices are no burden");
    }
}
