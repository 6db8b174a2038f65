//! Times of many calls in little memory: exact below 64 µs, to less than two per cent above.

/// Parts of each power of two, as a power of two.
const PART_BITS: u32 = 6;

/// How often times were measured.
#[derive(Debug, Clone, Default)]
pub(super) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    sum: u64,
    max: u64,
}

impl Histogram {
    /// Takes one time, in microseconds.
    pub(super) fn record(&mut self, micros: u64) {
        let index = index(micros);
        if self.counts.len() <= index {
            self.counts.resize(index + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(index) {
            *count += 1;
        }
        self.total += 1;
        self.sum = self.sum.saturating_add(micros);
        self.max = self.max.max(micros);
    }

    /// Takes all that another one has.
    pub(super) fn add(&mut self, other: &Histogram) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(own, more)| *own += more);
        self.total += other.total;
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
    }

    /// How many times there are.
    pub(super) fn count(&self) -> u64 {
        self.total
    }

    /// The longest time.
    pub(super) fn max(&self) -> u64 {
        self.max
    }

    /// The mean; 0 when there is none.
    pub(super) fn mean(&self) -> u64 {
        self.sum.checked_div(self.total).unwrap_or(0)
    }

    /// The time that this many of a thousand calls did not exceed; 0 when there was none.
    pub(super) fn quantile(&self, per_mille: u64) -> u64 {
        let wanted = (self.total * per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return last_of(index).min(self.max);
            }
        }
        0
    }
}

/// The bucket of a time.
fn index(micros: u64) -> usize {
    let shift = (u64::BITS - micros.leading_zeros()).saturating_sub(PART_BITS + 1);
    let within = micros >> shift;
    usize::try_from((u64::from(shift) << PART_BITS) + within).unwrap_or(usize::MAX)
}

/// The longest time of a bucket.
fn last_of(index: usize) -> u64 {
    let parts = 1_usize << PART_BITS;
    let shift = (index / parts).saturating_sub(1);
    let within = (index - shift * parts) as u64;
    let shift = u32::try_from(shift).unwrap_or(0);
    (within << shift) + ((1_u64 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_measured_is_nothing() {
        let empty = Histogram::default();
        assert_eq!((empty.quantile(500), empty.mean(), empty.max()), (0, 0, 0));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

        #[test]
        fn quantiles_are_those_of_the_sorted_times(mut times in prop::collection::vec(0_u64..100_000_000, 1..200), split in 0_usize..200) {
            let (mut left, mut right) = (Histogram::default(), Histogram::default());
            let split = split.min(times.len());
            times[..split].iter().for_each(|time| left.record(*time));
            times[split..].iter().for_each(|time| right.record(*time));
            left.add(&right);
            times.sort_unstable();
            for per_mille in [1, 500, 900, 990, 1000] {
                let rank = (times.len() * per_mille).div_ceil(1000).max(1);
                let (exact, told) = (times[rank - 1], left.quantile(per_mille as u64));
                prop_assert!(told >= exact && told <= exact + exact / 50 + 1, "{per_mille}: {exact} is told as {told}");
            }
            prop_assert_eq!((left.max(), left.count()), (*times.last().unwrap(), times.len() as u64));
        }

        #[test]
        fn every_time_is_in_its_bucket(micros in any::<u64>().prop_map(|it| it >> (it % 60))) {
            let last = last_of(index(micros));
            prop_assert!(last >= micros && last - micros <= micros / 32, "{micros} in a bucket up to {last}");
        }
    }
}
