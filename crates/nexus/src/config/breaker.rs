//! `[breaker]`, `[workflows.NAME.breaker]` and `[http.breaker]`: when something that fails is left alone for a while.

use nexus_gateway::breaker::{Counted, Rule, Rules, Settings};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use serde::{Deserialize, Serialize};

use super::Config;
use super::length::Length;

/// A breaker. What it does not say is as in `[breaker]`, and there as usual.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerConfig {
    /// `false` takes the breaker away that `[breaker]` gives.
    pub enabled: Option<bool>,
    /// Opens after so many failures in a window.
    pub failures: Option<u32>,
    /// Opens when so many of a hundred calls of a window fail.
    pub percent: Option<u8>,
    /// How many calls a window needs for that.
    pub calls_min: Option<u32>,
    /// The window.
    pub window: Option<Length>,
    /// How long nothing is called then.
    pub rest: Option<Length>,
    /// How many calls try it after that.
    pub probes: Option<u32>,
    /// `infrastructure`, or `failures` when workflows that fail by their own decision count as well.
    pub count: Option<String>,
}

impl BreakerConfig {
    /// How it is written what counts.
    pub(super) fn word(counted: Counted) -> &'static str {
        match counted {
            Counted::Infrastructure => "infrastructure",
            Counted::Failures => "failures",
        }
    }

    /// What it comes to, over what holds otherwise. Nothing when it takes the breaker away.
    fn over(&self, usual: Rule, place: &str) -> Result<Option<Rule>, Error> {
        let is_zero = |number: Option<u32>| number == Some(0);
        if is_zero(self.failures) || is_zero(self.probes) || is_zero(self.calls_min) {
            return Err(wrong(place, "failures, calls_min and probes are 1 at least"));
        }
        if self.percent.is_some_and(|percent| !(1..=100).contains(&percent)) {
            return Err(wrong(place, "percent is a number from 1 to 100"));
        }
        let is_short = |length: Option<Length>| length.is_some_and(|length| length.0.is_zero());
        if is_short(self.window) || is_short(self.rest) {
            return Err(wrong(place, "window and rest are longer than nothing"));
        }
        let counted = match self.count.as_deref() {
            None => usual.counted,
            Some(word) if word == Self::word(Counted::Infrastructure) => Counted::Infrastructure,
            Some(word) if word == Self::word(Counted::Failures) => Counted::Failures,
            Some(_) => return Err(wrong(place, "count is \"infrastructure\" or \"failures\"")),
        };
        let settings = Settings {
            failures: self.failures.unwrap_or(usual.settings.failures),
            percent: self.percent.or(usual.settings.percent),
            calls_min: self.calls_min.unwrap_or(usual.settings.calls_min),
            window: self.window.map_or(usual.settings.window, |length| length.0),
            rest: self.rest.map_or(usual.settings.rest, |length| length.0),
            probes: self.probes.unwrap_or(usual.settings.probes),
            consecutive: usual.settings.consecutive,
        };
        Ok((self.enabled != Some(false)).then_some(Rule { settings, counted }))
    }
}

fn wrong(place: &str, why: &str) -> Error {
    Error::new(&code::CONFIG_INVALID, format!("[{place}]: {why}"))
        .fault(format!("nexus.toml: [{place}]"), why)
        .help("for example failures = 5, window = \"30s\", rest = \"30s\", probes = 1")
}

impl Config {
    /// Which breakers there are.
    pub fn breakers(&self) -> Result<Rules, Error> {
        let general =
            self.breaker.as_ref().map(|breaker| breaker.over(Rule::default(), "breaker")).transpose()?;
        let workflows = general.flatten();
        let mut rules = Rules { workflows, ..Rules::default() };
        for (name, config) in &self.workflows {
            if let Some(breaker) = &config.breaker {
                let own =
                    breaker.over(workflows.unwrap_or_default(), &format!("workflows.{name}.breaker"))?;
                rules.own.insert(name.clone(), own);
            }
        }
        if let Some(breaker) = &self.http.breaker {
            if breaker.count.is_some() {
                return Err(wrong("http.breaker", "count is for workflows: every host is counted alike"));
            }
            let rule = breaker.over(Rule::default(), "http.breaker")?;
            rules.hosts = rule.map(|rule| rule.settings);
        }
        Ok(rules)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn rules(text: &str) -> Rules {
        Config::parse(text).unwrap().breakers().unwrap()
    }

    #[test]
    fn there_is_no_breaker_unless_somebody_says_so() {
        assert_eq!(rules(""), Rules::default());
        assert_eq!(rules("[breaker]\nenabled = false\n"), Rules::default());
    }

    #[test]
    fn workflows_say_what_is_different_for_them() {
        let rules = rules(
            "[breaker]\nfailures = 3\nrest = \"1m\"\n[workflows.A.breaker]\nprobes = 2\ncount = \"failures\"\n\
             [workflows.B.breaker]\nenabled = false\n[http.breaker]\nwindow = \"5s\"\n",
        );
        assert_eq!(rules.workflows.unwrap().settings.failures, 3);
        let own = rules.own["A"].unwrap();
        assert_eq!((own.settings.failures, own.settings.probes, own.counted), (3, 2, Counted::Failures));
        assert_eq!(own.settings.rest, Duration::from_mins(1));
        assert_eq!(rules.own["B"], None);
        assert_eq!(rules.hosts.unwrap().window, Duration::from_secs(5));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_place() {
        for (bad, place) in [
            ("[breaker]\nfailures = 0", "[breaker]"),
            ("[breaker]\npercent = 101", "[breaker]"),
            ("[workflows.A.breaker]\nrest = \"0s\"", "[workflows.A.breaker]"),
            ("[workflows.A.breaker]\ncount = \"all\"", "[workflows.A.breaker]"),
            ("[http.breaker]\ncount = \"failures\"", "[http.breaker]"),
        ] {
            let error = Config::parse(bad).unwrap_err();
            assert_eq!(error.faults()[0].at, format!("nexus.toml: {place}"), "{bad}");
        }
    }
}
