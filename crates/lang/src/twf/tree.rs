//! Syntax trees as JSON, version 1: every node with its place; `docs/twf-json.md` describes the keys.
//!
//! A node is an object of `type`, `at` and what its type needs. `at` is `[line, column, line, column]`, both ends
//! counted from 1 in characters, the second one behind the last character.

mod call;
mod definition;
mod expr;
pub(in crate::twf) mod stmt;

use serde_json::{Map, Value, json};

use crate::text::source::{Sources, Span};
use crate::twf::ast::{Ident, Unit};
use crate::twf::check::ParsedUnit;

/// Version of the shape: raised when a key changes its meaning or goes away, not when one is added.
pub const VERSION: u32 = 1;

/// A file: `path`, `package`, `imports`, `pragmas`, `statementAnnotations`, `definitions`.
pub fn file(unit: &ParsedUnit<'_>, sources: &Sources) -> Value {
    let trees = Trees { sources };
    let path = sources.get(unit.source).map_or("", |source| &*source.path);
    let Unit { package, imports, definitions, pragmas, statement_annotations } = unit.unit;
    let imports = imports.iter().map(|it| {
        let alias = it.alias.as_ref().map(|alias| alias.name.as_str());
        trees.node("import", it.span, json!({ "alias": alias, "path": it.path }))
    });
    let annotations = statement_annotations.iter().map(|(it, line)| {
        trees.node(
            "annotation",
            *line,
            json!({ "name": it.name.name.as_str(), "args": trees.args(&it.args) }),
        )
    });
    json!({
        "path": path,
        "package": package.as_ref().map(|it| it.name.as_str()),
        "imports": imports.collect::<Vec<_>>(),
        "pragmas": pragmas.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect::<Vec<_>>(),
        "statementAnnotations": annotations.collect::<Vec<_>>(),
        "definitions": definitions.iter().map(|it| trees.definition(it)).collect::<Vec<_>>(),
    })
}

/// Makes nodes.
#[derive(Clone, Copy)]
pub(in crate::twf) struct Trees<'a> {
    pub(in crate::twf) sources: &'a Sources,
}

impl Trees<'_> {
    /// A node of a type at a place with its fields.
    fn node(self, kind: &str, span: Span, fields: Value) -> Value {
        let mut map = Map::new();
        map.insert("type".to_string(), Value::String(kind.to_string()));
        map.insert("at".to_string(), self.at(span));
        if let Value::Object(fields) = fields {
            map.extend(fields);
        }
        Value::Object(map)
    }

    fn at(self, span: Span) -> Value {
        let (start, end) = (self.sources.locate(span), self.sources.locate_end(span));
        json!([start.line, start.column, end.line, end.column])
    }

    fn ident(self, it: &Ident) -> Value {
        self.node("name", it.span, json!({ "name": it.name.as_str() }))
    }
}
