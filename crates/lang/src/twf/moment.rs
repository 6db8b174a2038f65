//! Durations and moments as text: `5m`, `1h30m`, `PT5M`, RFC 3339.

use std::fmt::Write as _;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::fault::{BAD_VALUE, Trouble};

const UNITS_MS: [(&str, i64); 6] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];

/// Reads `5m`, `1h30m`, `1.5s`, `-2d` or ISO 8601 such as `PT1H30M` and `P2DT3H`, in milliseconds.
pub fn parse_duration(text: &str) -> Result<i64, Trouble> {
    let trimmed = text.trim();
    let (negative, rest) = match trimmed.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, trimmed),
    };
    let millis = match rest.strip_prefix(['P', 'p']) {
        Some(iso) => iso_parts(iso),
        None => plain_parts(rest),
    };
    millis.map(|ms| if negative { -ms } else { ms }).ok_or_else(|| {
        Trouble::new(BAD_VALUE, format!("`{text}` is no duration; write it as `5m` or `PT5M`"))
    })
}

fn plain_parts(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let (number, after) = split_number(rest)?;
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, next) = after.split_at_checked(end)?;
        let scale = UNITS_MS.iter().find(|(name, _)| *name == unit)?.1;
        total = total.checked_add(scaled(number, scale)?)?;
        rest = next;
    }
    (!text.is_empty()).then_some(total)
}

fn iso_parts(text: &str) -> Option<i64> {
    let (mut rest, mut in_time, mut total) = (text, false, 0_i64);
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(['T', 't']) {
            (rest, in_time) = (after, true);
            continue;
        }
        let (number, after) = split_number(rest)?;
        let mut letters = after.chars();
        let scale = match (in_time, letters.next()?.to_ascii_uppercase()) {
            (false, 'W') => 604_800_000,
            (false, 'D') => 86_400_000,
            (true, 'H') => 3_600_000,
            (true, 'M') => 60_000,
            (true, 'S') => 1_000,
            _ => return None,
        };
        total = total.checked_add(scaled(number, scale)?)?;
        rest = letters.as_str();
    }
    (!text.is_empty() && !text.eq_ignore_ascii_case("t")).then_some(total)
}

fn split_number(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    (end > 0).then(|| text.split_at_checked(end)).flatten()
}

/// `number × scale`, with whatever is less than a millisecond cut off.
fn scaled(number: &str, scale: i64) -> Option<i64> {
    Decimal::from_str_exact(number).ok()?.checked_mul(Decimal::from(scale))?.trunc().to_i64()
}

/// ISO 8601, for example `PT1H30M` or `P2DT0.5S`.
pub fn duration_text(ms: i64) -> String {
    let mut text = String::from(if ms < 0 { "-P" } else { "P" });
    let total = ms.unsigned_abs();
    push_part(&mut text, total / 86_400_000, "D");
    if total != 0 && total.is_multiple_of(86_400_000) {
        return text;
    }
    text.push('T');
    push_part(&mut text, total / 3_600_000 % 24, "H");
    push_part(&mut text, total / 60_000 % 60, "M");
    let (seconds, millis) = (total / 1_000 % 60, total % 1_000);
    if millis > 0 {
        let fraction = format!("{millis:03}");
        let _ = write!(text, "{seconds}.{}S", fraction.trim_end_matches('0'));
    } else if seconds > 0 || total == 0 {
        let _ = write!(text, "{seconds}S");
    }
    text
}

fn push_part(text: &mut String, value: u64, unit: &str) {
    if value > 0 {
        let _ = write!(text, "{value}{unit}");
    }
}

/// RFC 3339 in UTC; a moment outside the years -9999 to 9999 is shown as its milliseconds.
pub fn timestamp_text(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |moment| moment.to_string())
}

/// Reads RFC 3339, or a bare date as its first moment in UTC, in milliseconds since 1970.
pub fn parse_timestamp(text: &str) -> Result<i64, Trouble> {
    let bare_date = text.len() == 10;
    let full = if bare_date { format!("{text}T00:00:00Z") } else { text.to_string() };
    full.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_millisecond).map_err(|_| {
        Trouble::new(BAD_VALUE, format!("`{text}` is no timestamp; write it as `2026-01-31T12:00:00Z`"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_both_spellings() {
        for (text, ms) in [
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("1.5s", 1_500),
            ("0.25h", 900_000),
            ("0.0015s", 1),
            ("1w", 604_800_000),
            ("-2d", -172_800_000),
            ("PT5M", 300_000),
            ("P1DT2H", 93_600_000),
            ("PT0.5S", 500),
            ("PT0S", 0),
        ] {
            assert_eq!(parse_duration(text).ok(), Some(ms), "{text}");
        }
        for text in ["", "5", "m", "5x", "P", "PT", "P5M", "1h m", "99999999999999999999s", "ä"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_read_back_what_they_write() {
        for ms in [0, 1, 500, 1_000, 61_000, 90_061_001, 86_400_000, -5_400_000] {
            assert_eq!(parse_duration(&duration_text(ms)).ok(), Some(ms), "{}", duration_text(ms));
        }
        assert_eq!(duration_text(5_400_000), "PT1H30M");
    }

    #[test]
    fn timestamps_are_rfc_3339() {
        assert_eq!(timestamp_text(0), "1970-01-01T00:00:00Z");
        assert_eq!(timestamp_text(1_500), "1970-01-01T00:00:01.5Z");
        assert_eq!(parse_timestamp("1970-01-02").ok(), Some(86_400_000));
        assert_eq!(parse_timestamp("1970-01-01T02:00:00+01:00").ok(), Some(3_600_000));
        assert!(parse_timestamp("yesterday").is_err());
    }
}
