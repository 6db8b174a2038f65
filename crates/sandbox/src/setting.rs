//! Every limit as a setting: its key in a configuration, its name in a function's own wish, its range.

use std::ops::RangeInclusive;

use crate::limits::{Limits, MEMORY_BYTES_MIN, STACK_BYTES_MAX};

const KIB: u64 = 1_024;
const MIB: u64 = 1_024 * KIB;

/// A limit that can be set.
pub struct Setting {
    /// Its key in `nexus.toml`, with its unit: `cpu_ms_max`.
    pub key: &'static str,
    /// Its name in the `limits` that a file exports: `cpuMs`.
    pub wish: &'static str,
    /// The values it can have, in its unit.
    pub range: RangeInclusive<u64>,
    /// What it means, in a few words.
    pub meaning: &'static str,
    get: fn(&Limits) -> u64,
    set: fn(&mut Limits, u64),
}

impl Setting {
    /// The setting of this key.
    pub fn of_key(key: &str) -> Option<&'static Setting> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }

    /// The setting of this name in a wish.
    pub fn of_wish(name: &str) -> Option<&'static Setting> {
        SETTINGS.iter().find(|setting| setting.wish == name)
    }

    /// Its value, in its unit.
    pub fn get(&self, limits: &Limits) -> u64 {
        (self.get)(limits)
    }

    /// Gives it a value; one outside of its range becomes the nearest inside.
    pub fn set(&self, limits: &mut Limits, value: u64) {
        (self.set)(limits, value.clamp(*self.range.start(), *self.range.end()));
    }
}

impl Limits {
    /// The lower of both, setting by setting.
    #[must_use]
    pub fn at_most(&self, other: &Limits) -> Limits {
        let mut lower = self.clone();
        for setting in SETTINGS {
            if setting.get(other) < setting.get(self) {
                setting.set(&mut lower, setting.get(other));
            }
        }
        lower
    }
}

macro_rules! settings {
    ($($key:ident, $wish:literal, $field:ident / $unit:expr, $range:expr, $meaning:literal;)*) => {
        /// Every limit of one execution.
        pub static SETTINGS: &[Setting] = &[$(Setting {
            key: stringify!($key),
            wish: $wish,
            range: $range,
            meaning: $meaning,
            get: |limits| u64::try_from(limits.$field).unwrap_or(u64::MAX) / $unit,
            set: |limits, value| {
                limits.$field = value.saturating_mul($unit).try_into().unwrap_or(limits.$field);
            },
        }),*];
    };
}

const HOUR_MS: u64 = 3_600_000;

settings! {
    cpu_ms_max, "cpuMs", cpu_ms_max / 1, 1..=600_000, "processor time; waiting does not count";
    cpu_slice_ms_max, "cpuSliceMs", cpu_slice_ms_max / 1, 1..=60_000, "processor time between two waits";
    wall_ms_max, "wallMs", wall_ms_max / 1, 1..=HOUR_MS, "time on the clock, without waiting for operations";
    suspended_ms_max, "suspendedMs", suspended_ms_max / 1, 1..=24 * HOUR_MS, "time spent waiting for operations";
    operation_ms_max, "operationMs", operation_ms_max / 1, 1..=HOUR_MS, "time of one operation";
    memory_mib_max, "memoryMib", memory_bytes_max / MIB, MEMORY_BYTES_MIN as u64 / MIB..=1_024, "memory";
    stack_kib_max, "stackKib", stack_bytes_max / KIB, 64..=STACK_BYTES_MAX as u64 / KIB, "call stack";
    host_calls_max, "hostCalls", host_calls_max / 1, 0..=1_000_000, "calls of the host";
    operations_max, "operations", operations_max / 1, 1..=1_000, "operations under way at the same time";
    value_kib_max, "valueKib", argument_bytes_max / KIB, 1..=16 * KIB, "the input, and one argument of an operation";
    reply_kib_max, "replyKib", reply_bytes_max / KIB, 1..=16 * KIB, "one answer of an operation";
    result_kib_max, "resultKib", result_bytes_max / KIB, 1..=2 * KIB, "the result";
    log_kib_max, "logKib", log_bytes_max / KIB, 1..=16 * KIB, "text logged";
    log_lines_max, "logLines", log_lines_max / 1, 0..=100_000, "lines logged";
    passed_kib_max, "passedKib", passed_bytes_max / KIB, 1..=1_024 * KIB, "all arguments and answers together";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_in_range_and_survive_the_trip() {
        for setting in SETTINGS {
            let default = Limits::default();
            let value = setting.get(&default);
            assert!(setting.range.contains(&value), "{}: {value}", setting.key);
            let mut set = Limits::default();
            setting.set(&mut set, value);
            assert_eq!(set, default, "{}", setting.key);
            setting.set(&mut set, u64::MAX);
            assert_eq!(setting.get(&set), *setting.range.end(), "{}", setting.key);
            assert_eq!(set.at_most(&default), default);
            setting.set(&mut set, 0);
            assert_eq!(setting.get(&set), *setting.range.start(), "{}", setting.key);
            assert_ne!(set, default, "{}", setting.key);
            assert_eq!(default.at_most(&set), set, "{}", setting.key);
            assert!(Setting::of_key(setting.key).is_some() && Setting::of_wish(setting.wish).is_some());
        }
    }
}
