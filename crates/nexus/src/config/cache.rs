//! `[cache]`, and `[workflows.NAME.cache]`: answers that are given again.

use std::sync::Arc;
use std::time::Duration;

use nexus_gateway::cache::CacheOptions;
use nexus_gateway::limits::{CACHE_DAYS_MAX, CACHE_MEMORY_MIB, CACHE_STORE_MIB, CACHE_TAGS_MAX};
use nexus_kernel::cache::{CacheRule, TagPattern};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::time::parse_duration;
use serde::{Deserialize, Serialize};

/// Most room that either level can be given, in MiB.
const MIB_MAX: u64 = 1 << 20;

/// The shortest time to keep an answer for: calls that ask the same at the same time are one without any.
const TTL_MIN: Duration = Duration::from_secs(1);

/// `[cache]`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheConfig {
    /// Room in memory.
    pub memory_mib: u64,
    /// Room in the store.
    pub store_mib: u64,
}

impl Default for CacheConfig {
    fn default() -> CacheConfig {
        CacheConfig { memory_mib: CACHE_MEMORY_MIB, store_mib: CACHE_STORE_MIB }
    }
}

impl CacheConfig {
    /// Whether it makes sense.
    pub fn check(&self) -> Result<(), Error> {
        for (key, mib) in [("memory_mib", self.memory_mib), ("store_mib", self.store_mib)] {
            if mib > MIB_MAX {
                let why = format!("{mib} is more than {MIB_MAX}");
                return Err(Error::new(&code::CACHE_INVALID, format!("[cache] {key}: {why}"))
                    .fault(format!("{}: [cache] {key}", super::FILE), why)
                    .help("leave it out, or say 0 for no room at all"));
            }
        }
        Ok(())
    }

    /// The same for the part that keeps them.
    pub fn options(&self) -> CacheOptions {
        let memory_bytes_max = usize::try_from(self.memory_mib << 20).unwrap_or(usize::MAX);
        CacheOptions { memory_bytes_max, store_bytes_max: self.store_mib << 20 }
    }
}

/// `[workflows.NAME.cache]`: its author says that a call may be answered as an equal one was before.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WorkflowCacheConfig {
    /// How long an answer is as good as a new one.
    pub ttl: String,
    /// How long after that it is given while a new one is made.
    #[serde(default)]
    pub stale: Option<String>,
    /// Whether all callers share answers.
    #[serde(default)]
    pub public: bool,
    /// Words under which answers are forgotten.
    #[serde(default)]
    pub tags: Vec<String>,
    /// JSON pointers to the parts of the input that matter.
    #[serde(default)]
    pub key: Option<Vec<String>>,
}

impl WorkflowCacheConfig {
    /// The rule that it is. Whether its places are in the input is seen when that is known.
    pub fn rule(&self) -> Result<Arc<CacheRule>, Error> {
        let ttl = length("ttl", &self.ttl)?;
        if ttl < TTL_MIN {
            return Err(wrong(
                "ttl",
                "it is less than a second",
                "leave the section out: nothing is kept then",
            ));
        }
        let stale = self.stale.as_deref().map_or(Ok(Duration::ZERO), |text| length("stale", text))?;
        if self.tags.len() > CACHE_TAGS_MAX {
            return Err(wrong("tags", &format!("there are more than {CACHE_TAGS_MAX}"), "take some out"));
        }
        let tag = |text: &String| {
            TagPattern::parse(text).map_err(|why| {
                wrong(
                    "tags",
                    &format!("{text:?}: {why}"),
                    "write it like \"prices\" or \"customer:{customer_id}\"",
                )
            })
        };
        let tags = self.tags.iter().map(tag).collect::<Result<_, _>>()?;
        if self.key.as_ref().is_some_and(Vec::is_empty) {
            let help = "name the parts that matter, or leave it out: then the whole input does";
            return Err(wrong("key", "without any part of the input all calls would have one answer", help));
        }
        let (is_public, key) = (self.public, self.key.clone());
        Ok(Arc::new(CacheRule { ttl, stale, is_public, tags, key, code: "".into() }))
    }
}

fn length(key: &str, text: &str) -> Result<Duration, Error> {
    let most = Duration::from_hours(24 * CACHE_DAYS_MAX);
    parse_duration(text).filter(|length| *length <= most).ok_or_else(|| {
        let help = format!("write it like \"30s\" or \"5m\", at most \"{CACHE_DAYS_MAX}d\"");
        wrong(key, &format!("{text:?} is no time to keep answers for"), &help)
    })
}

/// What is wrong with the section of a workflow; which one is told by whoever reads it.
pub fn wrong(key: &str, why: &str, help: &str) -> Error {
    Error::new(&code::CACHE_INVALID, format!("cache.{key}: {why}")).help(help)
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn what_makes_no_sense_is_told_with_its_place() {
        let section = |rest: &str| format!("[workflows.Price.cache]\n{rest}");
        for (text, code) in [
            ("[cache]\nmemory_mib = 9999999".to_owned(), "NX-1206"),
            ("[cache]\nredis = 1".to_owned(), "NX-1003"),
            (section("stale = \"1m\""), "NX-1003"),
            (section("ttl = \"soon\""), "NX-1206"),
            (section("ttl = \"31d\""), "NX-1206"),
            (section("ttl = \"10ms\""), "NX-1206"),
            (section("ttl = \"1m\"\nkey = []"), "NX-1206"),
            (section("ttl = \"1m\"\ntags = [\"a{\"]"), "NX-1206"),
            (
                section("ttl = \"1m\"\ntags = [\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]"),
                "NX-1206",
            ),
            (section("ttl = \"1m\"\nscope = \"all\""), "NX-1003"),
        ] {
            let error = Config::parse(&text).unwrap_err();
            assert_eq!(error.code().id, code, "{text}");
            assert!(!error.faults().is_empty() && error.help_text().is_some(), "{text}");
        }
        let error = Config::parse(&section("ttl = \"soon\"")).unwrap_err();
        assert_eq!(error.faults()[0].at, "nexus.toml: [workflows.Price]");
    }

    #[test]
    fn a_section_is_a_rule() {
        let text = "[workflows.Price.cache]\nttl = \"5m\"\nstale = \"30s\"\ntags = [\"p\", \"c:{id}\"]\nkey = [\"/id\"]\n";
        let config = Config::parse(text).unwrap();
        let rule = config.workflows["Price"].cache.as_ref().unwrap().rule().unwrap();
        assert_eq!((rule.ttl.as_secs(), rule.stale.as_secs(), rule.is_public), (300, 30, false));
        assert_eq!((rule.tags.len(), rule.key.as_ref().unwrap().len()), (2, 1));
    }
}
