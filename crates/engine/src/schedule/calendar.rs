//! Calendars: moments named by the fields of the wall clock.
//!
//! A moment matches when every field does. Matching is literal: a time that the clock leaps over when it is set forward
//! matches nothing, one that it shows twice when it is set back matches twice.

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil::{Date, DateTime, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// The last year that calendars are searched through.
pub(super) const YEAR_MAX: i16 = 2200;

/// A field of the wall clock: its name, its bounds, the words for its values.
pub(super) struct FieldKind {
    pub(super) name: &'static str,
    min: u16,
    max: u16,
    /// Names of values, the first for `min`.
    words: &'static [&'static str],
}

pub(super) const SECOND: FieldKind = FieldKind { name: "second", min: 0, max: 59, words: &[] };
pub(super) const MINUTE: FieldKind = FieldKind { name: "minute", min: 0, max: 59, words: &[] };
pub(super) const HOUR: FieldKind = FieldKind { name: "hour", min: 0, max: 23, words: &[] };
pub(super) const DAY: FieldKind = FieldKind { name: "day_of_month", min: 1, max: 31, words: &[] };
pub(super) const MONTH: FieldKind = FieldKind {
    name: "month",
    min: 1,
    max: 12,
    words: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
pub(super) const YEAR: FieldKind =
    FieldKind { name: "year", min: 1970, max: YEAR_MAX.unsigned_abs(), words: &[] };
/// Sunday is 0, and 7 too.
pub(super) const WEEKDAY: FieldKind = FieldKind {
    name: "day_of_week",
    min: 0,
    max: 7,
    words: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
};

/// The values of a field that match; nothing when all do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Field(Option<BTreeSet<u16>>);

impl Field {
    /// Reads `*`, `5`, `1-5`, `*/15`, `10-50/20`, `mon-fri`, and several of them with commas between.
    pub(super) fn parse(text: &str, kind: &FieldKind) -> Result<Field, String> {
        let text = text.trim();
        if matches!(text, "*" | "?") {
            return Ok(Field(None));
        }
        let mut all = BTreeSet::new();
        for part in text.split(',') {
            let (first, last, step) = range(part.trim(), kind)?;
            all.extend((first..=last).step_by(usize::from(step)));
        }
        if kind.name == WEEKDAY.name && all.remove(&7) {
            all.insert(0);
        }
        Ok(Field(Some(all)))
    }

    fn only(value: u16) -> Field {
        Field(Some(BTreeSet::from([value])))
    }

    /// Whether every value matches.
    pub(super) fn is_every(&self) -> bool {
        self.0.is_none()
    }

    fn has(&self, value: i16) -> bool {
        let value = u16::try_from(value).ok();
        self.0.as_ref().is_none_or(|set| value.is_some_and(|value| set.contains(&value)))
    }

    /// The first value from this one on that matches.
    fn from(&self, value: i8, kind: &FieldKind) -> Option<i8> {
        let value = u16::try_from(value).ok()?;
        let found = match &self.0 {
            None => (value <= kind.max).then_some(value),
            Some(set) => set.range(value..).next().copied(),
        };
        found.and_then(|it| i8::try_from(it).ok())
    }
}

fn range(part: &str, kind: &FieldKind) -> Result<(u16, u16, u16), String> {
    let (span, step) = match part.split_once('/') {
        Some((span, step)) => (span, Some(step)),
        None => (part, None),
    };
    let is_stepped = step.is_some();
    let step = match step.map(str::parse::<u16>) {
        None => 1,
        Some(Ok(step)) if step > 0 => step,
        Some(_) => return Err(format!("`{part}`: a step is a whole number from 1")),
    };
    let (first, last) = match span.split_once('-') {
        _ if span == "*" => (kind.min, kind.max),
        Some((first, last)) => (number(first, kind)?, number(last, kind)?),
        // `5/15` goes on to the end, as crontabs have it.
        None => {
            let first = number(span, kind)?;
            (first, if is_stepped { kind.max } else { first })
        }
    };
    if first > last {
        return Err(format!("`{part}`: the range ends before it begins"));
    }
    Ok((first, last, step))
}

fn number(text: &str, kind: &FieldKind) -> Result<u16, String> {
    let word = text.trim().to_ascii_lowercase();
    // `mon`, `monday`, but not `m`.
    let named = kind.words.iter().position(|it| word.len() >= 3 && word.starts_with(it));
    let number = match named {
        Some(at) => u16::try_from(at).ok().map(|at| at + kind.min),
        None => word.parse().ok(),
    };
    number.filter(|it| (kind.min..=kind.max).contains(it)).ok_or_else(|| {
        format!(
            "`{}` is no {}: it goes from {} to {}",
            text.trim(),
            kind.name.replace('_', " "),
            kind.min,
            kind.max
        )
    })
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(set) = &self.0 else { return f.write_str("*") };
        for (at, value) in set.iter().enumerate() {
            write!(f, "{}{value}", if at > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

/// Moments by the wall clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Calendar {
    pub(super) second: Field,
    pub(super) minute: Field,
    pub(super) hour: Field,
    pub(super) day_of_month: Field,
    pub(super) month: Field,
    pub(super) year: Field,
    pub(super) day_of_week: Field,
    pub(super) comment: String,
}

/// A calendar as it is written: what is absent is 0 for the time of day, and everything for the date.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    #[serde(skip_serializing_if = "Json::is_null")]
    second: Json,
    #[serde(skip_serializing_if = "Json::is_null")]
    minute: Json,
    #[serde(skip_serializing_if = "Json::is_null")]
    hour: Json,
    #[serde(skip_serializing_if = "Json::is_null")]
    day_of_month: Json,
    #[serde(skip_serializing_if = "Json::is_null")]
    month: Json,
    #[serde(skip_serializing_if = "Json::is_null")]
    year: Json,
    #[serde(skip_serializing_if = "Json::is_null")]
    day_of_week: Json,
    #[serde(skip_serializing_if = "String::is_empty")]
    comment: String,
}

impl TryFrom<Written> for Calendar {
    type Error = String;

    fn try_from(written: Written) -> Result<Calendar, String> {
        let field = |given: &Json, kind: &FieldKind, absent: Field| match given {
            Json::Null => Ok(absent),
            Json::String(text) => Field::parse(text, kind),
            Json::Number(number) => Field::parse(&number.to_string(), kind),
            other => {
                Err(format!("{}: {other} is neither a number nor a text such as `1-5` or `*/15`", kind.name))
            }
        };
        let (zero, every) = (Field::only(0), Field::default());
        Ok(Calendar {
            second: field(&written.second, &SECOND, zero.clone())?,
            minute: field(&written.minute, &MINUTE, zero.clone())?,
            hour: field(&written.hour, &HOUR, zero)?,
            day_of_month: field(&written.day_of_month, &DAY, every.clone())?,
            month: field(&written.month, &MONTH, every.clone())?,
            year: field(&written.year, &YEAR, every.clone())?,
            day_of_week: field(&written.day_of_week, &WEEKDAY, every)?,
            comment: written.comment,
        })
    }
}

impl From<Calendar> for Written {
    fn from(calendar: Calendar) -> Written {
        let text = |field: &Field| Json::String(field.to_string());
        Written {
            second: text(&calendar.second),
            minute: text(&calendar.minute),
            hour: text(&calendar.hour),
            day_of_month: text(&calendar.day_of_month),
            month: text(&calendar.month),
            year: text(&calendar.year),
            day_of_week: text(&calendar.day_of_week),
            comment: calendar.comment,
        }
    }
}

impl Calendar {
    /// Whether a moment of the wall clock matches.
    pub(super) fn matches(&self, at: DateTime) -> bool {
        self.has_day(at.date())
            && self.hour.has(at.hour().into())
            && self.minute.has(at.minute().into())
            && self.second.has(at.second().into())
    }

    /// The first moment from this one on that matches; nothing when none does until the end of [`YEAR_MAX`].
    pub(super) fn from(&self, at: DateTime) -> Option<DateTime> {
        let mut date = at.date();
        let mut time = Some(at.time());
        while date.year() <= YEAR_MAX {
            let next = if !self.year.has(date.year()) {
                Date::new(date.year() + 1, 1, 1)
            } else if !self.month.has(date.month().into()) {
                date.first_of_month().checked_add(jiff::Span::new().months(1))
            } else {
                let found = time.filter(|_| self.has_day(date)).and_then(|time| self.time_from(time));
                if let Some(time) = found {
                    return Some(date.to_datetime(time));
                }
                date.tomorrow()
            };
            date = next.ok()?;
            time = Some(Time::midnight());
        }
        None
    }

    fn has_day(&self, date: Date) -> bool {
        self.year.has(date.year())
            && self.month.has(date.month().into())
            && self.day_of_month.has(date.day().into())
            && self.day_of_week.has(date.weekday().to_sunday_zero_offset().into())
    }

    /// The first time of the day from this one on.
    fn time_from(&self, time: Time) -> Option<Time> {
        let mut hour = self.hour.from(time.hour(), &HOUR)?;
        let (mut minute, mut second) =
            if hour == time.hour() { (time.minute(), time.second()) } else { (0, 0) };
        loop {
            if let Some(at) = self.minute.from(minute, &MINUTE) {
                let from = if at == minute { second } else { 0 };
                if let Some(second) = self.second.from(from, &SECOND) {
                    return Time::new(hour, at, second, 0).ok();
                }
                // No second of this minute is left; the next minute that fits has all of them.
                if let Some(at) = self.minute.from(at + 1, &MINUTE) {
                    (minute, second) = (at, 0);
                    continue;
                }
            }
            hour = self.hour.from(hour + 1, &HOUR)?;
            (minute, second) = (0, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn calendar(text: &str) -> Calendar {
        serde_json::from_str(text).unwrap()
    }

    fn next(text: &str, from: &str) -> String {
        calendar(text).from(from.parse().unwrap()).map_or_else(|| "never".into(), |it| it.to_string())
    }

    #[test]
    fn the_next_moment_is_found_field_by_field() {
        for (given, from, expected) in [
            ("{}", "2026-01-01T00:00:01", "2026-01-02T00:00:00"),
            (r#"{"hour": 9, "minute": 30}"#, "2026-01-01T09:30:00", "2026-01-01T09:30:00"),
            (r#"{"hour": "9-17", "minute": "*/20"}"#, "2026-01-01T17:40:01", "2026-01-02T09:00:00"),
            (r#"{"hour": "9-17", "minute": "*/20"}"#, "2026-01-01T09:59:59", "2026-01-01T10:00:00"),
            (
                r#"{"second": "5,50", "minute": "*", "hour": "*"}"#,
                "2026-12-31T23:59:51",
                "2027-01-01T00:00:05",
            ),
            (r#"{"day_of_month": 31}"#, "2026-02-01T00:00:00", "2026-03-31T00:00:00"),
            (r#"{"month": "feb", "day_of_month": 29}"#, "2026-01-01T00:00:00", "2028-02-29T00:00:00"),
            (r#"{"day_of_week": "mon-fri", "hour": 8}"#, "2026-11-20T08:00:01", "2026-11-23T08:00:00"),
            (r#"{"day_of_week": "7"}"#, "2026-11-21T00:00:00", "2026-11-22T00:00:00"),
            (r#"{"year": 2030}"#, "2026-01-01T00:00:00", "2030-01-01T00:00:00"),
            (r#"{"year": 2020}"#, "2026-01-01T00:00:00", "never"),
            (r#"{"month": 2, "day_of_month": "30,31"}"#, "2026-01-01T00:00:00", "never"),
        ] {
            assert_eq!(next(given, from), expected, "{given} from {from}");
        }
    }

    #[test]
    fn what_is_no_calendar_is_refused() {
        for (given, expected) in [
            (r#"{"hour": 24}"#, "`24` is no hour: it goes from 0 to 23"),
            (r#"{"month": "nov-feb"}"#, "`nov-feb`: the range ends before it begins"),
            (r#"{"minute": "*/0"}"#, "`*/0`: a step is a whole number from 1"),
            (r#"{"day_of_week": "m"}"#, "`m` is no day of week: it goes from 0 to 7"),
            (r#"{"day_of_month": 0}"#, "`0` is no day of month: it goes from 1 to 31"),
            (r#"{"minute": [1]}"#, "minute: [1] is neither a number nor a text"),
            (r#"{"hours": 1}"#, "unknown field `hours`"),
        ] {
            let error = serde_json::from_str::<Calendar>(given).unwrap_err().to_string();
            assert!(error.contains(expected), "{given}: {error}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        /// What is found matches, and nothing between matches.
        #[test]
        fn the_next_moment_is_the_first_that_matches(
            second in "\\*/[1-9]|[0-5][0-9]", minute in "\\*/[1-9]|[0-5][0-9]|\\*", hour in "\\*|1?[0-9]",
            minutes in 0_i64..5_000, from in 0_i64..200_000,
        ) {
            let written = serde_json::json!({ "second": second, "minute": minute, "hour": hour });
            let calendar: Calendar = serde_json::from_value(written).unwrap();
            let start: DateTime = "2026-02-27T00:00:00".parse().unwrap();
            let from = start + jiff::Span::new().minutes(minutes).seconds(from % 60);
            let found = calendar.from(from).unwrap();
            prop_assert!(calendar.matches(found));
            let mut at = from;
            while at < found {
                prop_assert!(!calendar.matches(at), "{at} matches, found {found}");
                at += jiff::Span::new().seconds(1);
            }
            let again: Calendar = serde_json::from_value(serde_json::to_value(&calendar).unwrap()).unwrap();
            prop_assert_eq!(again, calendar);
        }
    }
}
