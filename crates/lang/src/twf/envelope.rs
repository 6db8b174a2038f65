//! Designs in the JSON shapes of the public tool of the notation, so that viewers made for those can read ours.
//!
//! `docs/twf-json.md` says what is equal, what is added and what differs on purpose.

mod block;
mod call;
mod definition;
mod graph;
mod options;
mod source;
mod stmt;
mod symbol;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::text::diagnostic::{Diagnostic, Severity};
use crate::text::source::Sources;
use crate::twf::ast::Definition;
use crate::twf::check::ParsedUnit;
use crate::twf::rules::{Rule, RuleKind};

/// What an envelope is made from: files, and everything that was noticed about them.
#[derive(Debug, Clone, Copy)]
pub struct Design<'a> {
    /// The files.
    pub units: &'a [ParsedUnit<'a>],
    /// Their texts.
    pub sources: &'a Sources,
    /// What is wrong with them.
    pub diagnostics: &'a [Diagnostic],
}

/// What an envelope holds besides `summary` and `diagnostics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// Nothing.
    Check,
    /// `graph`: the deployment graph in the public reading.
    Graph,
    /// `definitions`: the syntax trees.
    Parse,
    /// `symbols`: what is defined, without bodies.
    Symbols,
}

/// A design in an envelope.
pub fn envelope(design: &Design<'_>, payload: Payload) -> Value {
    let mut envelope = design.head();
    let (key, value) = match payload {
        Payload::Check => return Value::Object(envelope),
        Payload::Graph => ("graph", graph::graph(design.units, design.sources)),
        Payload::Parse => ("definitions", definition::definitions(design.units, design.sources)),
        Payload::Symbols => ("symbols", symbol::symbols(design.units, design.sources)),
    };
    envelope.insert(key.to_string(), value);
    Value::Object(envelope)
}

impl Design<'_> {
    fn head(&self) -> Map<String, Value> {
        let mut head = Map::new();
        head.insert("summary".to_string(), self.summary());
        let all: Vec<Value> = self.diagnostics.iter().map(|it| diagnostic(it, self.sources)).collect();
        head.insert("diagnostics".to_string(), Value::Array(all));
        head
    }

    /// Counts; those of errors and warnings are left out when there are none.
    fn summary(&self) -> Value {
        let mut counts: BTreeMap<&str, usize> =
            ["namespaces", "workers", "workflows", "activities", "nexusServices"].map(|key| (key, 0)).into();
        for definition in self.units.iter().flat_map(|unit| &unit.unit.definitions) {
            let key = match definition {
                Definition::Namespace(_) => "namespaces",
                Definition::Worker(_) => "workers",
                Definition::Workflow(_) => "workflows",
                Definition::Activity(_) => "activities",
                Definition::Service(_) => "nexusServices",
                Definition::Endpoint(_) | Definition::Type(_) => continue,
            };
            *counts.entry(key).or_default() += 1;
        }
        for (key, severity) in [("errors", Severity::Error), ("warnings", Severity::Warning)] {
            let count = self.diagnostics.iter().filter(|it| it.severity == severity).count();
            if count > 0 {
                counts.insert(key, count);
            }
        }
        json!(counts)
    }
}

fn diagnostic(it: &Diagnostic, sources: &Sources) -> Value {
    let mut map = Map::new();
    map.insert("severity".to_string(), json!(it.severity.word()));
    map.insert("kind".to_string(), json!(kind(it.code)));
    map.insert("code".to_string(), json!(it.code));
    if let Some(span) = it.span {
        let (start, end) = (sources.locate(span), sources.locate_end(span));
        map.insert("file".to_string(), json!(start.path));
        map.insert("start".to_string(), json!({ "line": start.line, "column": start.column }));
        map.insert("end".to_string(), json!({ "line": end.line, "column": end.column }));
    } else {
        let nowhere = json!({ "line": 0, "column": 0 });
        map.insert("start".to_string(), nowhere.clone());
        map.insert("end".to_string(), nowhere);
    }
    map.insert("message".to_string(), json!(it.message));
    let name = it.span.map(|span| sources.slice(span)).filter(|text| is_name(text));
    if let Some(name) = name {
        map.insert("name".to_string(), json!(name));
    }
    Value::Object(map)
}

/// Whether a diagnostic stands at a name, which is then what it is about.
fn is_name(text: &str) -> bool {
    let is_start = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    is_start && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.{}".contains(&b))
}

/// The stage that finds a code: `parse`, `resolve`, `validate`, `graph`, `lint`, `project`.
fn kind(code: &str) -> &'static str {
    Rule::find(code).map_or(RuleKind::Validate, |rule| rule.kind).word()
}
