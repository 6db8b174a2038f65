//! Reading `nexus.toml`: the text as a tree whose parts know their places, every error in it, and what it comes to.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::suggest;
use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::origin::Origins;
use super::server::PresetName;
use super::{Config, FILE};
use crate::preset::{Preset, preset};

/// Most errors that are told of one file.
const ERRORS_MAX: usize = 50;

/// What a file says.
#[derive(Debug)]
pub struct Reading {
    /// What it comes to; what is wrong in it is left out.
    pub config: Config,
    /// Everything that is wrong in it, in the order in which it was noticed.
    pub errors: Vec<Error>,
    /// Where each value comes from.
    pub origins: Origins,
}

impl Reading {
    /// Reads the file of a project; all defaults when there is none.
    pub fn of_project(project: &Path) -> Result<Reading, Error> {
        Reading::of_file(&project.join(FILE), project).map(|read| read.unwrap_or_else(|| Reading::of("")))
    }

    /// Reads a file for the project in this folder; nothing when it is not there.
    pub fn of_file(path: &Path, project: &Path) -> Result<Option<Reading>, Error> {
        match std::fs::read_to_string(path) {
            Ok(text) => {
                let mut reading = Reading::of(&text);
                reading.errors.extend(reading.config.http.check(project).err());
                let name =
                    if path == project.join(FILE) { FILE.to_owned() } else { path.display().to_string() };
                reading.errors =
                    reading.errors.iter().map(|error| reading.origins.placed(error, &name)).collect();
                Ok(Some(reading))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::new(&code::CONFIG_INVALID, format!("{FILE} cannot be read: {error}"))
                .help("check the file's permissions")),
        }
    }

    /// Reads a text.
    pub fn of(text: &str) -> Reading {
        let (mut tree, broken) = DeTable::parse_recoverable(text);
        if !broken.is_empty() {
            let errors = broken.iter().map(|error| told(text, error)).collect();
            return Reading { config: Config::default(), errors, origins: Origins::default() };
        }
        let mut origins = Origins::of(text, tree.get_ref());
        if let Some(preset) = named_preset(tree.get_ref()) {
            preset.lay_under(&mut tree, &mut origins);
        }
        let (config, mut errors) = typed(text, tree);
        // What was left out would be missed by what refers to it.
        if errors.is_empty() {
            errors = config.faults();
        }
        Reading { config, errors, origins }
    }

    /// What it comes to, when nothing is wrong.
    pub fn into_config(self) -> Result<Config, Error> {
        self.errors.into_iter().next().map_or(Ok(self.config), Err)
    }
}

/// The preset that a file names; what is none is told when the file is read.
fn named_preset(tree: &DeTable<'_>) -> Option<&'static Preset> {
    let word = tree.get("server")?.get_ref().get("preset")?.get_ref().as_str()?;
    PresetName::ALL.into_iter().find(|name| name.as_str() == word).map(preset)
}

/// What a tree comes to. What has the wrong type or an unknown name is told and left out, and the rest read again: so all
/// of it is told at once.
fn typed(text: &str, mut tree: Spanned<DeTable<'_>>) -> (Config, Vec<Error>) {
    let mut errors = Vec::new();
    let mut removed = BTreeSet::new();
    loop {
        let error = match Config::deserialize(toml::Deserializer::from(tree.clone())) {
            Ok(config) => return (config, errors),
            Err(error) => error,
        };
        let missing = error.message().strip_prefix("missing field `").and_then(|rest| rest.split_once('`'));
        if !missing.is_some_and(|(key, _)| removed.contains(key)) {
            errors.push(told(text, &error));
        }
        let taken = error.span().and_then(|span| take(tree.get_mut(), &span));
        match taken {
            Some(key) if errors.len() < ERRORS_MAX => removed.insert(key),
            _ => return (Config::default(), errors),
        };
    }
}

/// Takes out what is at a place, and gives its key.
fn take(table: &mut DeTable<'_>, span: &Range<usize>) -> Option<String> {
    // A list has the place of its first item, so what is deeper comes first.
    if let Some(key) = table.iter_mut().find_map(|(_, value)| take_within(value, span)) {
        return Some(key);
    }
    let mut entries = table.iter();
    let (key, _) = entries.find(|(key, value)| key.span() == *span || value.span() == *span)?;
    let key = key.clone();
    table.remove(&key);
    Some(key.into_inner().into_owned())
}

fn take_within(value: &mut Spanned<DeValue<'_>>, span: &Range<usize>) -> Option<String> {
    match value.get_mut() {
        DeValue::Table(table) => take(table, span),
        DeValue::Array(array) if array.iter().any(|item| item.span() == *span) => {
            let mut kept = DeArray::new();
            array.iter().filter(|item| item.span() != *span).for_each(|item| kept.push(item.clone()));
            *array = kept;
            Some(String::new())
        }
        DeValue::Array(array) => array.iter_mut().find_map(|item| take_within(item, span)),
        _ => None,
    }
}

fn told(text: &str, error: &toml::de::Error) -> Error {
    let (line, column) = error.span().map_or((1, 1), |span| position(text, span.start));
    let message = error.message().to_owned();
    let fault = Error::new(&code::CONFIG_INVALID, message.clone())
        .fault(format!("{FILE}:{line}:{column}"), message.clone());
    match unknown_key(&message) {
        Some(help) => fault.help(help),
        None => fault.help("`nexus explain NX-1003` shows a complete file"),
    }
}

/// Line and column of a byte, both from 1.
pub(super) fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

/// The parser lists the keys it knows in its message: the nearest one is what was meant.
fn unknown_key(message: &str) -> Option<String> {
    let (given, known) = message.strip_prefix("unknown field `")?.split_once('`')?;
    let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    Some(match suggest::nearest(given, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known here: {}", known.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str) -> Vec<String> {
        let place = |error: &Error| {
            format!("{} {}", error.faults()[0].at.replace("nexus.toml:", ""), error.message())
        };
        Reading::of(text).errors.iter().map(place).collect()
    }

    #[test]
    fn every_error_of_names_and_types_is_told_at_once() {
        let text = "[server]\nprot = 9\nport = \"x\"\nhead_timeout = \"soon\"\n[srver.tls]\na = 1\n\
                    [auth.issuers.acme]\nissuer = 5\naudiences = [\"a\"]\n[[on]]\nevent = \"a\"\n[[on]]\nevent = 1\n";
        let told = places(text);
        let lines: Vec<&str> = told.iter().filter_map(|one| one.split(':').next()).collect();
        for line in ["2", "3", "4", "5", "8", "10", "13"] {
            assert!(lines.contains(&line), "{line}: {told:#?}");
        }
        assert_eq!(told.len(), 7, "{told:#?}");
    }

    #[test]
    fn every_error_of_the_notation_is_told_at_once() {
        assert_eq!(places("[server\nport = 1\n[log]\nlevel = \n").len(), 2);
    }

    #[test]
    fn every_error_of_meaning_is_told_at_once() {
        let text = "[audit]\nsegment_mib = 0\n[limits]\nprincipal = \"many\"\n[cache]\nmemory_mib = 9999999\n\
                    [secrets.a]\n[secrets.b]\n";
        assert_eq!(places(text).len(), 5, "{:#?}", places(text));
    }
}
