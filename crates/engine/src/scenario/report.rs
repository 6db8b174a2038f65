//! What a scenario came to.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::sim::Verified;
use nexus_lang::twf::machine::Trace;

/// Something that is not as it was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The line of the scenario: `file:line:column`.
    pub at: String,
    /// What is not as expected, in one line.
    pub message: String,
    /// Details, line by line: differences, a history.
    pub details: Vec<String>,
    /// The statement of the workflow that brought it about, `file:line:column`.
    pub cause: Option<String>,
}

impl Finding {
    /// A finding without details.
    pub fn new(at: impl Into<String>, message: impl Into<String>) -> Finding {
        Finding { at: at.into(), message: message.into(), details: Vec::new(), cause: None }
    }
}

/// What was killed and replayed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replays {
    /// Events at which a history was cut.
    pub cuts: usize,
    /// Programs rebuilt from the first event and followed to the end.
    pub followed: usize,
    /// Workflow tasks in all: with fewer followed, a sample was.
    pub tasks: usize,
}

impl Replays {
    pub(crate) fn add(&mut self, verified: Verified) {
        self.cuts += verified.events;
        self.followed += verified.followed;
        self.tasks += verified.tasks;
    }

    /// Whether long histories were sampled.
    pub fn is_sample(&self) -> bool {
        self.followed < self.tasks
    }
}

/// What a scenario came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The scenario's name.
    pub name: String,
    /// Its file.
    pub path: String,
    /// Its line.
    pub line: u32,
    /// Its workflow.
    pub workflow: String,
    /// What is not as expected; empty when all is.
    pub findings: Vec<Finding>,
    /// Virtual time from the start to the end of everything.
    pub virtual_time: Duration,
    /// Runs, children included.
    pub runs: usize,
    /// Events of all their histories.
    pub events: usize,
    /// Kills and replays; none when they were switched off.
    pub replays: Option<Replays>,
    /// What ran of each workflow, when coverage was asked for.
    pub traces: BTreeMap<String, Trace>,
}

impl Report {
    /// Whether all is as expected.
    pub fn is_ok(&self) -> bool {
        self.findings.is_empty()
    }
}

/// A duration in a person's words: `30d 2h`, `1.5s`, `0s`.
pub fn spoken(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let (seconds, rest) = (millis / 1_000, millis % 1_000);
    let parts = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "m")];
    let mut words: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}")).collect();
    let second = seconds % 60;
    if rest > 0 {
        words.push(format!("{}s", format!("{second}.{rest:03}").trim_end_matches('0')));
    } else if second > 0 || words.is_empty() {
        words.push(format!("{second}s"));
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_spoken() {
        let spoken = |millis| spoken(Duration::from_millis(millis));
        assert_eq!(spoken(0), "0s");
        assert_eq!(spoken(1_500), "1.5s");
        assert_eq!(spoken(60_000), "1m");
        assert_eq!(spoken(30 * 86_400_000 + 7_200_000 + 50), "30d 2h 0.05s");
    }
}
