//! Counters in memory: a bounded table for each kind, in shards with a lock each.
//!
//! An entry is 16 bytes: a hash and a number; nobody's name is kept. When a shard is full it forgets those who are back at
//! rest, which changes no decision. When nobody is, newcomers share one entry, so that whoever fills the table opens no door:
//! the many that are new are then counted together, and those who are known as before.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, PoisonError};

use nexus_kernel::time::Timestamp;

use super::counters::{Bill, Charge, Charged, Counters, Kind, Mode};
use super::gcra::{self, State};
use crate::limits::{LIMIT_ENTRIES_PER_SHARD_MAX, LIMIT_SHARDS, LIMIT_SWEEP_MICROS};

/// The hashes are made with a secret already; hashing them once more would add nothing.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

type Entries = HashMap<u64, i64, BuildHasherDefault<AsItIs>>;

#[derive(Default)]
struct Shard {
    entries: Entries,
    /// What those are counted by for whom there is no room.
    shared: Option<i64>,
    /// When the shard was last searched for entries at rest.
    swept: Option<Timestamp>,
}

/// Counters of this process.
pub struct MemoryCounters {
    /// Those of a kind are next to each other.
    shards: Box<[Mutex<Shard>]>,
    entries_max: usize,
}

impl Default for MemoryCounters {
    fn default() -> MemoryCounters {
        MemoryCounters::with_room(LIMIT_ENTRIES_PER_SHARD_MAX)
    }
}

impl MemoryCounters {
    /// Counters with room for so many in each of the shards that a kind has.
    pub fn with_room(entries_max: usize) -> MemoryCounters {
        let shards = (0..Kind::ALL.len() * LIMIT_SHARDS).map(|_| Mutex::default()).collect();
        MemoryCounters { shards, entries_max }
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).entries.len()).sum()
    }

    /// Whether nobody is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The shard of a charge. The upper half of the hash chooses it; the map inside uses the lower.
    fn shard(&self, charge: &Charge) -> Option<&Mutex<Shard>> {
        let within = usize::try_from(charge.key >> 32).unwrap_or_default() % LIMIT_SHARDS;
        self.shards.get(charge.kind as usize * LIMIT_SHARDS + within)
    }

    fn decide(&self, charge: &mut Charge, mode: Mode, now: Timestamp) {
        let Some(shard) = self.shard(charge) else { return };
        let mut shard = lock(shard);
        if mode == Mode::Look {
            charge.verdict = Some(gcra::stand(shard.state(charge.key, self.entries_max), charge.rate, now));
            return;
        }
        let micros = shard.place(charge.key, self.entries_max, now);
        let (state, verdict) = gcra::decide(State::from_micros(*micros), charge.rate, now);
        *micros = state.micros();
        charge.verdict = Some(verdict);
    }

    /// Takes back what was counted for a bill that was allowed as a whole.
    pub(super) fn give_back_all(&self, bill: &Bill, now: Timestamp) {
        bill.charges().for_each(|charge| self.give_back(charge, now));
    }

    fn give_back(&self, charge: &Charge, now: Timestamp) {
        let Some(shard) = self.shard(charge) else { return };
        let mut shard = lock(shard);
        let micros = shard.place(charge.key, self.entries_max, now);
        *micros = gcra::give_back(State::from_micros(*micros), charge.rate).micros();
    }
}

fn lock(shard: &Mutex<Shard>) -> std::sync::MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shard {
    /// Where a key is counted: at its own place, if it has or can get one.
    fn place(&mut self, key: u64, entries_max: usize, now: Timestamp) -> &mut i64 {
        if self.entries.len() >= entries_max && !self.entries.contains_key(&key) {
            self.sweep(now);
            if self.entries.len() >= entries_max {
                return self.shared.get_or_insert_with(|| State::REST.micros());
            }
        }
        self.entries.entry(key).or_insert_with(|| State::REST.micros())
    }

    /// The state of a key, which gets no place for that.
    fn state(&self, key: u64, entries_max: usize) -> State {
        let is_full = self.entries.len() >= entries_max;
        let micros = self.entries.get(&key).copied().or_else(|| self.shared.filter(|_| is_full));
        micros.map_or(State::REST, State::from_micros)
    }

    /// Forgets those who are at rest. Not at every request of those who come when the shard is full: each look costs a
    /// walk over all of it.
    fn sweep(&mut self, now: Timestamp) {
        let is_due =
            |swept: Timestamp| (now.micros().saturating_sub(swept.micros())).abs() >= LIMIT_SWEEP_MICROS;
        if self.swept.is_none_or(is_due) {
            self.swept = Some(now);
            self.entries.retain(|_, micros| !State::from_micros(*micros).is_at_rest(now));
        }
    }
}

impl Counters for MemoryCounters {
    fn charge(&self, bill: &mut Bill, mode: Mode, now: Timestamp) -> Charged {
        let mut counted = 0;
        for charge in bill.charges_mut() {
            self.decide(charge, mode, now);
            if mode == Mode::Take && charge.verdict.is_some_and(|verdict| !verdict.is_allowed) {
                break;
            }
            counted += 1;
        }
        if mode == Mode::Take && bill.refusal().is_some() {
            bill.charges().take(counted).for_each(|charge| self.give_back(charge, now));
        }
        Charged::Now
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::limit::gcra::Rate;

    fn rate(count: u32) -> Rate {
        Rate::new(count, Duration::from_mins(1), None).unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn take(counters: &MemoryCounters, charges: &[(Kind, u64, Rate)], now: Timestamp) -> Bill {
        let mut bill = Bill::default();
        for (kind, key, rate) in charges {
            bill.add(*kind, *key, *rate);
        }
        assert!(matches!(counters.charge(&mut bill, Mode::Take, now), Charged::Now), "memory never waits");
        bill
    }

    fn is_allowed(counters: &MemoryCounters, key: u64, now: Timestamp) -> bool {
        take(counters, &[(Kind::Anonymous, key, rate(1))], now).refusal().is_none()
    }

    #[test]
    fn what_is_refused_is_counted_nowhere() {
        let counters = MemoryCounters::default();
        let bill = [(Kind::Caller, 1, rate(10)), (Kind::Namespace, 1, rate(1))];
        assert_eq!(take(&counters, &bill, at(0)).refusal(), None);
        for _ in 0..20 {
            assert_eq!(take(&counters, &bill, at(0)).refusal().unwrap().0, Kind::Namespace);
        }
        let caller = take(&counters, &bill[..1], at(0));
        assert_eq!(caller.charges().next().unwrap().verdict.unwrap().remaining, 8);
    }

    #[test]
    fn kinds_are_counted_apart() {
        let counters = MemoryCounters::default();
        for kind in Kind::ALL {
            assert_eq!(take(&counters, &[(kind, 7, rate(1))], at(0)).refusal(), None, "{kind:?}");
            assert!(take(&counters, &[(kind, 7, rate(1))], at(0)).refusal().is_some(), "{kind:?}");
        }
    }

    #[test]
    fn a_full_table_opens_no_door_and_forgets_nobody_who_is_counted() {
        let counters = MemoryCounters::with_room(4);
        // Every one of these lands in the first shard.
        for key in 0..4 {
            assert!(is_allowed(&counters, key, at(0)));
        }
        // Newcomers share one place: the first is let in, and then nobody, whatever they call themselves.
        assert!(is_allowed(&counters, 4, at(1)));
        for key in 5..1_000 {
            assert!(!is_allowed(&counters, key, at(1)), "{key}");
        }
        assert_eq!(counters.len(), 4);
        // Those who are known are still counted as they were.
        assert!((0..4).all(|key| !is_allowed(&counters, key, at(1))));
        // Whoever has rested makes room.
        assert!((2_000..2_004).all(|key| is_allowed(&counters, key, at(61))));
        assert_eq!(counters.len(), 4);
    }

    #[test]
    fn looking_counts_nothing_and_makes_no_entry() {
        let counters = MemoryCounters::default();
        let mut bill = Bill::default();
        bill.add(Kind::FailedAuth, 1, rate(1));
        for _ in 0..3 {
            counters.charge(&mut bill, Mode::Look, at(0));
            assert_eq!(bill.refusal(), None);
        }
        assert!(counters.is_empty());
    }

    proptest! {
        /// However many names somebody invents, no more come in than have a place, and those who share one.
        #[test]
        fn inventing_names_helps_nobody(keys in prop::collection::vec(any::<u32>(), 1..400)) {
            let counters = MemoryCounters::with_room(8);
            let allowed = keys.iter().filter(|key| is_allowed(&counters, u64::from(**key), at(0))).count();
            prop_assert!(allowed <= 9, "{}", allowed);
        }
    }
}
