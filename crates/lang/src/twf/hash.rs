//! A quick hash for the names and definitions of one project: they are looked up for every word of it.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use indexmap::IndexMap;

/// A map with the quick hash.
pub(in crate::twf) type QuickMap<K, V> = HashMap<K, V, Quick>;

/// A map with the quick hash that keeps the order in which keys came.
pub(in crate::twf) type QuickIndex<K, V> = IndexMap<K, V, Quick>;

/// Makes hashers that all begin with one secret number, so that no file can be written to make names collide.
#[derive(Debug, Clone)]
pub(in crate::twf) struct Quick(u64);

impl Default for Quick {
    fn default() -> Quick {
        Quick(RandomState::new().build_hasher().finish())
    }
}

impl BuildHasher for Quick {
    type Hasher = QuickHasher;

    fn build_hasher(&self) -> QuickHasher {
        QuickHasher(self.0)
    }
}

/// Eight bytes a step: xor, rotate, multiply.
#[derive(Debug)]
pub(in crate::twf) struct QuickHasher(u64);

/// Odd, with about as many ones as zeros: the golden ratio.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl QuickHasher {
    fn step(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(FACTOR);
    }
}

impl Hasher for QuickHasher {
    fn write(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            self.step(<[u8; 8]>::try_from(word).map_or(0, u64::from_le_bytes));
        }
        self.step(words.remainder().iter().fold(0, |word, byte| (word << 8) | u64::from(*byte)));
    }

    fn write_u8(&mut self, byte: u8) {
        self.step(u64::from(byte));
    }

    fn write_usize(&mut self, number: usize) {
        self.step(u64::try_from(number).unwrap_or(u64::MAX));
    }

    /// The high bits depend on everything; tables look at the low ones.
    fn finish(&self) -> u64 {
        self.0.rotate_left(26)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_alike_are_told_apart() {
        let quick = Quick::default();
        let mut seen = std::collections::HashSet::new();
        for at in 0..2_000 {
            assert!(seen.insert(quick.hash_one(format!("a_long_name_{at}"))), "{at}");
            assert!(seen.insert(quick.hash_one(at * 8_usize)), "{at}");
        }
        assert_eq!(quick.hash_one("x"), quick.hash_one("x"));
    }
}
