//! Which findings which comments silence.

use super::*;
use crate::twf::check::{CheckOptions, diagnose};
use crate::twf::parser::parse;

/// What remains of a file's findings, as `line CODE`.
fn remains(text: &str) -> Vec<String> {
    let (found, sources) = all(text);
    let line = |it: &Diagnostic| format!("{} {}", sources.locate(it.span.unwrap()).line, it.code);
    found.iter().map(line).collect()
}

fn all(text: &str) -> (Vec<Diagnostic>, Sources) {
    let mut sources = Sources::new();
    let source = sources.add("a.twf", text);
    let parsed = [(source, parse(source, text))];
    (diagnose(&parsed, &sources, CheckOptions::default()), sources)
}

#[test]
fn the_end_of_a_line_speaks_for_its_line() {
    let text = "activity A():  # twf:lint-ignore EMPTY_ACTIVITY\n    # soon\nactivity B():\n    # soon\n";
    assert_eq!(remains(text), ["3 EMPTY_ACTIVITY"]);
    let several = "workflow W(a):\n    close complete(\n        a\n    )  # twf:lint-ignore\n    log(a)\n";
    assert_eq!(remains(several), ["4 UNUSED_IGNORE", "5 UNREACHABLE_CODE"]);
}

#[test]
fn a_line_of_its_own_speaks_for_the_statement_or_definition_below() {
    let body = "    if (a):\n        return a\n        log(a)\n    else:\n        return a\n        log(a)\n";
    let text = format!("workflow W(a):\n    # twf:lint-ignore UNREACHABLE_CODE\n{body}    log(a)\n");
    assert_eq!(remains(&text), ["9 UNREACHABLE_CODE"]);
    let text = format!(
        "# Doc.\n# twf:lint-ignore UNREACHABLE_CODE: on purpose\n@a\nworkflow W(a):\n{body}    log(a)\nworkflow V():\n"
    );
    let rest = remains(&text);
    assert!(!rest.iter().any(|it| it.contains("UNREACHABLE")), "{rest:?}");
}

#[test]
fn a_file_can_be_spoken_for() {
    let text =
        "activity A():\n    # soon\nactivity B():\n    # soon\n# twf:lint-ignore-file EMPTY_ACTIVITY\n";
    assert_eq!(remains(text), [""; 0]);
}

#[test]
fn errors_stay_unless_they_are_doubtful() {
    let text = "workflow W():\n    # twf:lint-ignore\n    activity A()\n";
    assert_eq!(remains(text), ["2 UNUSED_IGNORE", "3 UNDEFINED_ACTIVITY"]);
    let named = "workflow W():\n    activity A()  # twf:lint-ignore UNDEFINED_ACTIVITY\n";
    assert_eq!(remains(named), ["2 UNDEFINED_ACTIVITY", "2 UNUSED_IGNORE"]);
    let busy = "workflow W(a):\n    # twf:lint-ignore BUSY_LOOP\n    for (a.x):\n        log(a)\n";
    assert_eq!(remains(busy), [""; 0]);
}

#[test]
fn comments_that_do_nothing_are_told_with_their_removal() {
    let text = "activity A():  # twf:lint-ignore EMPTY_ACTIVTY, EMPTY_WORKER, UNBOUND_ACTIVITY\n    pass\n";
    let (found, _) = all(text);
    let codes: Vec<_> = found.iter().map(|it| it.code).collect();
    assert_eq!(codes, ["UNKNOWN_LINT", "UNUSED_IGNORE"]);
    assert_eq!(found[0].help.as_deref(), Some("did you mean `EMPTY_ACTIVITY`?"));
    let mut fixed = text.to_string();
    for it in found.iter().rev() {
        let edit = &it.fix.as_ref().unwrap().edits[0];
        fixed.replace_range(edit.span.start as usize..edit.span.end as usize, &edit.replacement);
    }
    assert_eq!(fixed, "activity A():  # twf:lint-ignore EMPTY_ACTIVITY, UNBOUND_ACTIVITY\n    pass\n");
    let alone = "    # twf:lint-ignore EMPTY_WORKER\n";
    let (found, _) = all(alone);
    let edit = &found[0].fix.as_ref().unwrap().edits[0];
    assert_eq!((edit.span.start, edit.span.end as usize), (0, alone.len()));
}

#[test]
fn other_comments_are_no_directives() {
    for text in ["# twf:lint-ignored\n", "# twf: race_losers=cancel\n", "# about twf:lint-ignore\n"] {
        assert_eq!(remains(text), [""; 0], "{text}");
    }
}

#[test]
fn every_comment_around_a_finding_counts() {
    let text = "# twf:lint-ignore-file UNREACHABLE_CODE\n# twf:lint-ignore EMPTY_WORKFLOW, UNREACHABLE_CODE\nworkflow W(a):\n    # twf:lint-ignore UNREACHABLE_CODE\n    if (a):\n        return a\n        log(a)  # twf:lint-ignore UNREACHABLE_CODE\n    log(a)  # twf:lint-ignore UNREACHABLE_CODE\n";
    assert_eq!(remains(text), ["2 UNUSED_IGNORE", "8 UNUSED_IGNORE"]);
}
