//! Where the values of a configuration come from.

use std::collections::BTreeMap;

use nexus_kernel::Json;
use nexus_kernel::error::Error;
use toml::de::{DeTable, DeValue};

use super::FILE;
use super::reading::position;

/// A key with those of the tables that it is in; places of lists are numbers from 0.
pub type Path = Vec<String>;

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// The preset.
    Preset,
    /// The file, at this line and column.
    File(usize, usize),
}

/// Where all values come from that are not defaults.
#[derive(Debug, Clone, Default)]
pub struct Origins(BTreeMap<Path, Origin>);

impl Origins {
    /// Of everything in a file.
    pub fn of(text: &str, tree: &DeTable<'_>) -> Origins {
        let mut origins = Origins::default();
        origins.table(text, tree, &mut Path::new());
        origins
    }

    fn table(&mut self, text: &str, table: &DeTable<'_>, path: &mut Path) {
        for (key, value) in table {
            let (line, column) = position(text, key.span().start);
            path.push(key.get_ref().to_string());
            self.0.insert(path.clone(), Origin::File(line, column));
            self.value(text, value.get_ref(), path);
            path.pop();
        }
    }

    fn value(&mut self, text: &str, value: &DeValue<'_>, path: &mut Path) {
        match value {
            DeValue::Table(table) => self.table(text, table, path),
            DeValue::Array(array) => {
                for (index, item) in array.iter().enumerate() {
                    let (line, column) = position(text, item.span().start);
                    path.push(index.to_string());
                    self.0.insert(path.clone(), Origin::File(line, column));
                    self.value(text, item.get_ref(), path);
                    path.pop();
                }
            }
            _ => {}
        }
    }

    /// A value of the preset, with everything in it.
    pub fn preset(&mut self, path: &[String], value: &Json) {
        // Tables that only the preset has are in no file.
        for length in 1..path.len() {
            self.0.entry(path.iter().take(length).cloned().collect()).or_insert(Origin::Preset);
        }
        self.0.insert(path.to_owned(), Origin::Preset);
        for (key, value) in value.as_object().into_iter().flatten() {
            let inner: Path = path.iter().chain([key]).cloned().collect();
            self.preset(&inner, value);
        }
    }

    /// Where the value of a key comes from; that of a value in a table that was written as a whole, from there.
    pub fn at(&self, path: &[String]) -> Origin {
        self.0.get(path).copied().unwrap_or(Origin::Default)
    }

    /// Where a key is, or the nearest of the tables that it would be in.
    pub fn nearest(&self, path: &[String]) -> Option<(usize, usize)> {
        (1..=path.len()).rev().find_map(|length| match self.0.get(path.get(..length)?)? {
            Origin::File(line, column) => Some((*line, *column)),
            _ => None,
        })
    }

    /// An error whose faults name sections, with the lines of those sections in a file of this name.
    pub(crate) fn placed(&self, error: &Error, file: &str) -> Error {
        let told = Error::new(error.code(), error.message());
        let told = match error.help_text() {
            Some(help) => told.help(help),
            None => told,
        };
        if error.faults().is_empty() {
            let place = section_of(error.message()).and_then(|section| self.nearest(&section));
            let at =
                place.map_or_else(|| file.to_owned(), |(line, column)| format!("{file}:{line}:{column}"));
            return told.fault(at, error.message());
        }
        error.faults().iter().fold(told, |told, fault| told.fault(self.line(&fault.at, file), &fault.message))
    }

    fn line(&self, at: &str, file: &str) -> String {
        if let Some(section) = at.strip_prefix(FILE).and_then(|rest| rest.strip_prefix(": ")) {
            return match self.nearest(&path_of(section)) {
                Some((line, column)) => format!("{file}:{line}:{column}"),
                None => format!("{file}: {section}"),
            };
        }
        match at.strip_prefix(FILE) {
            Some(rest) => format!("{file}{rest}"),
            None => at.to_owned(),
        }
    }
}

/// The section that a message begins with: `[mcp.servers.shop] has no tools`.
fn section_of(message: &str) -> Option<Path> {
    message.starts_with('[').then(|| path_of(message.split_inclusive(']').next().unwrap_or_default()))
}

/// The keys of a place as errors name it: `limits.operations."a".rate`, `[audit] retention`.
pub fn path_of(place: &str) -> Path {
    let mut path = Path::new();
    let mut key = String::new();
    let mut is_quoted = false;
    let mut is_escaped = false;
    for c in place.chars() {
        match c {
            _ if is_escaped => {
                key.push(c);
                is_escaped = false;
            }
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            '.' | '[' | ']' | ' ' if !is_quoted => {
                if !key.is_empty() {
                    path.push(std::mem::take(&mut key));
                }
            }
            _ => key.push(c),
        }
    }
    if !key.is_empty() {
        path.push(key);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::reading::Reading;

    #[test]
    fn places_of_errors_are_read_as_they_are_written() {
        for (place, path) in [
            ("limits.operations.\"a.b\".rate", vec!["limits", "operations", "a.b", "rate"]),
            ("[audit] retention", vec!["audit", "retention"]),
            ("[workflows.\"shop/Pay\"]", vec!["workflows", "shop/Pay"]),
            ("[[on]] 3", vec!["on", "3"]),
        ] {
            assert_eq!(path_of(place), path);
        }
    }

    #[test]
    fn a_value_knows_its_line() {
        let text = "[server]\nport = 9\n[limits]\nfailed_auth = { rate = \"1/s\",\n  burst = 2 }\n[[on]]\nevent = \"a\"\nworkflow = \"W\"\n";
        let origins = Reading::of(text).origins;
        let at = |path: &str| origins.at(&path_of(path));
        assert_eq!(at("server.port"), Origin::File(2, 1));
        assert_eq!(at("limits.failed_auth.burst"), Origin::File(5, 3));
        assert_eq!(at("on.0.event"), Origin::File(7, 1));
        assert_eq!(at("server.host"), Origin::Default);
        assert_eq!(origins.nearest(&path_of("server.host")), Some((1, 2)));
    }

    #[test]
    fn errors_that_name_a_section_get_its_line() {
        let text = "\n[mcp.servers.a]\n[audit]\n\nretention = \"1h\"\n";
        let reading = Reading::of(text);
        let placed: Vec<_> =
            reading.errors.iter().map(|error| reading.origins.placed(error, "n.toml")).collect();
        let at: Vec<&str> = placed.iter().map(|error| error.faults()[0].at.as_str()).collect();
        assert_eq!(at, ["n.toml:2:14", "n.toml:5:1"]);
    }
}
