//! Token buckets: so many per second, and so many at once after a pause.
//!
//! A bucket is one point in time, that at which it is full again. Whatever the moments at which it is asked, it gives no
//! more than its burst and one for each interval that has passed.

use nexus_kernel::time::Timestamp;

use crate::queue::record::RateLimit;

/// Nanoseconds of a second.
const SECOND_NS: f64 = 1_000_000_000.0;

/// How fast a bucket fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    /// Nanoseconds from one token to the next; none when no token ever comes.
    interval: Option<u64>,
    /// Tokens of a full bucket.
    burst: u32,
}

/// A bucket. A new one is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// When it is full again, in nanoseconds since the epoch.
    full_at: i128,
}

impl Rate {
    /// The rate of a limit, made faster or slower by a factor.
    pub(crate) fn of(limit: &RateLimit, factor: f64) -> Rate {
        let per_second = limit.per_second * factor;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "casts of floats saturate"
        )]
        let rate = Rate {
            // Rounded up: never a token too early.
            interval: (per_second > 0.0).then(|| ((SECOND_NS / per_second).ceil() as u64).max(1)),
            burst: limit.burst.unwrap_or_else(|| per_second.ceil() as u32).max(1),
        };
        rate
    }
}

impl Bucket {
    /// A full bucket.
    pub(crate) fn full() -> Bucket {
        Bucket { full_at: i128::MIN }
    }

    /// From when on it has a token; never when none comes.
    pub(crate) fn ready_at(&self, rate: Rate) -> Option<Timestamp> {
        let ahead = i128::from(rate.interval?) * i128::from(rate.burst - 1);
        let micros = self.full_at.saturating_sub(ahead).div_euclid(1_000);
        let exact = self.full_at.saturating_sub(ahead).rem_euclid(1_000) == 0;
        let micros = if exact { micros } else { micros + 1 };
        Some(Timestamp::from_micros(i64::try_from(micros).unwrap_or(if micros < 0 {
            i64::MIN
        } else {
            i64::MAX
        })))
    }

    /// Whether it has a token now.
    pub(crate) fn is_ready(&self, rate: Rate, now: Timestamp) -> bool {
        self.ready_at(rate).is_some_and(|at| at <= now)
    }

    /// Takes a token out, if there is one.
    pub(crate) fn take(&mut self, rate: Rate, now: Timestamp) -> bool {
        let Some(interval) = rate.interval.filter(|_| self.is_ready(rate, now)) else { return false };
        self.full_at = self.full_at.max(nanos(now)) + i128::from(interval);
        true
    }

    /// Whether it is full, so that a new one would do as well.
    pub(crate) fn is_full(&self, now: Timestamp) -> bool {
        self.full_at <= nanos(now)
    }
}

fn nanos(at: Timestamp) -> i128 {
    i128::from(at.micros()) * 1_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rate(per_second: f64, burst: u32) -> Rate {
        Rate::of(&RateLimit { burst: Some(burst), ..RateLimit::new(per_second) }, 1.0)
    }

    #[test]
    fn a_full_bucket_gives_its_burst_and_then_one_at_a_time() {
        let (rate, mut bucket) = (rate(2.0, 3), Bucket::full());
        let at = |ms| Timestamp::from_millis(ms);
        let taken = (0..10).filter(|_| bucket.take(rate, at(1_000))).count();
        assert_eq!(taken, 3);
        assert_eq!(bucket.ready_at(rate), Some(at(1_500)));
        assert!(!bucket.take(rate, at(1_499)));
        assert!(bucket.take(rate, at(1_500)));
        assert!(!bucket.is_full(at(2_999)) && bucket.is_full(at(3_000)));
    }

    #[test]
    fn nothing_comes_out_of_a_bucket_that_never_fills() {
        let mut bucket = Bucket::full();
        assert!(!bucket.take(rate(0.0, 5), Timestamp::from_micros(i64::MAX)));
        assert_eq!(bucket.ready_at(rate(0.0, 5)), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// In any stretch of time no more than the burst and the rate times its length, whenever it is asked.
        #[test]
        fn no_more_than_rate_times_time_and_a_burst(
            per_second in 0.1_f64..5_000.0,
            burst in 1_u32..50,
            steps in prop::collection::vec(0_i64..200_000, 1..400),
        ) {
            let (rate, mut bucket) = (rate(per_second, burst), Bucket::full());
            let (mut now, mut taken) = (1_000_000_i64, Vec::new());
            for step in steps {
                now += step;
                while bucket.take(rate, Timestamp::from_micros(now)) {
                    taken.push(now);
                }
                let next = bucket.ready_at(rate).unwrap();
                prop_assert!(next > Timestamp::from_micros(now), "it gives when it says");
            }
            // Of all stretches that end with a token, the one that begins where most is left over is the worst.
            let mut worst = f64::INFINITY;
            for (number, at) in (0_u32..).zip(taken) {
                #[expect(clippy::cast_precision_loss, reason = "small figures")]
                let over = f64::from(number) - per_second * (at - 1_000_000) as f64 / 1e6;
                worst = worst.min(over);
                let got = over + 1.0 - worst;
                prop_assert!(got <= f64::from(burst) + 1e-3, "{got} tokens more than the rate allows");
            }
        }
    }
}
