//! Values as they are written, read as an attribute's type wants them.

use crate::port::runs::RunStatus;
use crate::suggest;
use crate::time::Timestamp;
use crate::visibility::error::FilterError;
use crate::visibility::filter::{Scalar, status_name};
use crate::visibility::parse::{Literal, Raw};
use crate::visibility::schema::{Attribute, SystemAttribute};
use crate::visibility::value::AttributeType;

/// The value of a literal for an attribute.
pub(crate) fn scalar(attribute: &Attribute, literal: &Literal) -> Result<Scalar, FilterError> {
    match attribute {
        Attribute::System(SystemAttribute::ExecutionStatus) => status(literal),
        Attribute::System(SystemAttribute::ExecutionDuration) => duration(literal),
        _ => typed(attribute, literal),
    }
}

fn typed(attribute: &Attribute, literal: &Literal) -> Result<Scalar, FilterError> {
    let wrong = |wanted: &str| {
        let (name, kind) = (attribute.name(), attribute.kind().as_str());
        FilterError::new(literal.span.clone(), format!("{name} is of type {kind} and wants {wanted}"))
    };
    match (attribute.kind(), &literal.value) {
        (AttributeType::Text | AttributeType::Keyword | AttributeType::KeywordList, Raw::Text(text)) => {
            Ok(Scalar::Text(text.clone()))
        }
        (AttributeType::Text | AttributeType::Keyword | AttributeType::KeywordList, _) => {
            Err(wrong("a text in quotes"))
        }
        (AttributeType::Int, Raw::Number(number)) => {
            number.parse().map(Scalar::Int).map_err(|_| wrong("a whole number of 64 bits"))
        }
        (AttributeType::Int, _) => Err(wrong("a whole number")),
        (AttributeType::Double, Raw::Number(number)) => {
            let parsed: Option<f64> = number.parse().ok();
            parsed.filter(|it| it.is_finite()).map(Scalar::Double).ok_or_else(|| wrong("a number"))
        }
        (AttributeType::Double, _) => Err(wrong("a number")),
        (AttributeType::Bool, Raw::Bool(flag)) => Ok(Scalar::Int(i64::from(*flag))),
        (AttributeType::Bool, _) => Err(wrong("true or false")),
        (AttributeType::Datetime, raw) => {
            time(raw).ok_or_else(|| wrong("a time").help("write it like '2026-11-21T09:30:00Z'"))
        }
    }
}

/// RFC 3339, or nanoseconds since 1970. What is finer than a microsecond is cut off.
fn time(raw: &Raw) -> Option<Scalar> {
    match raw {
        Raw::Text(text) => Timestamp::parse(text).map(|at| Scalar::Int(at.micros())),
        Raw::Number(number) => number.parse::<i64>().ok().map(|nanos| Scalar::Int(nanos.div_euclid(1_000))),
        Raw::Bool(_) => None,
    }
}

/// `Running`, also as `running` or `TIMED_OUT`.
fn status(literal: &Literal) -> Result<Scalar, FilterError> {
    let Raw::Text(text) = &literal.value else {
        return Err(FilterError::new(
            literal.span.clone(),
            "ExecutionStatus wants the name of a status in quotes",
        ));
    };
    let bare: String = text.chars().filter(|character| *character != '_').collect();
    let found = RunStatus::ALL.into_iter().find(|status| status_name(*status).eq_ignore_ascii_case(&bare));
    if let Some(status) = found {
        return Ok(Scalar::Text(status.as_str().to_owned()));
    }
    let names = RunStatus::ALL.map(status_name);
    let help = match suggest::nearest(&bare, names) {
        Some(near) => format!("did you mean '{near}'?"),
        None => format!("the statuses are {}", names.join(", ")),
    };
    Err(FilterError::new(literal.span.clone(), format!("there is no status {text:?}")).help(help))
}

/// `'90m'`, `'1h30m'`, `'02:30:00'`, or nanoseconds.
fn duration(literal: &Literal) -> Result<Scalar, FilterError> {
    let micros = match &literal.value {
        Raw::Number(number) => number.parse::<i64>().ok().map(|nanos| nanos.div_euclid(1_000)),
        Raw::Text(text) => clock_micros(text).or_else(|| unit_micros(text)),
        Raw::Bool(_) => None,
    };
    micros.map(Scalar::Int).ok_or_else(|| {
        FilterError::new(literal.span.clone(), "ExecutionDuration wants a duration")
            .help("write it like '90s', '1h30m', '02:30:00' or as a number of nanoseconds")
    })
}

fn clock_micros(text: &str) -> Option<i64> {
    let parts: Vec<i64> = text.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [hours, minutes @ 0..60, seconds @ 0..60] = parts[..] else { return None };
    let seconds = hours.checked_mul(3_600)?.checked_add(minutes * 60 + seconds)?;
    (hours >= 0).then_some(seconds)?.checked_mul(1_000_000)
}

/// Figures with units, largest first or not, as in `1h30m` or `1.5s`.
pub(crate) fn unit_micros(text: &str) -> Option<i64> {
    const UNITS: [(&str, f64); 8] = [
        ("d", 86_400e6),
        ("h", 3_600e6),
        ("ms", 1e3),
        ("m", 60e6),
        ("s", 1e6),
        ("us", 1.0),
        ("µs", 1.0),
        ("ns", 1e-3),
    ];
    let mut rest = text.trim();
    let mut total = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let figure: f64 = rest.get(..digits)?.parse().ok()?;
        let unit_end = rest
            .get(digits..)?
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .map_or(rest.len(), |at| digits + at);
        let unit = rest.get(digits..unit_end)?;
        total += figure * UNITS.iter().find(|(name, _)| *name == unit)?.1;
        rest = rest.get(unit_end..)?;
    }
    #[expect(clippy::cast_possible_truncation, reason = "what lies beyond the range of i64 becomes its end")]
    Some(total as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(unit_micros("90s"), Some(90_000_000));
        assert_eq!(unit_micros("1h30m"), Some(5_400_000_000));
        assert_eq!(unit_micros("1.5ms"), Some(1_500));
        assert_eq!(clock_micros("02:30:00"), Some(9_000_000_000));
        for bad in ["", "5", "h", "1x", "1h-", "1:2", "1:60:00", "-1:00:00"] {
            assert_eq!(unit_micros(bad).or_else(|| clock_micros(bad)), None, "{bad}");
        }
    }
}
