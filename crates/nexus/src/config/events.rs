//! `[events]`: which events are kept.

use nexus_engine::namespaces::EventKeep;
use serde::{Deserialize, Serialize};

use super::length::Retention;

/// `[events]` and `[namespaces.NAME.events]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventsConfig {
    /// How long events are kept.
    pub retention: Option<Retention>,
    /// How many of the newest events of a namespace are kept.
    pub max: Option<u64>,
}

impl EventsConfig {
    /// What is kept: what this says, and else what holds anyway.
    pub fn over(self, otherwise: EventKeep) -> EventKeep {
        EventKeep {
            age: self.retention.map_or(otherwise.age, |retention| retention.0),
            max: self.max.unwrap_or(otherwise.max),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nexus_kernel::id::Namespace;

    use crate::config::Config;

    #[test]
    fn namespaces_say_what_is_different() {
        let text = "[events]\nretention = \"1d\"\n[namespaces.team.events]\nmax = 5\n\
                    [namespaces.all.events]\nretention = \"forever\"\n[namespaces.other]\n";
        let settings = Config::parse(text).unwrap().settings().unwrap();
        let of = |name: &str| settings.of(&Namespace::new(name).unwrap()).events;
        let day = Some(Duration::from_hours(24));
        assert_eq!((of("default").age, of("default").max), (day, 100_000));
        assert_eq!((of("team").age, of("team").max), (day, 5));
        assert_eq!((of("all").age, of("all").max), (None, 100_000));
        assert_eq!(of("other"), of("default"));
        assert_eq!(Config::default().settings().unwrap().default.events.age, day.map(|day| 7 * day));
        for bad in ["[events]\nmax = -1", "[events]\nretention = \"soon\"", "[events]\nmin = 1"] {
            assert!(Config::parse(bad).is_err(), "{bad}");
        }
    }
}
