//! The checks as a whole; each single one has its line in the chapters under `specs/twf`.

use super::*;
use crate::twf::parser::parse;

fn found(files: &[(&str, &str)], lenient: bool) -> Vec<(Severity, String)> {
    found_with(files, CheckOptions { lenient, ..CheckOptions::default() })
}

fn found_with(files: &[(&str, &str)], options: CheckOptions<'_>) -> Vec<(Severity, String)> {
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
    let found = check(&units, &sources, options);
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

/// A project that calls `door` from the namespace `shop`, with one worker of `bank` that serves a service.
const CALLS: &str = "\
workflow Shop(p: any) -> (any):
    nexus door Cards.Charge(p) -> receipt
        options:
            schedule_to_close_timeout: 1m
    return receipt

nexus service Money:
    sync Count() -> (int):
        return 1

worker W:
    workflow Shop

worker B:
    nexus service Money

namespace shop:
    worker W
        options:
            task_queue: \"shop\"

namespace bank:
    worker B
        options:
            task_queue: \"bank\"
";

fn codes(text: &str, endpoints: &KnownEndpoints) -> Vec<String> {
    let found = found_with(&[("a", text)], CheckOptions { lenient: false, endpoints });
    found.into_iter().map(|(_, found)| found).collect()
}

fn known(name: &str, known: Known) -> KnownEndpoints {
    [(name.to_owned(), known)].into_iter().collect()
}

fn here(namespace: &str, task_queue: &str) -> KnownEndpoints {
    known("door", Known::Here { namespace: namespace.into(), task_queue: task_queue.into() })
}

#[test]
fn services_of_others_are_not_looked_up() {
    assert_eq!(
        codes(CALLS, &KnownEndpoints::default()),
        ["a:2 NEXUS_UNDEFINED_ENDPOINT", "a:2 NEXUS_UNDEFINED_SERVICE"]
    );
    let none: [&str; 0] = [];
    assert_eq!(codes(CALLS, &known("door", Known::Elsewhere)), none);
    assert_eq!(codes(CALLS, &KnownEndpoints::any()), none);
    let other = codes(CALLS, &known("gate", Known::Elsewhere));
    assert_eq!(other[0], "a:2 NEXUS_UNDEFINED_ENDPOINT");
}

#[test]
fn known_endpoints_of_a_namespace_are_held_to_its_services() {
    assert_eq!(codes(CALLS, &here("bank", "bank")), ["a:2 NEXUS_UNDEFINED_SERVICE"]);
    let calls = CALLS.replace("Cards.Charge(p)", "Money.Count()");
    let none: [&str; 0] = [];
    assert_eq!(codes(&calls, &here("bank", "bank")), none);
    assert_eq!(codes(&calls, &here("bank", "cellar")), ["a:2 ENDPOINT_SERVICE_LINKAGE"]);
    assert_eq!(codes(&calls, &here("elsewhere", "any")), none, "workers there are none of these files'");
    let local = codes(&calls, &here("shop", "shop"));
    assert!(local.contains(&"a:2 NEXUS_LOCAL_NAMESPACE".to_owned()), "{local:?}");
    let everywhere = format!("# twf: services=everywhere\n{calls}");
    assert_eq!(codes(&everywhere, &here("bank", "cellar")), none);
}

#[test]
fn a_call_ends_when_its_start_and_what_follows_do() {
    for (options, is_reported) in [
        ("schedule_to_close_timeout: 1m", false),
        ("start_to_close_timeout: 1m", true),
        ("schedule_to_start_timeout: 1m", true),
        ("scheduleToStartTimeout: 1m\n            startToCloseTimeout: 1m", false),
    ] {
        let text = CALLS.replace("schedule_to_close_timeout: 1m", options);
        let found = codes(&text, &known("door", Known::Elsewhere));
        assert_eq!(
            found.iter().any(|it| it.ends_with("NEXUS_NO_DEADLINE")),
            is_reported,
            "{options}: {found:?}"
        );
    }
}
