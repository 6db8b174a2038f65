//! The checks, by code.

use super::*;
use crate::twf::parser::parse;

fn codes(text: &str) -> Vec<String> {
    let mut sources = Sources::new();
    let source = sources.add("a.twf", text);
    let parsed = parse(source, text);
    let units = [ParsedUnit { source, unit: &parsed.unit }];
    let found = check(&units, &sources, CheckOptions::default());
    found.iter().map(|it| format!("{}:{}", sources.locate(it.span.unwrap()).line, it.code)).collect()
}

#[test]
fn references_are_checked() {
    assert_eq!(codes("workflow A():\n    activity B()\n"), ["2:UNDEFINED_ACTIVITY"]);
}
