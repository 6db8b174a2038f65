//! Times that a shard has to come back at. The truth is in the runs' records; this is rebuilt from them.

use std::collections::BTreeSet;

use nexus_kernel::id::{Key, RunId};
use nexus_kernel::time::Timestamp;

use crate::input::Due;

/// One time and what it is for.
type Entry = (Timestamp, Key, RunId, Due);

/// Times in order.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    entries: BTreeSet<Entry>,
}

impl Timers {
    /// Adds a time. The same one twice is one.
    pub(crate) fn arm(&mut self, at: Timestamp, key: Key, run: RunId, due: Due) {
        self.entries.insert((at, key, run, due));
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The next time, if there is one.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.entries.first().map(|entry| entry.0)
    }

    /// Takes out what is due, at most `limit`.
    pub(crate) fn take_due(&mut self, now: Timestamp, limit: usize) -> Vec<(Key, RunId, Due)> {
        let mut due = Vec::new();
        while due.len() < limit && self.next().is_some_and(|at| at <= now) {
            if let Some((_, key, run, what)) = self.entries.pop_first() {
                due.push((key, run, what));
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_kernel::id::{Namespace, WorkflowId};
    use nexus_kernel::memory::rng::SeededRng;

    #[test]
    fn gives_what_is_due_in_order_and_keeps_the_rest() {
        let key = Key { namespace: Namespace::default(), workflow_id: WorkflowId::new("w").unwrap() };
        let run = RunId::generate(Timestamp::from_millis(1), &SeededRng::new(1));
        let mut timers = Timers::default();
        for millis in [30, 10, 20, 10] {
            timers.arm(
                Timestamp::from_millis(millis),
                key.clone(),
                run.clone(),
                Due::Timer(millis.unsigned_abs()),
            );
        }
        let due = timers.take_due(Timestamp::from_millis(20), 10);
        assert_eq!(due.iter().map(|(_, _, due)| *due).collect::<Vec<_>>(), [Due::Timer(10), Due::Timer(20)]);
        assert_eq!(timers.next(), Some(Timestamp::from_millis(30)));
    }
}
