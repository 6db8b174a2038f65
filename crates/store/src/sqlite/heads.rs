//! The last sequences of keys that were written lately, so that an append need not read.

use std::collections::HashMap;

use nexus_kernel::id::Key;

/// What the writer must know about a key before it appends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// The key's number in the file.
    pub(crate) key_id: i64,
    /// Sequence of its last record.
    pub(crate) sequence: u64,
    /// Whether it has work to do.
    pub(crate) live: bool,
}

/// Two generations: new and touched keys are in the young one; when that is full it becomes the old one and what was
/// old is forgotten. This keeps the lately used without a list to maintain on every append.
#[derive(Debug)]
pub(crate) struct Heads {
    young: HashMap<Key, Head>,
    old: HashMap<Key, Head>,
    generation_max: usize,
}

impl Heads {
    /// Room for twice `generation_max` keys.
    pub(crate) fn new(generation_max: usize) -> Heads {
        Heads { young: HashMap::new(), old: HashMap::new(), generation_max }
    }

    /// The head of a key, if it is remembered.
    pub(crate) fn get(&self, key: &Key) -> Option<Head> {
        self.young.get(key).or_else(|| self.old.get(key)).copied()
    }

    /// Forgets the head of a key.
    pub(crate) fn remove(&mut self, key: &Key) {
        self.young.remove(key);
        self.old.remove(key);
    }

    /// Remembers a head.
    pub(crate) fn put(&mut self, key: Key, head: Head) {
        if self.young.len() >= self.generation_max && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, head);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_kernel::testing::store_contract::key;

    #[test]
    fn forgets_what_was_not_touched_for_two_generations() {
        let mut heads = Heads::new(2);
        let head = |sequence| Head { key_id: 1, sequence, live: true };
        heads.put(key("kept"), head(1));
        for round in 0..10 {
            heads.put(key(&format!("other-{round}")), head(1));
            heads.put(key("kept"), head(round + 2));
        }
        assert_eq!(heads.get(&key("kept")), Some(head(11)));
        assert_eq!(heads.get(&key("other-0")), None);
        assert!(heads.young.len() + heads.old.len() <= 4);
    }
}
