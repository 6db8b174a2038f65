//! How a ramp is written.

use std::fmt;

use nexus_kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A part of a whole, to a hundredth of a percent. Written as a number from 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Percentage(u16);

/// The whole, in hundredths of a percent.
const WHOLE: u16 = 10_000;

impl Percentage {
    /// The number nearest to this one, which must be from 0 to 100.
    pub fn new(percentage: f64) -> Option<Percentage> {
        // NaN is in no range, and what is in this one fits.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 10 000")]
        (0.0..=100.0).contains(&percentage).then(|| Percentage((percentage * 100.0).round() as u16))
    }

    /// Whether it reaches as far as a number, of all that there are.
    pub(super) fn reaches(self, drawn: u32) -> bool {
        (u64::from(drawn) * u64::from(WHOLE)) >> 32 < u64::from(self.0)
    }
}

impl From<Percentage> for f64 {
    fn from(percentage: Percentage) -> f64 {
        f64::from(percentage.0) / 100.0
    }
}

impl TryFrom<f64> for Percentage {
    type Error = String;

    fn try_from(percentage: f64) -> Result<Percentage, String> {
        Percentage::new(percentage).ok_or_else(|| format!("{percentage} is not from 0 to 100"))
    }
}

impl fmt::Display for Percentage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", f64::from(*self))
    }
}

/// A version beside the current one, for a part of the workflow ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ramp {
    /// Its number.
    pub version: u32,
    /// How many workflow ids get it.
    pub percentage: Percentage,
    /// Since when it has that part.
    pub since: Timestamp,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn percentages_are_numbers_to_a_hundredth() {
        for (given, shown) in [(10.0, "10 %"), (0.125, "0.13 %"), (100.0, "100 %"), (0.0, "0 %")] {
            let percentage = Percentage::new(given).unwrap();
            assert_eq!(percentage.to_string(), shown);
            let kept: Percentage = serde_json::from_value(json!(percentage)).unwrap();
            assert_eq!(kept, percentage);
        }
        for given in [-0.1, 100.1, f64::NAN, f64::INFINITY] {
            assert_eq!(Percentage::new(given), None, "{given}");
        }
        assert!(
            serde_json::from_value::<Percentage>(json!(101))
                .unwrap_err()
                .to_string()
                .contains("from 0 to 100")
        );
    }
}
