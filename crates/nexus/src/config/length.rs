//! Lengths of time as they are written: `10s`, `30d`, `forever`.

use std::time::Duration;

use nexus_kernel::time::parse_duration;
use serde::{Deserialize, Serialize};

/// The shortest time that closed runs may be kept for: whoever waits for a result must be able to ask for it.
const RETENTION_MIN: Duration = Duration::from_mins(1);

/// A length of time such as `10s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Length(pub Duration);

impl TryFrom<String> for Length {
    type Error = String;

    fn try_from(text: String) -> Result<Length, String> {
        let length = parse_duration(&text).map(Length);
        length.ok_or_else(|| format!("{text:?} is no length of time; write it like \"10s\" or \"2m\""))
    }
}

impl From<Length> for String {
    fn from(length: Length) -> String {
        spelled(length.0)
    }
}

/// How long closed runs or events are kept: a length of time such as `30d`, or `forever`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Retention(pub Option<Duration>);

impl TryFrom<String> for Retention {
    type Error = String;

    fn try_from(text: String) -> Result<Retention, String> {
        if text == "forever" {
            return Ok(Retention(None));
        }
        let length = parse_duration(&text).filter(|length| *length >= RETENTION_MIN);
        length.map(|length| Retention(Some(length))).ok_or_else(|| {
            format!(
                "{text:?} is no time to keep anything for; write it like \"30d\", at least \"1m\", or \"forever\""
            )
        })
    }
}

impl From<Retention> for String {
    fn from(retention: Retention) -> String {
        retention.0.map_or_else(|| "forever".to_owned(), spelled)
    }
}

/// A length of time as people write it, the largest units first.
pub fn spelled(length: Duration) -> String {
    const UNITS: [(&str, u128); 6] = [
        ("d", 86_400_000_000),
        ("h", 3_600_000_000),
        ("m", 60_000_000),
        ("s", 1_000_000),
        ("ms", 1_000),
        ("us", 1),
    ];
    let mut rest = length.as_micros();
    let mut text = String::new();
    for (unit, micros) in UNITS {
        let count = rest / micros;
        if count > 0 {
            text.push_str(&count.to_string());
            text.push_str(unit);
            rest -= count * micros;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_are_written_as_people_write_them() {
        let of = |text: &str| String::from(Length::try_from(text.to_owned()).unwrap());
        assert_eq!(of("90s"), "1m30s");
        assert_eq!(of("1.5s"), "1s500ms");
        assert_eq!(of("0s"), "0s");
        assert_eq!(String::from(Retention(None)), "forever");
    }

    proptest! {
        #[test]
        fn a_length_that_is_written_is_read_again(micros in 0_u64..40_000_000_000_000) {
            let length = Duration::from_micros(micros);
            prop_assert_eq!(parse_duration(&spelled(length)), Some(length));
        }
    }
}
