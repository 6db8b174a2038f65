//! The parser as a whole: layout, precedence, places, what counts as a keyword where.

use super::*;
use crate::text::source::Sources;
use crate::twf::ast::{Definition, Stmt};
use crate::twf::dump;

/// `line:col CODE` of everything that is said about a file.
fn codes(text: &str) -> Vec<String> {
    let mut sources = Sources::new();
    let source = sources.add("a.twf", text);
    let place = |it: &Diagnostic| sources.locate(it.span.unwrap());
    let found = parse(source, text).diagnostics;
    found.iter().map(|it| format!("{}:{} {}", place(it).line, place(it).column, it.code)).collect()
}

fn tree(text: &str) -> String {
    dump::unit(&parse(SourceId(0), text).unit)
}

/// The statements of a workflow's body, with nothing to complain about but remarks.
fn body(lines: &str) -> String {
    let text = format!("workflow W():\n    {}\n", lines.replace('\n', "\n    "));
    let parsed = parse(SourceId(0), &text);
    let serious: Vec<_> = parsed
        .diagnostics
        .iter()
        .filter(|it| matches!(it.code, "SYNTAX" | "LEX" | "RAW_STATEMENT"))
        .collect();
    assert!(serious.is_empty(), "{text}\n{serious:?}");
    match &parsed.unit.definitions[..] {
        [Definition::Workflow(workflow)] => dump::block(&workflow.body).trim().to_string(),
        other => panic!("{other:?}"),
    }
}

fn value(expr: &str) -> String {
    let (found, diagnostics) = parse_expression(SourceId(0), expr, 0);
    let serious: Vec<_> = diagnostics.iter().filter(|it| it.code != "EXTENSION_SYNTAX").collect();
    assert!(serious.is_empty(), "{expr}: {serious:?}");
    dump::expr(&found)
}

const FILE: &str = "# doc\nworkflow W(a: int) -> (int):\n    # first\n    state:\n        condition c\n    if (a > 1):\n        \
    activity A(a,\n            2) -> b\n    close complete(b)\nactivity A(a, b):\n    return a\n";

#[test]
fn layout_does_not_change_the_tree() {
    let expected = tree(FILE);
    assert_eq!(codes(FILE), Vec::<String>::new());
    for other in [
        FILE.replace('\n', "\r\n"),
        FILE.replace("    ", "\t"),
        FILE.replace("    ", "  "),
        FILE.trim_end().to_string(),
        format!("\u{feff}{FILE}"),
        FILE.replace('\n', "   \n"),
        FILE.replace(":\n", ": # remark\n"),
        FILE.replace(")\n", ") # remark\n\n        # deeper\n# outer\n\n"),
        FILE.lines().map(|line| format!("      {line}\n")).collect::<Vec<_>>().concat(),
    ] {
        assert_eq!(tree(&other), expected, "{other:?}");
        assert_eq!(codes(&other), Vec::<String>::new(), "{other:?}");
    }
}

#[test]
fn operators_bind_as_the_language_says() {
    for (expr, expected) in [
        ("a ?? b or c", "(a ?? (b or c))"),
        ("a or b and c", "(a or (b and c))"),
        ("a and not b == c", "(a and (not (b == c)))"),
        ("not a in b", "(not (a in b))"),
        ("a not in b or c", "((a not in b) or c)"),
        ("a < b + c", "(a < (b + c))"),
        ("1 .. n - 1", "(1 .. (n - 1))"),
        ("a - b - c", "((a - b) - c)"),
        ("a * b // c % d / e", "((((a * b) // c) % d) / e)"),
        ("-a.b + -1", "((- a.b) + (- 1))"),
        ("a.b?.c[d].f(e)", "a.b?.c[d].f(e)"),
        ("a if b else c if d else e", "(a if b else (c if d else e))"),
        ("(a, b) => a + b", "((a, b) => (a + b))"),
        ("a<-b+c", "(a < ((- b) + c))"),
        ("f(x, y: 1).g(z)", "f(x, y: 1).g(z)"),
        ("a == !b", "(a == (not b))"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("[1, [], {}, T{}, T{...},]", "[1, [], {}, T{}, T{}]"),
        ("{\"a b\": 1, c, d: {e}}", "{a b: 1, c: c, d: {e: e}}"),
        ("None == null", "(null == null)"),
        ("state.next + query[update]", "(state.next + query[update])"),
    ] {
        assert_eq!(value(expr), expected, "{expr}");
    }
}

#[test]
fn words_are_keywords_only_where_they_fit() {
    for line in [
        "type = 3",
        "raise = catch",
        "cancel += 1",
        "try = finally",
        "pass = 1",
        "state = status",
        "update.id = 1",
        "workflow.id = 1",
        "heartbeat = external",
        "spawn = child",
        "options = parallel",
        "validator = reject",
        "log(signal.amount, update, query, set)",
    ] {
        let shown = body(line);
        assert!(shown.contains('=') || shown.contains("log("), "{line}: {shown}");
    }
}

#[test]
fn sends_and_handlers_are_told_apart_by_one_token() {
    let tree = tree(
        "workflow W():\n    signal A():\n        pass\n    signal a.B(1)\n    signal external W(1).A()\n",
    );
    assert!(
        tree.contains("on signal A()")
            && tree.contains("send a.B(1)")
            && tree.contains("send external W(1).A()")
    );
}

#[test]
fn statements_span_their_first_line() {
    let text = "workflow W(a):\n    if (a): # why\n        activity A(a,\n            1) -> r\n            options:\n                x: 1\n";
    let parsed = parse(SourceId(0), text);
    let Some(Definition::Workflow(workflow)) = parsed.unit.definitions.first() else { panic!("{parsed:?}") };
    let shown = |stmt: &Stmt| text[stmt.span.start as usize..stmt.span.end as usize].to_string();
    assert_eq!(shown(&workflow.body[0]), "if (a):");
    assert_eq!(&text[workflow.span.start as usize..workflow.span.end as usize], "workflow W(a):");
    let crate::twf::ast::StmtKind::If(_, then, _) = &workflow.body[0].kind else { panic!("{workflow:?}") };
    assert_eq!(shown(&then[0]), "activity A(a,\n            1) -> r");
}

#[test]
fn each_form_of_ours_is_noted_once() {
    for line in [
        "cancel h",
        "raise T(1)",
        "try:\n    pass\ncatch:\n    pass",
        "if (a):\n    pass\nelif (b):\n    pass",
        "switch (a):\n    case 1, 2:\n        pass",
        "a[0] = 1",
        "await (a)",
        "await condition (a)",
        "await all_handlers_finished",
        "await all xs",
        "await all -> r:\n    pass",
        "await all (x in xs):\n    pass",
        "x = a if b else c",
        "x = 1h30m",
        "signal external W(1).S()",
        "activity A() -> a[0]",
        "await one:\n    fail e:\n        pass\n    a:",
        "activity A()\n    options:\n        memo: a + 1",
        "await activity A()\n    options:\n        summary: \"x\"",
    ] {
        let text = format!("workflow W():\n    {}\n", line.replace('\n', "\n    "));
        let codes = codes(&text);
        assert_eq!(codes.len(), 1, "{line}: {codes:?}");
        assert!(codes[0].ends_with("EXTENSION_SYNTAX"), "{line}: {codes:?}");
        body(line);
    }
}

#[test]
fn expressions_inside_other_texts_keep_their_places() {
    let (expr, diagnostics) = parse_expression(SourceId(3), "a + ", 100);
    assert_eq!(expr.kind, crate::twf::ast::ExprKind::Error);
    let span = diagnostics[0].span.unwrap();
    assert_eq!((span.source, span.start), (SourceId(3), 103));
    let (expr, _) = parse_expression(SourceId(3), " order.id ", 100);
    assert_eq!((expr.span.start, expr.span.end), (101, 109));
    let (_, diagnostics) = parse_expression(SourceId(3), "a b", 0);
    assert_eq!(diagnostics[0].message, "expected the end of the line, found `b`");
}

#[test]
fn options_before_nothing_are_defaults_or_a_warning() {
    assert!(
        tree("workflow W():\n    options(timeout: 5m)\n    x = 1\n")
            .contains("defaults\n    timeout: 300000ms")
    );
    let late = codes("workflow W():\n    x = 1\n    options(timeout: 5m)\n    x = 2\n");
    assert_eq!(late, ["3:5 LEGACY_SYNTAX"]);
    let inner = codes("workflow W():\n    if (a):\n        options(timeout: 5m)\n");
    assert_eq!(inner, ["3:9 LEGACY_SYNTAX"]);
}
