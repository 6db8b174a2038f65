//! Limits of JavaScript functions under `[sandbox]`, `[sandbox.namespaces.NAME]` and `[sandbox.functions.NAME]`, and the
//! sizes of the sandbox itself.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::suggest::nearest;
use nexus_sandbox::{Limits, Options, SETTINGS, Setting};
use serde::{Deserialize, Serialize};
use toml::Value;

/// Values by key, as written. [`LimitsConfig::check`] says whether they are limits.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct LimitsConfig(BTreeMap<String, Value>);

impl LimitsConfig {
    /// Whether every key is that of a limit or one of `others`, and every value in its range. `place` is the section.
    pub fn check(&self, place: &str, others: &[&str]) -> Result<(), Error> {
        for (key, value) in &self.0 {
            let (meant, range) = match Setting::of_key(key) {
                Some(setting) => (setting.key, setting.range.clone()),
                None => match SIZES.iter().find(|size| size.key == key && others.contains(&size.key)) {
                    Some(size) => (size.key, size.range.clone()),
                    None => return Err(unknown(place, key, others)),
                },
            };
            let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
            if !number.is_some_and(|number| range.contains(&number)) {
                let (least, most) = range.into_inner();
                let value = shown(value);
                let why = format!("{place}.{meant}: {value} is not a whole number from {least} to {most}");
                return Err(wrong(&format!("{place}.{meant}"), why)
                    .help("`nexus explain NX-1003` shows every limit with its default"));
            }
        }
        Ok(())
    }

    /// Says every limit that is not said.
    pub(super) fn fill(&mut self) {
        let usual = Limits::default();
        for setting in SETTINGS {
            let value = i64::try_from(setting.get(&usual)).unwrap_or(i64::MAX);
            self.0.entry(setting.key.to_owned()).or_insert(Value::Integer(value));
        }
    }

    fn number(&self, key: &str) -> Option<u64> {
        self.0.get(key).and_then(Value::as_integer).and_then(|number| u64::try_from(number).ok())
    }

    /// The limits that are set here.
    fn settings(&self) -> impl Iterator<Item = (&'static Setting, u64)> {
        SETTINGS.iter().filter_map(|setting| Some((setting, self.number(setting.key)?)))
    }

    /// Replaces what is set here.
    pub fn apply(&self, limits: &mut Limits) {
        self.settings().for_each(|(setting, value)| setting.set(limits, value));
    }

    /// Lowers what is higher than it is here.
    pub fn lower(&self, limits: &mut Limits) {
        let above = self.settings().filter(|(setting, most)| setting.get(limits) > *most);
        above.collect::<Vec<_>>().into_iter().for_each(|(setting, most)| setting.set(limits, most));
    }

    /// Sets the sizes of a sandbox.
    pub fn size(&self, options: &mut Options) {
        for size in SIZES {
            if let Some(value) = self.number(size.key) {
                (size.set)(options, value);
            }
        }
    }
}

fn wrong(place: &str, why: String) -> Error {
    Error::new(&code::CONFIG_INVALID, why.clone()).fault(format!("nexus.toml: {place}"), why)
}

/// A value as it is written, where that is short.
fn shown(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::String(text) => format!("{text:?}"),
        other => format!("a value of type {}", other.type_str()),
    }
}

fn unknown(place: &str, key: &str, others: &[&str]) -> Error {
    let known = || SETTINGS.iter().map(|setting| setting.key).chain(others.iter().copied());
    let error = wrong(&format!("{place}.{key}"), format!("unknown field `{key}` under [{place}]"));
    match nearest(key, known()) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error.help(format!("known here: {}", known().collect::<Vec<_>>().join(", "))),
    }
}

/// A size of the sandbox.
pub struct Size {
    /// Its key under `[sandbox]`.
    pub key: &'static str,
    /// The values it can have.
    pub range: std::ops::RangeInclusive<u64>,
    /// What it means, in a few words.
    pub meaning: &'static str,
    set: fn(&mut Options, u64),
}

/// Keys of the sizes, which only `[sandbox]` itself has.
pub const SIZE_KEYS: &[&str] = &[
    "threads",
    "instances_max",
    "resident_max",
    "components_max",
    "queued_max",
    "queued_per_namespace_max",
    "parked_mib_max",
];

/// Every size of the sandbox.
pub static SIZES: &[Size] = &[
    Size {
        key: "threads",
        range: 1..=1_024,
        meaning: "threads that execute functions; one for each processor without it",
        set: |options, value| options.threads = usize(value).and_then(NonZeroUsize::new),
    },
    Size {
        key: "instances_max",
        range: 1..=10_000,
        meaning: "executions that have an instance at the same time",
        set: |options, value| options.instances_max = u32::try_from(value).unwrap_or(options.instances_max),
    },
    Size {
        key: "resident_max",
        range: 0..=10_000,
        meaning: "executions that keep their instance while they wait",
        set: |options, value| options.resident_max = u32::try_from(value).unwrap_or(options.resident_max),
    },
    Size {
        key: "components_max",
        range: 1..=4_096,
        meaning: "instances of WebAssembly components at the same time",
        set: |options, value| options.components_max = u32::try_from(value).unwrap_or(options.components_max),
    },
    Size {
        key: "queued_max",
        range: 1..=1_000_000,
        meaning: "calls that wait for a thread",
        set: |options, value| options.queued_max = usize(value).unwrap_or(options.queued_max),
    },
    Size {
        key: "queued_per_namespace_max",
        range: 1..=1_000_000,
        meaning: "calls of one namespace that wait for a thread",
        set: |options, value| {
            options.queued_per_owner_max = usize(value).unwrap_or(options.queued_per_owner_max);
        },
    },
    Size {
        key: "parked_mib_max",
        range: 1..=1_048_576,
        meaning: "mebibytes for functions that wait without an instance",
        set: |options, value| {
            options.spilled_bytes_max = usize(value << 20).unwrap_or(options.spilled_bytes_max);
        },
    },
];

fn usize(value: u64) -> Option<usize> {
    usize::try_from(value).ok()
}
