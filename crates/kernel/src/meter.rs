//! Meters: the numbers that running parts count themselves with.
//!
//! Counting is an atomic addition and never fails, so that a part may count wherever something happens. Who wants to
//! see the numbers reads them; what they are called outside is not a matter of the part.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// Limits of what takes from a millisecond to minutes: calls, attempts, deliveries. In microseconds.
pub const CALL_MICROS: &[u64] = &[
    100,
    250,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
];

/// Something that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn one(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    /// All so far.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Something that comes and goes. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Gauge(Arc<AtomicI64>);

impl Gauge {
    /// How many there are now.
    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }

    /// Says how many there are now.
    pub fn set(&self, value: usize) {
        self.0.store(i64::try_from(value).unwrap_or(i64::MAX), Relaxed);
    }

    /// One more, until what is returned is dropped.
    pub fn hold(&self) -> Held {
        self.0.fetch_add(1, Relaxed);
        Held(self.clone())
    }
}

/// One of those that a [`Gauge`] counts.
#[derive(Debug)]
pub struct Held(Gauge);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

/// How long things took, in classes of time.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One for each bound, and one for what took longer.
    counts: Box<[AtomicU64]>,
    micros: AtomicU64,
}

/// What a [`Histogram`] has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times {
    /// The longest time of each class, in microseconds; what took longer than all of them is the last count.
    pub bounds: &'static [u64],
    /// How many took that long at most, and longer than those of the class before.
    pub counts: Vec<u64>,
    /// All times together, in microseconds.
    pub micros: u64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram::new(CALL_MICROS)
    }
}

impl Histogram {
    /// Nothing seen yet. The bounds are in microseconds and in order.
    pub fn new(bounds: &'static [u64]) -> Histogram {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Histogram { bounds, counts, micros: AtomicU64::new(0) }
    }

    /// Something took so long.
    pub fn note(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let class = self.bounds.partition_point(|bound| *bound < micros);
        if let Some(count) = self.counts.get(class) {
            count.fetch_add(1, Relaxed);
        }
        self.micros.fetch_add(micros, Relaxed);
    }

    /// What was seen so far.
    pub fn get(&self) -> Times {
        let counts = self.counts.iter().map(|count| count.load(Relaxed)).collect();
        Times { bounds: self.bounds, counts, micros: self.micros.load(Relaxed) }
    }
}

impl Times {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// Meters by name, no more than so many: names beyond share one meter, so that nobody who invents names can fill the
/// memory. A name that is in use costs a look into a table.
#[derive(Debug)]
pub struct Bounded<K, T> {
    known: RwLock<HashMap<K, Arc<T>>>,
    max: usize,
    others: Arc<T>,
}

impl<K: Eq + Hash + Clone, T: Default> Bounded<K, T> {
    /// No names yet, and never more than so many.
    pub fn new(max: usize) -> Bounded<K, T> {
        Bounded { known: RwLock::default(), max, others: Arc::default() }
    }

    /// The meter of a name, made when there is room for it.
    pub fn of<Q>(&self, name: &Q) -> Arc<T>
    where
        K: std::borrow::Borrow<Q>,
        Q: ?Sized + Eq + Hash + ToOwned<Owned = K>,
    {
        if let Some(known) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Arc::clone(known);
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= self.max && !known.contains_key(name) {
            return Arc::clone(&self.others);
        }
        Arc::clone(known.entry(name.to_owned()).or_default())
    }

    /// The meter of all names beyond.
    pub fn others(&self) -> &Arc<T> {
        &self.others
    }

    /// Every name with its meter.
    pub fn all(&self) -> Vec<(K, Arc<T>)> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().map(|(name, meter)| (name.clone(), Arc::clone(meter))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_the_first_class_that_is_long_enough() {
        let histogram = Histogram::new(&[10, 20]);
        for micros in [0, 10, 11, 20, 21, 500] {
            histogram.note(Duration::from_micros(micros));
        }
        let times = histogram.get();
        assert_eq!((times.counts.as_slice(), times.micros, times.count()), ([2, 2, 2].as_slice(), 562, 6));
    }

    #[test]
    fn who_is_held_is_counted_until_dropped() {
        let gauge = Gauge::default();
        let (first, second) = (gauge.hold(), gauge.clone().hold());
        assert_eq!(gauge.get(), 2);
        drop((first, second));
        assert_eq!(gauge.get(), 0);
    }

    #[test]
    fn names_beyond_the_limit_share_a_meter() {
        let meters: Bounded<String, Counter> = Bounded::new(2);
        for name in ["a", "b", "c", "d", "a"] {
            meters.of(name).one();
        }
        let mut all: Vec<_> = meters.all().into_iter().map(|(name, meter)| (name, meter.get())).collect();
        all.sort();
        assert_eq!(all, [("a".to_owned(), 2), ("b".to_owned(), 1)]);
        assert_eq!(meters.others().get(), 2);
    }
}
