//! When a schedule acts: intervals, calendars and cron expressions together, less what is excluded.

use jiff::Timestamp as Instant;
use jiff::tz::TimeZone;
use nexus_kernel::time::Timestamp;
use nexus_lang::twf::moment::parse_duration;
use serde::{Deserialize, Serialize};

use super::calendar::{Calendar, YEAR_MAX};
use super::cron::{self, Cron};

/// Moments in a row that may be excluded; a schedule that excludes more never acts.
const EXCLUDED_MAX: usize = 100_000;

/// Every so often, counted from 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// How often, a duration such as `90m`; a second at least.
    pub every: String,
    /// How much later than the multiples of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
}

/// When a schedule acts (language page, section 15.9).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Spec {
    /// Every so often.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub intervals: Vec<Interval>,
    /// By the wall clock.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub calendars: Vec<Calendar>,
    /// By cron expressions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cron: Vec<String>,
    /// But not then.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<Calendar>,
    /// Not before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_at: Option<String>,
    /// Not after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_at: Option<String>,
    /// Up to this much later, by chance that is the same each time; never beyond the next moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<String>,
    /// The time zone of calendars, a name of the IANA database; UTC when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// A spec that has been understood.
#[derive(Debug, Clone)]
pub(super) struct Compiled {
    /// Period and phase in milliseconds.
    intervals: Vec<(i64, i64)>,
    calendars: Vec<(Calendar, TimeZone)>,
    exclude: Vec<Calendar>,
    zone: TimeZone,
    start_at: Option<Timestamp>,
    end_at: Option<Timestamp>,
    jitter_ms: i64,
}

impl Spec {
    /// Understands the spec, or says what is wrong with which part of it.
    pub(super) fn compile(&self) -> Result<Compiled, String> {
        let zone = zone(self.time_zone.as_deref().unwrap_or("UTC"))?;
        let mut intervals = self.intervals.iter().map(period).collect::<Result<Vec<_>, _>>()?;
        let mut calendars: Vec<_> = self.calendars.iter().map(|it| (it.clone(), zone.clone())).collect();
        for text in &self.cron {
            match cron::parse(text).map_err(|why| format!("cron {text:?}: {why}"))? {
                Cron::Interval(interval) => intervals.push(period(&interval)?),
                Cron::Calendars { calendars: found, zone: own } => {
                    let own = own.map_or_else(|| Ok(zone.clone()), |name| self::zone(&name))?;
                    calendars.extend(found.into_iter().map(|it| (it, own.clone())));
                }
            }
        }
        if intervals.is_empty() && calendars.is_empty() {
            return Err("a schedule needs `intervals`, `calendars` or `cron`".into());
        }
        let jitter_ms = self.jitter.as_deref().map_or(Ok(0), |text| duration("jitter", text))?;
        let start_at = self.start_at.as_deref().map(|text| moment("start_at", text)).transpose()?;
        let end_at = self.end_at.as_deref().map(|text| moment("end_at", text)).transpose()?;
        Ok(Compiled {
            intervals,
            calendars,
            exclude: self.exclude.clone(),
            zone,
            start_at,
            end_at,
            jitter_ms,
        })
    }
}

fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| {
        format!("{name:?} is no time zone: names are those of the IANA database, such as `Europe/Berlin`")
    })
}

pub(super) fn duration(what: &str, text: &str) -> Result<i64, String> {
    match parse_duration(text) {
        Ok(ms) if ms >= 0 => Ok(ms),
        _ => Err(format!("{what}: {text:?} is no duration such as `90m` or `1d`")),
    }
}

pub(super) fn moment(what: &str, text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text)
        .ok_or_else(|| format!("{what}: {text:?} is no moment such as `2026-12-24T18:00:00Z`"))
}

fn period(interval: &Interval) -> Result<(i64, i64), String> {
    let every = duration("every", &interval.every)?;
    if every < 1_000 {
        return Err(format!("every: {:?} is shorter than a second", interval.every));
    }
    let phase = interval.phase.as_deref().map_or(Ok(0), |text| duration("phase", text))?;
    Ok((every, phase.rem_euclid(every)))
}

impl Compiled {
    /// The first moment after this one, to the second.
    pub(super) fn after(&self, after: Timestamp) -> Option<Timestamp> {
        let just_before = |at: Timestamp| Timestamp::from_millis(at.millis() - 1);
        let mut after = self.start_at.map_or(after, |start| after.max(just_before(start)));
        for _ in 0..EXCLUDED_MAX {
            let by_interval = self.intervals.iter().map(|(every, phase)| {
                let ms = after.millis() - phase;
                Timestamp::from_millis((ms.div_euclid(*every) + 1) * every + phase)
            });
            let by_calendar =
                self.calendars.iter().filter_map(|(calendar, zone)| in_zone(calendar, zone, after));
            let found = by_interval.chain(by_calendar).min()?;
            if self.end_at.is_some_and(|end| found > end) || year_of(found) > YEAR_MAX {
                return None;
            }
            if !self.is_excluded(found) {
                return Some(found);
            }
            after = found;
        }
        None
    }

    /// When the action of a moment is taken: later by the jitter, before the next moment.
    pub(super) fn with_jitter(&self, nominal: Timestamp, seed: u64) -> Timestamp {
        if self.jitter_ms == 0 {
            return nominal;
        }
        let gap = self.after(nominal).map_or(self.jitter_ms, |next| next.millis() - nominal.millis());
        let most = u64::try_from(self.jitter_ms.min(gap)).unwrap_or(0).max(1);
        let late = i64::try_from(mixed(seed ^ nominal.millis().unsigned_abs()) % most).unwrap_or(0);
        Timestamp::from_millis(nominal.millis() + late)
    }

    fn is_excluded(&self, at: Timestamp) -> bool {
        let Some(instant) = instant(at) else { return false };
        let local = self.zone.to_datetime(instant);
        self.exclude.iter().any(|calendar| calendar.matches(local))
    }
}

/// Spreads equal steps of a number over all numbers.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn instant(at: Timestamp) -> Option<Instant> {
    Instant::from_millisecond(at.millis()).ok()
}

fn year_of(at: Timestamp) -> i16 {
    instant(at).map_or(i16::MAX, |it| TimeZone::UTC.to_datetime(it).year())
}

/// The first moment after this one that a calendar names in a time zone. Between two changes of the clock the zone has one
/// offset, and with it every moment of the wall clock is one instant.
fn in_zone(calendar: &Calendar, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let mut from = Instant::from_second(after.millis().div_euclid(1_000) + 1).ok()?;
    loop {
        let offset = zone.to_offset(from);
        let found = calendar.from(offset.to_datetime(from))?;
        let until = zone.following(from).next().map(|change| change.timestamp());
        let at = offset.to_timestamp(found).ok()?;
        match until {
            Some(until) if at >= until => from = until,
            _ => return Some(Timestamp::from_millis(at.as_millisecond())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> Compiled {
        serde_json::from_str::<Spec>(text).unwrap().compile().unwrap()
    }

    fn times(text: &str, after: &str, count: usize) -> Vec<String> {
        let spec = spec(text);
        let first = Timestamp::parse(after).unwrap();
        let all = std::iter::successors(spec.after(first), |at| spec.after(*at));
        all.take(count).map(|at| at.to_string().replace(".000Z", "Z")).collect()
    }

    #[test]
    fn intervals_are_aligned_to_the_epoch() {
        let given = r#"{"intervals": [{"every": "1h", "phase": "19m"}, {"every": "1d"}]}"#;
        assert_eq!(
            times(given, "2026-01-01T22:19:00Z", 3),
            ["2026-01-01T23:19:00Z", "2026-01-02T00:00:00Z", "2026-01-02T00:19:00Z"]
        );
    }

    #[test]
    fn what_is_excluded_and_outside_of_the_bounds_is_left_out() {
        let given = r#"{"calendars": [{"hour": "8,20"}], "exclude": [{"day_of_week": "sat,sun", "hour": "*"}],
            "start_at": "2026-11-20T08:00:00Z", "end_at": "2026-11-23T10:00:00Z"}"#;
        assert_eq!(
            times(given, "2026-01-01T00:00:00Z", 9),
            ["2026-11-20T08:00:00Z", "2026-11-20T20:00:00Z", "2026-11-23T08:00:00Z"]
        );
        let never = r#"{"intervals": [{"every": "1m"}], "exclude": [{"minute": "*", "hour": "*"}]}"#;
        assert_eq!(times(never, "2026-01-01T00:00:00Z", 1), Vec::<String>::new());
    }

    /// In Berlin the clock leaps from 02:00 to 03:00 on 2026-03-29 and back from 03:00 to 02:00 on 2026-10-25.
    #[test]
    fn clocks_that_are_set_forward_and_back_are_taken_literally() {
        let given = r#"{"cron": ["30 2 * * *"], "time_zone": "Europe/Berlin"}"#;
        assert_eq!(
            times(given, "2026-03-27T12:00:00Z", 3),
            ["2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z", "2026-03-31T00:30:00Z"],
            "02:30 does not exist on the 29th"
        );
        assert_eq!(
            times(given, "2026-10-24T12:00:00Z", 3),
            ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"],
            "02:30 comes twice on the 25th"
        );
        // An expression may have a time zone of its own.
        let own =
            r#"{"cron": ["CRON_TZ=America/New_York 0 9 * * *", "0 9 * * *"], "time_zone": "Asia/Tokyo"}"#;
        assert_eq!(times(own, "2026-07-01T00:00:00Z", 2), ["2026-07-01T13:00:00Z", "2026-07-02T00:00:00Z"]);
    }

    #[test]
    fn jitter_stays_before_the_next_moment_and_is_the_same_each_time() {
        let spec = spec(r#"{"intervals": [{"every": "10s"}], "jitter": "1h"}"#);
        let nominal = Timestamp::parse("2026-01-01T00:00:10Z").unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..50 {
            let at = spec.with_jitter(nominal, seed);
            assert!(at >= nominal && at < spec.after(nominal).unwrap(), "{at}");
            assert_eq!(at, spec.with_jitter(nominal, seed));
            seen.insert(at);
        }
        assert!(seen.len() > 30);
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        for (given, expected) in [
            ("{}", "needs `intervals`, `calendars` or `cron`"),
            (r#"{"intervals": [{"every": "10"}]}"#, "every: \"10\" is no duration"),
            (r#"{"intervals": [{"every": "10ms"}]}"#, "shorter than a second"),
            (r#"{"cron": ["* * *"]}"#, "cron \"* * *\": a cron expression has 5 to 7 fields"),
            (r#"{"cron": ["TZ=Mars/Base 0 0 * * *"]}"#, "\"Mars/Base\" is no time zone"),
            (r#"{"cron": ["@daily"], "time_zone": "CETT"}"#, "\"CETT\" is no time zone"),
            (r#"{"cron": ["@daily"], "start_at": "tomorrow"}"#, "start_at: \"tomorrow\" is no moment"),
        ] {
            let error = serde_json::from_str::<Spec>(given).unwrap().compile().unwrap_err();
            assert!(error.contains(expected), "{given}: {error}");
        }
    }
}
