//! Chance for tests: small, fast, and the same for the same seed on every machine.

use std::sync::{Arc, Mutex, PoisonError};

/// A sequence of numbers that follows from a seed (the generator known as splitmix64). Clones share it.
#[derive(Debug, Clone)]
pub struct Dice {
    state: Arc<Mutex<u64>>,
}

impl Dice {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Dice {
        Dice { state: Arc::new(Mutex::new(seed)) }
    }

    /// The next number.
    pub fn next(&self) -> u64 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `bound - 1`; 0 when the bound is.
    pub fn below(&self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// True in so many of a thousand cases.
    pub fn permille(&self, cases: u64) -> bool {
        self.below(1_000) < cases
    }

    /// One of the values; nothing when there are none.
    pub fn pick<'a, T>(&self, values: &'a [T]) -> Option<&'a T> {
        let place = self.below(values.len() as u64);
        values.get(usize::try_from(place).unwrap_or(0))
    }

    /// A sequence of its own that follows from this one.
    pub fn fork(&self) -> Dice {
        Dice::new(self.next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_numbers_within_their_bounds() {
        let draw = |seed| {
            let dice = Dice::new(seed);
            (0..100).map(|_| dice.below(7)).collect::<Vec<_>>()
        };
        assert_eq!(draw(5), draw(5));
        assert_ne!(draw(5), draw(6));
        assert!((0..7).all(|number| draw(5).contains(&number)), "{:?}", draw(5));
        assert_eq!((Dice::new(1).below(0), Dice::new(1).pick::<u8>(&[])), (0, None));
    }
}
