//! Rates: `"100/min"`, or a table when a burst is given.

use std::time::Duration;

use nexus_gateway::limit::gcra::Rate;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::time::parse_duration;
use serde::{Deserialize, Serialize};

/// A rate as it is written.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(untagged, expecting = "a rate is a text such as \"100/min\", or { rate = \"100/min\", burst = 20 }")]
pub enum RateConfig {
    /// As many at once as in a period.
    Plain(String),
    /// With a burst.
    WithBurst(BurstRate),
}

/// A rate and how many may come at once.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BurstRate {
    /// The rate.
    pub rate: String,
    /// How many at once.
    pub burst: Option<u32>,
}

impl RateConfig {
    /// The rate. `place` says where it is written.
    pub fn read(&self, place: &str) -> Result<Rate, Error> {
        let (text, burst) = match self {
            RateConfig::Plain(text) => (text, None),
            RateConfig::WithBurst(with) => (&with.rate, with.burst),
        };
        parse(text, burst).ok_or_else(|| {
            let why = match burst {
                Some(0) => "a burst of 0 lets nobody in".to_owned(),
                _ => format!("{text:?} is no rate"),
            };
            invalid(place, why).help(
                "write it like \"100/min\", \"20/s\" or \"5000/6h\": at least one, at most a million a second, in at most \
                 a day; { rate = \"100/min\", burst = 20 } says how many may come at once",
            )
        })
    }
}

fn parse(text: &str, burst: Option<u32>) -> Option<Rate> {
    let (count, period) = text.split_once('/')?;
    let period = match period.trim() {
        "s" | "sec" | "second" => Duration::from_secs(1),
        "min" | "minute" => Duration::from_mins(1),
        "h" | "hour" => Duration::from_hours(1),
        "d" | "day" => Duration::from_hours(24),
        length => parse_duration(length)?,
    };
    Rate::new(count.trim().parse().ok()?, period, burst)
}

/// Refuses a number at a time that would let nothing go on.
pub fn at_least_one(most: Option<u32>, place: &str) -> Result<(), Error> {
    if most == Some(0) {
        return Err(invalid(place, "0 at a time are none".to_owned()).help("leave it out to limit nothing"));
    }
    Ok(())
}

fn invalid(place: &str, why: String) -> Error {
    Error::new(&code::LIMIT_INVALID, format!("{place}: {why}")).fault(format!("nexus.toml: {place}"), why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(text: &str) -> Option<(u32, u64, u32)> {
        parse(text, None).map(|rate| (rate.count(), rate.period().as_secs(), rate.burst()))
    }

    #[test]
    fn rates_are_read_as_people_write_them() {
        assert_eq!(rate("100/min"), Some((100, 60, 100)));
        assert_eq!(rate("20 / s"), Some((20, 1, 20)));
        assert_eq!(rate("5000/6h"), Some((5_000, 21_600, 5_000)));
        assert_eq!(rate("7/day"), Some((7, 86_400, 7)));
        for bad in ["", "100", "/min", "0/min", "-1/s", "1.5/s", "100/fortnight", "1/2d", "1/0s", "2000000/s"]
        {
            assert_eq!(rate(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_wrong_has_a_place() {
        let burst = BurstRate { rate: "1/s".to_owned(), burst: Some(0) };
        let error = RateConfig::WithBurst(burst).read("limits.principal").unwrap_err();
        assert_eq!(error.code().id, "NX-1203");
        assert_eq!(error.faults()[0].at, "nexus.toml: limits.principal");
    }
}
