//! Durations of headers: a decimal number and `ms`, `s` or `m`.

use std::time::Duration;

/// Reads a duration such as `9999ms`, `1.5s` or `10m`. Nothing for any other text.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let unit = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit);
    let nanos: u128 = match unit {
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        _ => return None,
    };
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (whole, digits(fraction)?),
        None => (number, ""),
    };
    let whole: u128 = digits(whole)?.parse().ok()?;
    // What is less than a nanosecond does not count.
    let fraction = fraction.get(..fraction.len().min(18))?;
    let part = match fraction {
        "" => 0,
        some => nanos * some.parse::<u128>().ok()? / 10_u128.checked_pow(u32::try_from(some.len()).ok()?)?,
    };
    let total = whole.checked_mul(nanos)?.checked_add(part)?;
    let seconds = u64::try_from(total / 1_000_000_000).ok()?;
    Some(Duration::new(seconds, u32::try_from(total % 1_000_000_000).ok()?))
}

fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

/// Writes a duration in milliseconds, as every known client does. A part of a millisecond counts as a whole one, so that what
/// is no time at all stays the only `0ms`.
pub fn duration_text(duration: Duration) -> String {
    format!("{}ms", duration.as_nanos().div_ceil(1_000_000))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_with_their_units_are_durations() {
        let ms = Duration::from_millis;
        for (text, expected) in [
            ("9999ms", ms(9_999)),
            ("0ms", ms(0)),
            ("10s", ms(10_000)),
            ("1.5s", ms(1_500)),
            ("0.25m", ms(15_000)),
            ("2m", ms(120_000)),
            ("1.5ms", Duration::from_micros(1_500)),
            ("0.0000000000000000000000001s", ms(0)),
            ("007s", ms(7_000)),
        ] {
            assert_eq!(parse_duration(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn everything_else_is_none() {
        for text in [
            "",
            "s",
            "10",
            "10 s",
            "-1s",
            "+1s",
            "1h",
            "1S",
            "1.s",
            ".5s",
            "1..5s",
            "1e3ms",
            "1_000ms",
            "ten s",
            "１s",
            "10ms ",
            "99999999999999999999999999999999999999999s",
            "1.5.5s",
            "NaNs",
            "1ms2s",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(millis in 0_u64..u64::MAX / 1_000_000) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse_duration(&duration_text(duration)), Some(duration));
        }

        #[test]
        fn no_text_is_a_surprise(text in "[0-9.msh -]{0,12}") {
            let _ = parse_duration(&text);
        }
    }
}
