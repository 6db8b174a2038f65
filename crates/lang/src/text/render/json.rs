//! Diagnostics for programs.

use serde_json::{Value, json};

use crate::text::diagnostic::{Diagnostic, Edit, Fix};
use crate::text::source::{Location, Sources, Span};

/// One object: `severity`, `code`, `message`, `file`, `start`, `end`, `labels`, `notes`, `help`, `fix`.
///
/// Positions are objects of `line` and `column`, both from 1; what is absent is null or an empty list, so
/// that every key is always there.
pub fn json(diagnostic: &Diagnostic, sources: &Sources) -> Value {
    let label = |(span, text): &(Span, String)| label(*span, text, sources);
    let labels: Vec<Value> = diagnostic.labels.iter().map(label).collect();
    let at = diagnostic.span.map(|span| range(span, sources));
    let (file, start, end) = at.unwrap_or((Value::Null, Value::Null, Value::Null));
    json!({
        "severity": diagnostic.severity.word(),
        "code": diagnostic.code,
        "message": diagnostic.message,
        "file": file,
        "start": start,
        "end": end,
        "labels": labels,
        "notes": diagnostic.notes,
        "help": diagnostic.help,
        "fix": diagnostic.fix.as_ref().map(|it| fix(it, sources)),
    })
}

fn range(span: Span, sources: &Sources) -> (Value, Value, Value) {
    let start = sources.locate(span);
    let end = sources.locate_end(span);
    (Value::String(start.path.clone()), point(&start), point(&end))
}

fn point(location: &Location) -> Value {
    json!({ "line": location.line, "column": location.column })
}

fn label(span: Span, text: &str, sources: &Sources) -> Value {
    let (file, start, end) = range(span, sources);
    json!({ "message": text, "file": file, "start": start, "end": end })
}

fn fix(fix: &Fix, sources: &Sources) -> Value {
    let edits: Vec<Value> = fix.edits.iter().map(|it| edit(it, sources)).collect();
    json!({ "title": fix.title, "edits": edits })
}

fn edit(edit: &Edit, sources: &Sources) -> Value {
    let (file, start, end) = range(edit.span, sources);
    json!({ "replacement": edit.replacement, "file": file, "start": start, "end": end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_there_with_and_without_a_place() {
        let mut sources = Sources::new();
        let source = sources.add("a.twf", "one\ntwo\n");
        let span = Span { source, start: 4, end: 7 };
        let full = Diagnostic::error("C", span, "m").help("h").fix(span, "x", "t").label(span, "l").note("n");
        insta::assert_json_snapshot!(json(&full, &sources));
        let bare = json(&Diagnostic::info("C", None, "m"), &sources);
        assert_eq!(bare.as_object().map(serde_json::Map::len), Some(10));
        assert!(bare["file"].is_null() && bare["fix"].is_null());
    }
}
