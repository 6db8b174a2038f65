//! Strict reading: every key is known or a problem, with its place and the nearest key that is.

use std::time::Duration;

use nexus_kernel::suggest;
use nexus_lang::twf::moment::{parse_duration, parse_timestamp};

use crate::scenario::node::{Entry, Node, Value};
use crate::scenario::problem::{Place, Problem};

/// Collects what is wrong with one file.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    path: &'a str,
    pub(crate) problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(path: &'a str) -> Reader<'a> {
        Reader { path, problems: Vec::new() }
    }

    /// Notes a problem.
    pub(crate) fn wrong(&mut self, place: Place, message: impl Into<String>) {
        self.problems.push(Problem::new(self.path, place, message));
    }

    /// Notes a problem and what to do about it.
    pub(crate) fn wrong_help(&mut self, place: Place, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem::new(self.path, place, message).help(help));
    }

    /// The entries of a mapping whose keys are all known. Unknown ones are noted and left out.
    pub(crate) fn keys<'n>(&mut self, node: &'n Node, what: &str, known: &[&str]) -> Vec<&'n Entry> {
        let Some(entries) = node.entries() else {
            let keys = known.join(", ");
            self.wrong_help(
                node.place,
                format!("{what} is a mapping, not {}", node.kind()),
                format!("its keys are {keys}"),
            );
            return Vec::new();
        };
        let mut fine = Vec::with_capacity(entries.len());
        for entry in entries {
            if known.contains(&entry.key.as_str()) {
                fine.push(entry);
            } else {
                self.unknown(entry, what, known);
            }
        }
        fine
    }

    /// Notes that a key is not known.
    pub(crate) fn unknown(&mut self, entry: &Entry, what: &str, known: &[&str]) {
        let help = match suggest::nearest(&entry.key, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known here: {}", known.join(", ")),
        };
        self.wrong_help(entry.place, format!("{what} has no key `{}`", entry.key), help);
    }

    pub(crate) fn text(&mut self, node: &Node, what: &str) -> String {
        match &node.value {
            Value::Text(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => {
                self.wrong(node.place, format!("{what} is a text, not {}", node.kind()));
                String::new()
            }
        }
    }

    pub(crate) fn flag(&mut self, node: &Node, what: &str) -> bool {
        let Value::Bool(value) = node.value else {
            self.wrong(node.place, format!("{what} is true or false, not {}", node.kind()));
            return false;
        };
        value
    }

    pub(crate) fn count(&mut self, node: &Node, what: &str) -> u64 {
        let number = match &node.value {
            Value::Number(number) => number.as_u64(),
            _ => None,
        };
        number.unwrap_or_else(|| {
            self.wrong(node.place, format!("{what} is a whole number from 0, not {}", shown(node)));
            0
        })
    }

    /// A duration as TWF writes it: `30d`, `1h30m`, `PT5M`; a bare number is seconds.
    pub(crate) fn duration(&mut self, node: &Node, what: &str) -> Duration {
        duration_of(node).unwrap_or_else(|| {
            self.wrong_help(
                node.place,
                format!("{what} is a duration, not {}", shown(node)),
                "write it like 500ms, 90s, 1h30m or 30d",
            );
            Duration::ZERO
        })
    }

    /// Milliseconds since 1970.
    pub(crate) fn moment(&mut self, node: &Node, what: &str) -> i64 {
        let parsed = node.text().and_then(|text| parse_timestamp(text).ok());
        parsed.unwrap_or_else(|| {
            self.wrong_help(
                node.place,
                format!("{what} is a point in time, not {}", shown(node)),
                "write it like 2026-01-31T08:00:00Z or 2026-01-31",
            );
            0
        })
    }

    /// A text or a list of texts.
    pub(crate) fn texts(&mut self, node: &Node, what: &str) -> Vec<(Place, String)> {
        match &node.value {
            Value::List(items) => items.iter().map(|item| (item.place, self.text(item, what))).collect(),
            _ => vec![(node.place, self.text(node, what))],
        }
    }
}

/// A duration that is not negative.
pub(crate) fn duration_of(node: &Node) -> Option<Duration> {
    let millis = match &node.value {
        Value::Number(number) => number.as_i64()?.checked_mul(1_000)?,
        Value::Text(text) => parse_duration(text).ok()?,
        _ => return None,
    };
    u64::try_from(millis).ok().map(Duration::from_millis)
}

/// A value in a message.
pub(crate) fn shown(node: &Node) -> String {
    match &node.value {
        Value::Text(text) => format!("{text:?}"),
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        _ => node.kind().to_owned(),
    }
}
