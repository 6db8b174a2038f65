//! The memory of this process: bounded by weight, in shards with a lock each.
//!
//! When a shard is full, what was not used since it was last passed over goes first (second chance).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use super::entry::Kept;
use super::key::Key;
use crate::limits::{CACHE_ENTRY_BYTES_MIN, CACHE_SHARDS};

/// Answers in memory.
pub(super) struct Memory {
    shards: Box<[Mutex<Shard>]>,
    /// Room in each.
    bytes_max: usize,
}

#[derive(Default)]
struct Shard {
    slots: HashMap<Key, Slot>,
    /// In the order in which they are looked at for removal. A ticket that is not its slot's is void.
    order: VecDeque<(u64, Key)>,
    tickets: u64,
    bytes: usize,
}

struct Slot {
    kept: Arc<Kept>,
    ticket: u64,
    bytes: usize,
    is_used: bool,
}

impl Memory {
    /// A memory with room for so many bytes.
    pub(super) fn new(bytes_max: usize) -> Memory {
        let shards = (0..CACHE_SHARDS).map(|_| Mutex::default()).collect();
        Memory { shards, bytes_max: bytes_max / CACHE_SHARDS }
    }

    fn with<R>(&self, key: &Key, act: impl FnOnce(&mut Shard) -> R) -> Option<R> {
        let shard = self.shards.get(key.spread() % CACHE_SHARDS)?;
        Some(act(&mut shard.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// What is kept under a key.
    pub(super) fn get(&self, key: &Key) -> Option<Arc<Kept>> {
        self.with(key, |shard| {
            let slot = shard.slots.get_mut(key)?;
            slot.is_used = true;
            Some(Arc::clone(&slot.kept))
        })?
    }

    /// Keeps something, unless it is larger than the room there is.
    pub(super) fn put(&self, key: Key, kept: Arc<Kept>) {
        let bytes = kept.entry.bytes.saturating_add(CACHE_ENTRY_BYTES_MIN);
        let bytes_max = self.bytes_max;
        self.with(&key, |shard| {
            shard.remove(&key);
            if bytes <= bytes_max {
                shard.make_room(bytes_max - bytes);
                shard.insert(key, kept, bytes);
            }
        });
    }

    /// Forgets a key.
    pub(super) fn remove(&self, key: &Key) {
        self.with(key, |shard| shard.remove(key));
    }

    /// How many answers are kept, and how much room they take.
    pub(super) fn size(&self) -> (usize, usize) {
        let sizes = self.shards.iter().map(|shard| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            (shard.slots.len(), shard.bytes)
        });
        sizes.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    /// Room there is.
    pub(super) fn bytes_max(&self) -> usize {
        self.bytes_max * CACHE_SHARDS
    }
}

impl Shard {
    fn insert(&mut self, key: Key, kept: Arc<Kept>, bytes: usize) {
        self.tickets += 1;
        self.order.push_back((self.tickets, key));
        self.slots.insert(key, Slot { kept, ticket: self.tickets, bytes, is_used: false });
        self.bytes += bytes;
        if self.order.len() > 2 * self.slots.len() + 64 {
            let slots = &self.slots;
            self.order.retain(|(ticket, key)| slots.get(key).is_some_and(|slot| slot.ticket == *ticket));
        }
    }

    fn remove(&mut self, key: &Key) {
        if let Some(slot) = self.slots.remove(key) {
            self.bytes -= slot.bytes;
        }
    }

    fn make_room(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max
            && let Some((ticket, key)) = self.order.pop_front()
        {
            let Some(slot) = self.slots.get_mut(&key).filter(|slot| slot.ticket == ticket) else { continue };
            if std::mem::take(&mut slot.is_used) {
                self.order.push_back((ticket, key));
            } else {
                self.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use nexus_kernel::call::{Answer, Caller};
    use nexus_kernel::time::Timestamp;
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::common::Common;
    use super::super::entry::Entry;
    use super::*;
    use crate::cache::tests::{rule, workflow};

    fn key(number: u32) -> Key {
        Key::of(&workflow("shop", "Price"), &rule(), &Caller::local(), &json!(number))
    }

    fn kept(bytes: usize) -> Arc<Kept> {
        let entry =
            Entry::of(&Answer::of(json!("x".repeat(bytes))), Timestamp::default(), &[], &Common::Alone);
        Arc::new(Kept { entry, stamps: Vec::new() })
    }

    #[test]
    fn what_is_used_stays_longer() {
        let memory = Memory::new(CACHE_SHARDS * 8 * (CACHE_ENTRY_BYTES_MIN + 102));
        memory.put(key(0), kept(100));
        for number in 1..1_000 {
            assert!(memory.get(&key(0)).is_some(), "after {number}");
            memory.put(key(number), kept(100));
        }
        let left = (0..1_000).filter(|number| memory.get(&key(*number)).is_some()).count();
        assert_eq!(left, memory.size().0);
        assert!(left <= CACHE_SHARDS * 8, "{left}");
    }

    #[test]
    fn what_is_larger_than_the_room_is_not_kept() {
        let memory = Memory::new(CACHE_SHARDS * 1_000);
        memory.put(key(1), kept(100));
        memory.put(key(1), kept(600));
        assert!(memory.get(&key(1)).is_none(), "the one before is not given either");
        assert_eq!(memory.size(), (0, 0));
        Memory::new(0).put(key(1), kept(0));
    }

    proptest! {
        #[test]
        fn the_weight_is_never_exceeded_and_always_right(acts in prop::collection::vec((0_u32..40, 0_usize..900, 0..3), 0..300)) {
            let memory = Memory::new(CACHE_SHARDS * 4_000);
            for (number, bytes, act) in acts {
                match act {
                    0 => memory.remove(&key(number)),
                    1 => drop(memory.get(&key(number))),
                    _ => memory.put(key(number), kept(bytes)),
                }
                for shard in &memory.shards {
                    let shard = shard.lock().unwrap();
                    prop_assert!(shard.bytes <= memory.bytes_max);
                    prop_assert_eq!(shard.bytes, shard.slots.values().map(|slot| slot.bytes).sum::<usize>());
                    prop_assert!(shard.order.len() <= 2 * 8 + 65, "void tickets are dropped");
                }
            }
        }
    }
}
