//! Presets: a word in `nexus.toml` that switches on what a kind of server needs, and refuses to start without the parts that
//! only its owner can give.
//!
//! Each is a table of values that the file need not say, and a list of what it demands. What the file says comes before the
//! table; what contradicts the preset is refused.

mod tables;

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use serde_json::json;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::origin::{Origin, Origins, path_of};
use crate::config::print;
use crate::config::server::PresetName;
use crate::config::{Config, FILE};
use crate::project::Project;
use crate::telemetry;
pub use tables::ALWAYS;

/// What a word in `nexus.toml` stands for.
#[derive(Debug)]
pub struct Preset {
    /// The word.
    pub name: PresetName,
    /// Whom it is for.
    pub meant_for: &'static str,
    /// What it switches on.
    pub switches: &'static [&'static [Switch]],
    /// What it demands.
    pub demands: &'static [&'static [Demand]],
    /// What it cannot be with.
    pub clashes: &'static [&'static [Clash]],
}

/// A value that holds unless the file says another.
#[derive(Debug)]
pub struct Switch {
    /// The key, with its sections.
    pub key: &'static str,
    /// The value, as TOML writes it.
    pub value: &'static str,
    /// Whether the file may say no other.
    pub is_fixed: bool,
}

/// A part that only the owner of the server can give.
#[derive(Debug)]
pub struct Demand {
    /// What it is.
    pub what: &'static str,
    /// Why it is needed.
    pub why: &'static str,
    /// Lines of `nexus.toml` that would give it.
    pub lines: &'static str,
    is_met: fn(&Facts<'_>) -> bool,
}

/// What the preset cannot be with.
#[derive(Debug)]
pub struct Clash {
    /// The key that it is about.
    pub key: &'static str,
    /// Why.
    pub why: &'static str,
    is_there: fn(&Config) -> bool,
}

/// What demands are held against.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The configuration, with the preset's values in it.
    pub config: &'a Config,
    /// Whether traces are sent somewhere, as the file or the environment says.
    pub is_exported: bool,
}

/// The preset of a name.
pub fn preset(name: PresetName) -> &'static Preset {
    match name {
        PresetName::Lightweight => &tables::LIGHTWEIGHT,
        PresetName::Standard => &tables::STANDARD,
        PresetName::Saas => &tables::SAAS,
        PresetName::Enterprise => &tables::ENTERPRISE,
    }
}

impl Preset {
    /// Everything that it switches on.
    pub fn switches(&self) -> impl Iterator<Item = &'static Switch> {
        self.switches.iter().flat_map(|part| part.iter())
    }

    /// Everything that it demands.
    pub fn demands(&self) -> impl Iterator<Item = &'static Demand> {
        self.demands.iter().flat_map(|part| part.iter())
    }

    /// Puts its values where a file says nothing.
    pub fn lay_under(&self, tree: &mut Spanned<DeTable<'_>>, origins: &mut Origins) {
        for switch in self.switches() {
            let path = path_of(switch.key);
            // The tables are ours, and a test reads every value.
            if let Ok(value) = DeValue::parse(switch.value)
                && insert(tree.get_mut(), &path, value.into_inner())
            {
                origins.preset(&path, &switch.json());
            }
        }
    }

    /// Everything in a configuration that contradicts it.
    pub fn contradictions(&self, config: &Config) -> Vec<Error> {
        let data = print::data(config).unwrap_or_default();
        let fixed = self.switches().filter(|switch| switch.is_fixed);
        let other = fixed.filter(|switch| found(&data, switch.key) != Some(&switch.json()));
        let other = other.map(|switch| {
            let given = found(&data, switch.key).map(print::inline).unwrap_or_default();
            let why = format!("{} = {given}, and the preset has {}", switch.key, switch.value);
            self.contradiction(switch.key, &why)
        });
        let clashes =
            self.clashes.iter().flat_map(|part| part.iter()).filter(|clash| (clash.is_there)(config));
        other.chain(clashes.map(|clash| self.contradiction(clash.key, clash.why))).collect()
    }

    /// What a key or a flag contradicts.
    pub fn contradiction(&self, key: &str, why: &str) -> Error {
        Error::new(
            &code::PRESET_CONTRADICTED,
            format!("{key} contradicts the preset {}: {why}", self.name.as_str()),
        )
        .fault(format!("{FILE}: {key}"), why)
        .help("take it out, or choose another preset under [server]")
    }

    /// The demands that are not met, as one error with the lines that would meet them.
    pub fn unmet(&self, facts: &Facts<'_>) -> Option<Error> {
        let missing: Vec<_> = self.demands().filter(|demand| !(demand.is_met)(facts)).collect();
        if missing.is_empty() {
            return None;
        }
        let names: Vec<_> = missing.iter().map(|demand| demand.what).collect();
        let message = format!("the preset {} is not complete: {}", self.name.as_str(), names.join(", "));
        let lines: Vec<String> =
            missing.iter().map(|demand| format!("# {}\n{}", demand.what, demand.lines)).collect();
        let error = Error::new(&code::PRESET_INCOMPLETE, message);
        let error = missing.iter().fold(error, |error, demand| {
            error.fault(format!("{FILE}: server.preset"), format!("{}: {}", demand.what, demand.why))
        });
        Some(error.help(format!("write into {FILE} what is missing:\n\n{}\n", lines.join("\n\n"))))
    }
}

impl Switch {
    /// The value as data.
    pub fn json(&self) -> Json {
        let text = format!("value = {}", self.value);
        let table = toml::from_str::<Json>(&text).unwrap_or_default();
        table.get("value").cloned().unwrap_or_default()
    }
}

/// Puts a value at the end of a path, unless something is there.
fn insert<'i>(table: &mut DeTable<'i>, path: &[String], value: DeValue<'i>) -> bool {
    let [key, rest @ ..] = path else { return false };
    let entry = table.iter_mut().find(|(known, _)| known.get_ref() == key);
    match (entry, rest) {
        (Some(_), []) => false,
        (None, []) => {
            table.insert(ours(key.clone().into()), ours(value));
            true
        }
        (Some((_, inner)), rest) => match inner.get_mut() {
            DeValue::Table(inner) => insert(inner, rest, value),
            _ => false,
        },
        (None, rest) => {
            let mut inner = DeTable::new();
            let is_new = insert(&mut inner, rest, value);
            table.insert(ours(key.clone().into()), ours(DeValue::Table(inner)));
            is_new
        }
    }
}

/// A part that has no place in the file.
fn ours<T>(part: T) -> Spanned<T> {
    Spanned::new(0..0, part)
}

fn found<'a>(data: &'a Json, key: &str) -> Option<&'a Json> {
    path_of(key).iter().try_fold(data, |data, key| data.get(key))
}

/// Refuses a project whose preset is not complete, or is contradicted.
pub fn enforce(project: &Project) -> Result<(), Error> {
    let config = &project.config;
    let Some(name) = config.server.preset else { return Ok(()) };
    let preset = preset(name);
    if let Some(contradiction) = preset.contradictions(config).into_iter().next() {
        return Err(contradiction);
    }
    let is_exported = telemetry::is_exported(project)?;
    preset.unmet(&Facts { config, is_exported }).map_or(Ok(()), Err)
}

/// What a preset has come to, for people: each value with where it comes from, and what holds anyway.
pub fn told(config: &Config, origins: &Origins) -> Vec<String> {
    let Some(name) = config.server.preset else { return Vec::new() };
    let preset = preset(name);
    let data = print::data(config).unwrap_or_else(|_| json!({}));
    let mut lines = vec![format!("preset {}: {}", name.as_str(), preset.meant_for)];
    for switch in preset.switches() {
        let path = path_of(switch.key);
        let origin = match origins.at(&path) {
            Origin::Default => Origin::Preset,
            origin => origin,
        };
        let value = found(&data, switch.key).map(print::inline).unwrap_or_default();
        lines.push(format!("  {} = {value}  # {}", switch.key, print::told(origin, name.as_str())));
    }
    lines.extend(preset.demands().map(|demand| format!("  {}  # {FILE}", demand.what)));
    lines.extend(ALWAYS.iter().map(|what| format!("  {what}  # always")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [PresetName; 4] = PresetName::ALL;

    fn parsed(name: PresetName, rest: &str) -> Result<Config, Error> {
        Config::parse(&format!("[server]\npreset = {:?}\n{rest}", name.as_str()))
    }

    #[test]
    fn every_value_of_every_preset_is_in_force_unless_the_file_says_another() {
        for name in ALL {
            let config = parsed(name, "").unwrap();
            let data = print::data(&config).unwrap();
            for switch in preset(name).switches() {
                assert_eq!(
                    found(&data, switch.key),
                    Some(&switch.json()),
                    "{}: {}",
                    name.as_str(),
                    switch.key
                );
            }
        }
        let config = parsed(PresetName::Saas, "[limits]\nanonymous = \"7/min\"\n").unwrap();
        let data = print::data(&config).unwrap();
        assert_eq!(found(&data, "limits.anonymous"), Some(&json!("7/min")));
        assert_eq!(found(&data, "limits.namespace"), Some(&json!("6000/min")));
    }

    #[test]
    fn what_contradicts_a_preset_is_told_with_its_line() {
        for (name, line, at) in [
            (PresetName::Lightweight, "host = \"0.0.0.0\"", "server.host"),
            (PresetName::Standard, "[http]\nallow_addresses = [\"0.0.0.0/0\"]", "http.allow_addresses"),
            (PresetName::Saas, "[auth]\nenabled = false", "auth.enabled"),
            (PresetName::Saas, "[audit]\nenabled = false", "audit.enabled"),
            (PresetName::Saas, "[audit]\non_failure = \"continue\"", "audit.on_failure"),
            (PresetName::Enterprise, "[audit]\nenabled = false", "audit.enabled"),
            (PresetName::Enterprise, "[audit]\nrecord = \"admin\"", "audit.record"),
            (PresetName::Enterprise, "[audit]\nretention = \"30d\"", "audit.retention"),
        ] {
            let error = parsed(name, line).unwrap_err();
            assert_eq!(error.code().id, "NX-1209", "{line}: {error}");
            assert_eq!(error.faults()[0].at, format!("nexus.toml: {at}"), "{line}");
        }
    }

    /// The lines that an error tells are the lines that are needed: written below each other they meet every demand.
    #[test]
    fn the_lines_that_are_told_are_enough() {
        for name in ALL {
            let preset = preset(name);
            for host in ["127.0.0.1", "0.0.0.0"] {
                let Ok(config) = parsed(name, &format!("host = {host:?}\n")) else { continue };
                let mut text = format!("server.preset = {:?}\nserver.host = {host:?}\n", name.as_str());
                let missing = preset
                    .demands()
                    .filter(|demand| !(demand.is_met)(&Facts { config: &config, is_exported: false }));
                let tables: Vec<toml::Table> =
                    missing.map(|demand| toml::from_str(demand.lines).unwrap()).collect();
                let mut lines = Vec::new();
                for table in tables {
                    for (section, values) in table {
                        for (key, value) in values.as_table().unwrap() {
                            let value = print::inline(&serde_json::to_value(value).unwrap());
                            lines.push(format!("{section}.{key} = {value}"));
                        }
                    }
                }
                text += &lines.join("\n");
                let config = Config::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
                let is_exported = config.telemetry.otlp_endpoint.is_some();
                let facts = Facts { config: &config, is_exported };
                assert_eq!(preset.unmet(&facts), None, "{text}");
            }
        }
    }

    #[test]
    fn what_is_missing_is_told_all_at_once() {
        let config = parsed(PresetName::Enterprise, "").unwrap();
        let preset = preset(PresetName::Enterprise);
        let error = preset.unmet(&Facts { config: &config, is_exported: false }).unwrap();
        assert_eq!((error.code().id, error.faults().len()), ("NX-1208", preset.demands().count() - 1));
        for word in ["[auth.issuers.acme]", "[auth.roles.clerk]", "certificate = ", "otlp_endpoint = "] {
            assert!(error.help_text().unwrap().contains(word), "{word}: {error:?}");
        }
    }

    #[test]
    fn people_are_told_what_is_on_and_where_it_comes_from() {
        let text = "[server]\npreset = \"standard\"\n[limits]\nanonymous = \"7/min\"\n";
        let reading = crate::config::reading::Reading::of(text);
        let lines = told(&reading.config, &reading.origins);
        assert!(lines.contains(&"  limits.anonymous = \"7/min\"  # nexus.toml:4".to_owned()), "{lines:#?}");
        assert!(
            lines.contains(&"  limits.principal = \"600/min\"  # preset standard".to_owned()),
            "{lines:#?}"
        );
        assert_eq!(told(&Config::default(), &Origins::default()), Vec::<String>::new());
    }
}
