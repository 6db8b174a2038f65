//! `[redis]`: what several servers share.

use std::fmt;
use std::time::Duration;

use nexus_gateway::limit::WhenAway;
use nexus_gateway::limits::{REDIS_TIMEOUT_MILLIS, REDIS_TIMEOUT_MILLIS_MAX};
use nexus_gateway::redis::{Address, RedisOptions};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::time::parse_duration;
use serde::{Deserialize, Serialize};

use super::hidden::{REDACTED, is_printed};
use super::secret::SecretConfig;

/// What keys begin with, unless the project says otherwise.
const PREFIX: &str = "nexus:";

/// Longest prefix, in bytes: it is in every key.
const PREFIX_BYTES_MAX: usize = 64;

/// The whole section.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RedisConfig {
    /// Where it is, and what it is shown.
    pub url: RedisUrl,
    /// What every key begins with. Servers with the same one share what they keep.
    #[serde(default)]
    pub prefix: Option<String>,
    /// How long it may take for an answer.
    #[serde(default)]
    pub timeout: Option<String>,
    /// What becomes of calls that are limited while it is away.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// Whether sessions are kept in it, for all servers, rather than in the store of each; they are when absent.
    #[serde(default = "yes")]
    pub sessions: bool,
}

fn yes() -> bool {
    true
}

/// An address, or where it lies.
#[derive(Clone, PartialEq, Deserialize, Serialize)]
#[serde(
    untagged,
    expecting = "a URL is a text such as \"redis://127.0.0.1:6379/0\", or { env = \"REDIS_URL\" }, or { file = \"redis-url\" }"
)]
pub enum RedisUrl {
    /// The address itself.
    Plain(super::hidden::Address),
    /// Where it lies.
    Elsewhere(SecretConfig),
}

/// What becomes of calls that are limited while Redis is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// Every server counts for itself.
    #[default]
    Local,
    /// They are refused.
    Refuse,
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RedisUrl::Plain(_) => formatter.write_str("Plain(…)"),
            RedisUrl::Elsewhere(place) => place.fmt(formatter),
        }
    }
}

impl RedisConfig {
    /// Whether it can be used. An address that lies elsewhere is looked at when it is read.
    pub fn check(&self) -> Result<(), Error> {
        match &self.url {
            RedisUrl::Plain(text) => {
                if is_printed(text.reveal()) {
                    let why = format!("it holds {REDACTED}, which stands for a secret");
                    return Err(wrong("url", &why, "put back what was there before it was printed"));
                }
                drop(address(text.reveal())?);
            }
            RedisUrl::Elsewhere(place) => {
                let has_place = place.check("redis").is_ok() && place.namespaces.is_none() && !place.stored;
                if !has_place {
                    let why = "it lies in `env`, a variable of the server, in `file`, `keyring`, or where a `command` finds it";
                    return Err(wrong("url", why, "for example url = { env = \"REDIS_URL\" }"));
                }
            }
        }
        self.prefix()?;
        self.timeout().map(drop)
    }

    fn prefix(&self) -> Result<&str, Error> {
        let prefix = self.prefix.as_deref().unwrap_or(PREFIX);
        let is_plain = prefix.chars().all(|letter| letter.is_ascii_graphic());
        if prefix.is_empty() || prefix.len() > PREFIX_BYTES_MAX || !is_plain {
            let why = format!("{prefix:?} is nothing that keys can begin with");
            let help = format!("write up to {PREFIX_BYTES_MAX} letters, digits and signs, such as \"shop:\"");
            return Err(wrong("prefix", &why, &help));
        }
        Ok(prefix)
    }

    fn timeout(&self) -> Result<Duration, Error> {
        let usual = Duration::from_millis(REDIS_TIMEOUT_MILLIS);
        let Some(text) = &self.timeout else { return Ok(usual) };
        let range = Duration::from_millis(1)..=Duration::from_millis(REDIS_TIMEOUT_MILLIS_MAX);
        parse_duration(text).filter(|length| range.contains(length)).ok_or_else(|| {
            let help = format!("write it like \"50ms\", from \"1ms\" to \"{REDIS_TIMEOUT_MILLIS_MAX}ms\"");
            wrong("timeout", &format!("{text:?} is no time to wait for an answer"), &help)
        })
    }

    /// How it is used, with the text of its address.
    pub fn options(&self, url: &str) -> Result<RedisOptions, Error> {
        let (address, prefix, timeout) = (address(url)?, self.prefix()?.to_owned(), self.timeout()?);
        Ok(RedisOptions { address, prefix, timeout })
    }

    /// What becomes of calls that are limited while it is away.
    pub fn when_away(&self) -> WhenAway {
        match self.on_failure {
            OnFailure::Local => WhenAway::Local,
            OnFailure::Refuse => WhenAway::Refuse,
        }
    }
}

/// Reads an address. It is not repeated when it is none: there may be a password in it.
fn address(text: &str) -> Result<Address, Error> {
    let help = "write it like \"redis://127.0.0.1:6379/0\" or \"rediss://user:password@host/0\", and better where it lies: \
                url = { env = \"REDIS_URL\" }";
    Address::parse(text).map_err(|why| wrong("url", why, help))
}

/// What is wrong with the section.
pub fn wrong(key: &str, why: &str, help: &str) -> Error {
    let place = format!("{}: [redis] {key}", super::FILE);
    Error::new(&code::REDIS_INVALID, format!("[redis] {key}: {why}")).fault(place, why).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn what_cannot_be_is_told_with_its_place_and_without_what_is_secret() {
        let url = "url = \"redis://:sesame@localhost\"\n";
        for (text, code) in [
            ("url = \"localhost:6379\"".to_owned(), "NX-1207"),
            ("url = \"http://:sesame@localhost\"".to_owned(), "NX-1207"),
            ("url = \"redis://:sesame@localhost/first\"".to_owned(), "NX-1207"),
            ("url = { env = \"A\", file = \"b\" }".to_owned(), "NX-1207"),
            ("url = { env = \"\" }".to_owned(), "NX-1207"),
            ("url = { env = \"A\", namespaces = [\"default\"] }".to_owned(), "NX-1207"),
            ("url = { variable = \"A\" }".to_owned(), "NX-1003"),
            (String::new(), "NX-1003"),
            (format!("{url}prefix = \"\""), "NX-1207"),
            (format!("{url}prefix = \"a b\""), "NX-1207"),
            (format!("{url}timeout = \"0s\""), "NX-1207"),
            (format!("{url}timeout = \"1m\""), "NX-1207"),
            (format!("{url}on_failure = \"allow\""), "NX-1003"),
            (format!("{url}pool = 3"), "NX-1003"),
        ] {
            let error = Config::parse(&format!("[redis]\n{text}")).unwrap_err();
            assert_eq!(error.code().id, code, "{text}");
            assert!(!error.faults().is_empty() && error.help_text().is_some(), "{text}");
            assert!(!format!("{error:?}").contains("sesame"), "{error:?}");
        }
    }

    #[test]
    fn a_section_says_how_it_is_used() {
        let text = "[redis]\nurl = \"redis://:sesame@localhost/2\"\ntimeout = \"20ms\"\nprefix = \"shop:\"\non_failure = \"refuse\"\n";
        let config = Config::parse(text).unwrap();
        assert!(!format!("{config:?}").contains("sesame"));
        let redis = config.redis.unwrap();
        let RedisUrl::Plain(url) = &redis.url else { panic!() };
        let options = redis.options(url.reveal()).unwrap();
        assert_eq!((options.prefix.as_str(), options.timeout.as_millis()), ("shop:", 20));
        assert_eq!(
            (options.address.to_string().as_str(), redis.when_away()),
            ("localhost:6379/2", WhenAway::Refuse)
        );
        let elsewhere = Config::parse("[redis]\nurl = { env = \"REDIS_URL\" }\n").unwrap().redis.unwrap();
        assert_eq!(elsewhere.options("nonsense").unwrap_err().code().id, "NX-1207");
        assert_eq!(elsewhere.options("redis://h").unwrap().prefix, "nexus:");
        assert_eq!(elsewhere.when_away(), WhenAway::Local);
    }
}
