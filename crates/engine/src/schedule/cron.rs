//! Cron expressions: five to seven fields, the `@` words, a time zone before them, a comment behind.
//!
//! Five fields are minute, hour, day of month, month, day of week; a sixth is the year, and of seven the first is the
//! second. As in crontabs, a day fits by its date or by its weekday when both are restricted.

use super::calendar::{Calendar, DAY, Field, FieldKind, HOUR, MINUTE, MONTH, SECOND, WEEKDAY, YEAR};
use super::spec::Interval;

/// What an expression stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cron {
    /// Moments of the wall clock that fit one of these, in a time zone of their own when one is named.
    Calendars { calendars: Vec<Calendar>, zone: Option<String> },
    /// `@every`.
    Interval(Interval),
}

/// The words for whole expressions.
const WORDS: [(&str, &str); 8] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
    ("@minutely", "* * * * *"),
];

/// Reads an expression.
pub(super) fn parse(text: &str) -> Result<Cron, String> {
    let (text, comment) = text.split_once('#').map_or((text, ""), |(text, comment)| (text, comment.trim()));
    let mut text = text.trim();
    let mut zone = None;
    if let Some(rest) = text.strip_prefix("CRON_TZ=").or_else(|| text.strip_prefix("TZ=")) {
        let (name, rest) =
            rest.split_once(char::is_whitespace).ok_or("there is nothing behind the time zone")?;
        (zone, text) = (Some(name.to_owned()), rest.trim());
    }
    if let Some(every) = text.strip_prefix("@every") {
        let (every, phase) =
            every.split_once('/').map_or((every, None), |(every, phase)| (every, Some(phase)));
        let (every, phase) = (every.trim().to_owned(), phase.map(|it| it.trim().to_owned()));
        return Ok(Cron::Interval(Interval { every, phase }));
    }
    let text = match text.strip_prefix('@') {
        Some(_) => word(text)?,
        None => text,
    };
    Ok(Cron::Calendars { calendars: calendars(text, comment)?, zone })
}

fn word(text: &str) -> Result<&'static str, String> {
    let found = WORDS.iter().find(|(word, _)| *word == text);
    found.map(|(_, fields)| *fields).ok_or_else(|| {
        let known: Vec<_> = WORDS.iter().map(|(word, _)| *word).chain(["@every DURATION"]).collect();
        format!("`{text}` is no known word: there are {}", known.join(", "))
    })
}

fn calendars(text: &str, comment: &str) -> Result<Vec<Calendar>, String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let (second, rest) = match (fields.len(), fields.split_first()) {
        (7, Some((first, rest))) => (*first, rest),
        (5 | 6, _) => ("0", fields.as_slice()),
        (count, _) => return Err(format!("a cron expression has 5 to 7 fields, this one has {count}")),
    };
    let field = |at: usize, kind: &FieldKind| {
        let text = rest.get(at).copied().unwrap_or("*");
        Field::parse(text, kind).map_err(|why| format!("field {} ({}): {why}", at + 1, kind.name))
    };
    let calendar = Calendar {
        second: Field::parse(second, &SECOND)?,
        minute: field(0, &MINUTE)?,
        hour: field(1, &HOUR)?,
        day_of_month: field(2, &DAY)?,
        month: field(3, &MONTH)?,
        day_of_week: field(4, &WEEKDAY)?,
        year: field(5, &YEAR)?,
        comment: comment.to_owned(),
    };
    if calendar.day_of_month.is_every() || calendar.day_of_week.is_every() {
        return Ok(vec![calendar]);
    }
    let by_date = Calendar { day_of_week: Field::default(), ..calendar.clone() };
    Ok(vec![by_date, Calendar { day_of_month: Field::default(), ..calendar }])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(text: &str) -> Vec<(String, String)> {
        let Ok(Cron::Calendars { calendars, .. }) = parse(text) else { panic!("{text}") };
        calendars.iter().map(|it| (it.day_of_month.to_string(), it.day_of_week.to_string())).collect()
    }

    #[test]
    fn five_to_seven_fields_are_read() {
        let Ok(Cron::Calendars { calendars, zone }) = parse("CRON_TZ=Europe/Berlin 30 8 * * mon-fri # work")
        else {
            panic!()
        };
        let [only] = calendars.as_slice() else { panic!("{calendars:?}") };
        assert_eq!(zone.as_deref(), Some("Europe/Berlin"));
        assert_eq!((only.minute.to_string(), only.hour.to_string()), ("30".into(), "8".into()));
        assert_eq!((only.second.to_string(), only.comment.as_str()), ("0".into(), "work"));
        assert_eq!(only.day_of_week.to_string(), "1,2,3,4,5");
        let Ok(Cron::Calendars { calendars, .. }) = parse("*/10 0 12 1 1 ? 2030") else { panic!() };
        assert_eq!(
            (calendars[0].second.to_string(), calendars[0].year.to_string()),
            ("0,10,20,30,40,50".into(), "2030".into())
        );
        assert_eq!(parse("@daily"), parse("0 0 * * *"));
        assert_eq!(
            parse("@every 90m / 5m"),
            Ok(Cron::Interval(Interval { every: "90m".into(), phase: Some("5m".into()) }))
        );
    }

    #[test]
    fn a_day_fits_by_date_or_weekday() {
        assert_eq!(days("0 0 13 * *"), [("13".into(), "*".into())]);
        assert_eq!(days("0 0 13 * fri"), [("13".into(), "*".into()), ("*".into(), "5".into())]);
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for (given, expected) in [
            ("* * * *", "a cron expression has 5 to 7 fields, this one has 4"),
            ("61 * * * *", "field 1 (minute): `61` is no minute: it goes from 0 to 59"),
            ("* * * * funday", "field 5 (day_of_week)"),
            ("@sometimes", "`@sometimes` is no known word"),
            ("TZ=Europe/Berlin", "there is nothing behind the time zone"),
            ("", "this one has 0"),
        ] {
            let error = parse(given).unwrap_err();
            assert!(error.contains(expected), "{given}: {error}");
        }
    }
}
