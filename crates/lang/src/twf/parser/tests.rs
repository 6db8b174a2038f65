//! The parser as a whole.

use super::*;
use crate::text::source::Sources;

/// A file's diagnostics of these codes as `line:col CODE message`.
fn diagnostics(text: &str, codes: &[&str]) -> Vec<String> {
    let mut sources = Sources::new();
    let source = sources.add("a.twf", text);
    let parsed = parse(source, text);
    let mut out = Vec::new();
    for it in parsed.diagnostics.iter().filter(|it| codes.contains(&it.code)) {
        let place = sources.locate(it.span.unwrap());
        out.push(format!("{}:{} {} {}", place.line, place.column, it.code, it.message));
    }
    out
}

#[test]
fn old_and_new_spellings_have_one_tree() {
    let old =
        "workflow A(x: int) -> R:\n    options(timeout: 5m)\n    spawn workflow B(x) -> h\n    close x\n";
    let new = "workflow A(x: int) -> (R):\n    promise h <- workflow B(x)\n        options:\n            timeout: 5m\n    close complete(x)\n";
    let tree = |text| crate::twf::dump::unit(&parse(SourceId(0), text).unit);
    assert_eq!(tree(old), tree(new));
    assert!(diagnostics(old, &["SYNTAX", "LEX"]).is_empty());
}
