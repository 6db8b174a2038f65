//! The checks as a whole; each single one has its line in the chapters under `specs/twf`.

use super::*;
use crate::twf::parser::parse;

fn found(files: &[(&str, &str)], lenient: bool) -> Vec<(Severity, String)> {
    let mut sources = Sources::new();
    let parsed: Vec<_> = files
        .iter()
        .map(|(path, text)| {
            let source = sources.add(path, text);
            (source, parse(source, text))
        })
        .collect();
    let units: Vec<_> =
        parsed.iter().map(|(source, it)| ParsedUnit { source: *source, unit: &it.unit }).collect();
    let found = check(&units, &sources, CheckOptions { lenient, ..CheckOptions::default() });
    let place = |it: &Diagnostic| sources.locate(it.span.unwrap());
    found
        .iter()
        .map(|it| (it.severity, format!("{}:{} {}", place(it).path, place(it).line, it.code)))
        .collect()
}

#[test]
fn texts_are_filled_by_format() {
    let text = "workflow W(id: string):\n    log(\"a ${id} b {id}\")\n";
    let mut sources = Sources::new();
    let source = sources.add("a.twf", text);
    let parsed = parse(source, text);
    let found = diagnose(&[(source, parsed)], &sources, CheckOptions::default());
    let fix = found.iter().find_map(|it| it.fix.as_ref()).unwrap();
    assert_eq!(fix.edits[0].replacement, "format(\"a {} b {}\", id, id)");
}

#[test]
fn leniently_only_syntax_stays_an_error() {
    let text = "workflow W():\n    activity A(nobody)\n        options:\n            nothing: 1\n";
    let strict = found(&[("a", text)], false);
    assert_eq!(
        strict,
        [
            (Severity::Error, "a:2 UNDEFINED_ACTIVITY".to_string()),
            (Severity::Error, "a:2 UNDEFINED_VARIABLE".to_string()),
            (Severity::Error, "a:4 SYNTAX".to_string()),
        ]
    );
    let lenient = found(&[("a", text)], true);
    let severities: Vec<_> = lenient.iter().map(|(severity, _)| *severity).collect();
    assert_eq!(severities, [Severity::Warning, Severity::Warning, Severity::Error]);
}

#[test]
fn files_without_a_package_see_each_other_and_packages_do_not() {
    let user = "workflow W():\n    activity A()\n";
    let maker = "activity A():\n    default_options:\n        start_to_close_timeout: 1m\n    pass\n";
    assert_eq!(found(&[("x/a", user), ("y/b", maker)], false), []);
    let apart = found(&[("x/a", user), ("y/b", &format!("package p\n{maker}"))], false);
    assert_eq!(apart, [(Severity::Error, "x/a:2 UNDEFINED_ACTIVITY".to_string())]);
    let twins = format!("package p\n{maker}");
    assert_eq!(found(&[("x/a", &twins), ("y/b", &twins)], false), []);
    let double = found(&[("x/a", &twins), ("x/b", &twins)], false);
    assert_eq!(double, [(Severity::Error, "x/b:2 DUPLICATE_ACTIVITY".to_string())]);
}

#[test]
fn what_an_unreadable_line_may_define_is_not_missed() {
    let text = "workflow W() -> (any):\n    activity A( ) -> result extra\n    close complete(result + other)\nactivity A():\n    pass\n";
    assert_eq!(found(&[("a", text)], false), [(Severity::Error, "a:3 UNDEFINED_VARIABLE".to_string())]);
}
