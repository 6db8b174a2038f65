//! Keys that only wait are let go of when many are in memory: their records say everything, and are read again when
//! something happens to them.
//!
//! What a resting key waits for comes by itself: its timers stay armed, and whoever has a message for it brings it to
//! the shard. The second chance of the clock algorithm keeps in memory what is used.

use std::collections::VecDeque;

use nexus_kernel::id::Key;

use crate::shard::{BATCH_INPUTS_MAX, Shard};

/// Keys that are looked at after one batch; more than a batch brings, so that memory shrinks.
const LOOKS_MAX: usize = 4 * BATCH_INPUTS_MAX;
/// Entries of settled keys that the order may hold beside twice the keys in memory.
const SETTLED_MAX: usize = 1_024;

/// The keys in memory, in the order in which they are looked at.
#[derive(Debug)]
pub(super) struct Residents {
    order: VecDeque<Key>,
    max: usize,
}

impl Residents {
    /// At most so many keys that could rest are kept in memory.
    pub(super) fn new(max: usize) -> Residents {
        Residents { order: VecDeque::new(), max }
    }
}

impl Shard {
    /// Notes that a key in memory was used.
    pub(super) fn note_use(&mut self, key: &Key) {
        let Some(state) = self.keys.get_mut(key) else { return };
        state.used = true;
        if !std::mem::replace(&mut state.listed, true) {
            self.residents.order.push_back(key.clone());
        }
    }

    /// Lets go of keys while too many are in memory. Only between batches: every step is in the store then.
    pub(super) fn rest(&mut self) {
        for _ in 0..LOOKS_MAX {
            if self.keys.len() <= self.residents.max {
                break;
            }
            let Some(key) = self.residents.order.pop_front() else { break };
            let Some(state) = self.keys.get_mut(&key) else { continue }; // it has settled
            let used = std::mem::take(&mut state.used);
            if used || !state.can_rest() {
                self.residents.order.push_back(key);
                continue;
            }
            self.keys.remove(&key);
            if let Some(touched) = &mut self.touched {
                touched.insert(key);
            }
        }
        let Residents { order, .. } = &mut self.residents;
        if order.len() > 2 * self.keys.len() + SETTLED_MAX {
            order.retain(|key| self.keys.contains_key(key));
        }
    }
}
