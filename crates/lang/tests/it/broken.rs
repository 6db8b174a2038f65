//! Broken files: what is said about them, and where exactly.

use nexus_lang::text::diagnostic::Severity;
use nexus_lang::text::render::{concise, terminal};
use nexus_lang::text::source::Sources;
use nexus_lang::twf::check::{CheckOptions, ParsedUnit, check};
use nexus_lang::twf::parser::parse;

/// Errors and warnings of a file, as a compiler writes them.
fn report(text: &str) -> String {
    let mut sources = Sources::new();
    let source = sources.add("a.twf", text);
    let parsed = parse(source, text);
    let mut all = parsed.diagnostics.clone();
    all.extend(check(&[ParsedUnit { source, unit: &parsed.unit }], &sources, CheckOptions::default()));
    nexus_lang::text::diagnostic::sort(&mut all);
    let serious = all.iter().filter(|it| it.severity != Severity::Info);
    serious.map(|it| concise(it, &sources)).collect::<Vec<_>>().join("\n")
}

/// Lines of a workflow `W(a)` that starts in line 4, with what is said about them.
const STATEMENTS: &[(&str, &str)] = &[
    ("activity A(a b)", "a.twf:5:18: error[SYNTAX]: expected `,` or `)` after an argument, found `b`"),
    ("activity A", "a.twf:5:15: error[SYNTAX]: expected `(` after the name, found the end of the line"),
    ("activity (a)", "a.twf:5:14: error[SYNTAX]: expected the name of an activity, found `(`"),
    ("activity A(a) ->", "a.twf:5:21: error[SYNTAX]: expected a variable, found the end of the line"),
    ("activity A(a) -> r s", "a.twf:5:24: error[SYNTAX]: expected the end of the line, found `s`"),
    ("activity A(a) # ok\n        foo: 1", "a.twf:6:9: error[SYNTAX]: unexpected indentation"),
    (
        "promise p = activity A(a)",
        "a.twf:5:15: error[SYNTAX]: expected `<-` after the name of a promise, found `=`",
    ),
    ("await timer 5m)", "a.twf:5:19: error[SYNTAX]: expected the end of the line, found `)`"),
    ("awiat timer(5m)", "a.twf:5:5: error[SYNTAX]: `awiat` begins no statement"),
    ("nexus Ep Svc(a)", "a.twf:5:17: error[SYNTAX]: expected `.` after the service, found `(`"),
    ("nexus \"ns\" Op(a)", "a.twf:5:16: error[SYNTAX]: expected `workflow` after the namespace, found `Op`"),
    ("if (a > ):\n        pass", "a.twf:5:13: error[SYNTAX]: expected an expression, found `)`"),
    (
        "if (a)\n        pass",
        "a.twf:5:11: error[SYNTAX]: expected `:` after the expression, found the end of the line",
    ),
    (
        "for (x of a):\n        pass",
        "a.twf:5:12: error[SYNTAX]: expected `)` after the expression, found `of`",
    ),
    ("close complete(a", "a.twf:5:19: error[LEX]: this `(` is never closed"),
    ("a = \"ä\" + \"b", "a.twf:5:15: error[LEX]: this string is not closed on its line"),
    ("set", "a.twf:5:8: error[SYNTAX]: expected the name of a condition, found the end of the line"),
    ("return activity A(a)", "a.twf:5:12: error[SYNTAX]: a call is a statement, not a value"),
    ("signal p.X", "a.twf:5:15: error[SYNTAX]: expected `(` after the name, found the end of the line"),
    (
        "signal p.X()",
        "a.twf:5:12: error[SIGNAL_SEND_HANDLE_NOT_WORKFLOW]: `p` is no promise of a workflow call",
    ),
    (
        "a = 9223372036854775808",
        "a.twf:5:9: error[RAW_STATEMENT]: this line cannot be read as a statement: the number 9223372036854775808 does not fit into 64 bits",
    ),
];

/// Whole files with what is said about them.
const FILES: &[(&str, &str)] = &[
    (
        "workflow W(a)\n    close complete\n",
        "a.twf:1:14: error[SYNTAX]: expected `:` after the workflow header, found the end of the line",
    ),
    ("workflow W(a:):\n    close complete\n", "a.twf:1:14: error[SYNTAX]: expected a type, found `)`"),
    (
        "workflow (a):\n    close complete\n",
        "a.twf:1:10: error[SYNTAX]: expected the name of a workflow, found `(`",
    ),
    (
        "workfow W(a):\n    close complete\n",
        "a.twf:1:1: error[SYNTAX]: expected a definition, found `workfow`",
    ),
    (
        "nexus endpoint E:\n    x: 1\n",
        "a.twf:1:7: error[SYNTAX]: an endpoint stands inside a `namespace` block",
    ),
    (
        "nexus service S:\n    asnc A workflow B\n",
        "a.twf:2:5: error[SYNTAX]: expected `async` or `sync`, found `asnc`",
    ),
    (
        "activity A():\n    pass\n  x = 1\n",
        "a.twf:3:1: error[LEX]: inconsistent indentation: this line closes a block to a level that was never opened",
    ),
    (
        "\tactivity A():\n\t\tpass\n        x = 1\n",
        "a.twf:3:1: error[LEX]: tabs and spaces are mixed in the indentation of this file",
    ),
];

#[test]
fn every_error_of_a_statement_stands_where_it_was_made() {
    for (line, expected) in STATEMENTS {
        let text = format!("activity A(x):\n    pass\n\nworkflow W(a):\n    {line}\n    activity A(a)\n");
        assert_eq!(report(&text), *expected, "{text}");
    }
}

#[test]
fn every_error_of_a_file_stands_where_it_was_made() {
    for (text, expected) in FILES {
        assert_eq!(report(text), *expected, "{text}");
    }
}

/// One broken line costs one line: what stands before and after it is read.
#[test]
fn recovery_is_by_line_and_by_block() {
    let text = "workflow W(a):
    activity One(
    activity Two(a) -> -> b
    if (a ==):
        activity Three(a)
    await one:
        sgnal X:
            pass
        timer(5m):
            activity Four(a)
    for x in:
        activity Five(a)
    frobnicate the thing
    activity Six(a)

wrkflow V():
    activity Lost()

activity Six(a):
    pass
";
    insta::assert_snapshot!(report(text));
}

#[test]
fn suggestions_help() {
    let text = "workflow W(order):\n    activity Chrage(order)\n        options:\n            heartbeat_timout: 5s\n    close complete(ordr)\n\nactivity Charge(order):\n    pass\n";
    let mut sources = Sources::new();
    let source = sources.add("shop/a.twf", text);
    let parsed = parse(source, text);
    let all = check(&[ParsedUnit { source, unit: &parsed.unit }], &sources, CheckOptions::default());
    let shown: Vec<String> = all.iter().map(|it| terminal(it, &sources, false)).collect();
    insta::assert_snapshot!(shown.join("\n\n"));
}
