//! Every operator: values, faults and limits.

use serde_json::{Value as Json, json};

use crate::text::source::Sources;
use crate::twf::compile_sources;
use crate::twf::machine::{CommandKind, Machine, RunInfo, TaskInfo};

/// The value of an expression in a run that started at 2026-01-01T00:00:00Z, or its fault as `CODE message`.
pub(crate) fn value(expr: &str) -> Result<Json, String> {
    let mut sources = Sources::new();
    let text = format!("workflow W(o: any):\n    n = 1\n    xs = [3, 1, 2]\n    close complete({expr})\n");
    sources.add("e.twf", &text);
    let program = compile_sources(&sources, true).program.ok_or("does not compile")?;
    let start = 1_767_225_600_000;
    let info = RunInfo {
        namespace: "ns".into(),
        workflow_id: "id".into(),
        run_id: "rid".into(),
        workflow_type: "W".into(),
        task_queue: "q".into(),
        attempt: 2,
        started_at_ms: start,
        seed: 3,
        parent_id: None,
        caller: None,
        ..RunInfo::default()
    };
    let input = json!({"o": {"a": {"b": 5}, "list": ["x", "y"], "text": "Hällo", "none": null}});
    let mut machine = Machine::start(&program, info, &input).map_err(|error| error.to_string())?;
    let task = TaskInfo { now_ms: start + 1_000, history_length: 5_000, history_bytes: 7, replaying: false };
    let commands =
        machine.task(&program, &task, &[]).map_err(|fault| format!("{} {}", fault.code, fault.message))?;
    match &commands.last().ok_or("no command")?.kind {
        CommandKind::Complete { result } => Ok(result.clone()),
        other => Err(format!("{other:?}")),
    }
}

/// Checks a table of expressions and values.
pub(crate) fn check(table: &[(&str, Json)]) {
    for (expr, expected) in table {
        assert_eq!(value(expr).as_ref(), Ok(expected), "{expr}");
    }
}

/// Checks a table of expressions and faults.
pub(crate) fn check_faults(table: &[(&str, &str)]) {
    for (expr, expected) in table {
        assert_eq!(value(expr), Err((*expected).to_string()), "{expr}");
    }
}

#[test]
fn arithmetic_is_exact_and_checked() {
    check(&[
        ("1 + 2 * 3", json!(7)),
        ("(1 + 2) * 3", json!(9)),
        ("7 / 2", json!("3.5")),
        ("6 / 2", json!("3")),
        ("1 / 3", json!("0.3333333333333333333333333333")),
        ("7 // 2", json!(3)),
        ("-7 // 2", json!(-4)),
        ("7 // -2", json!(-4)),
        ("7 % 3", json!(1)),
        ("-7 % 3", json!(2)),
        ("7 % -3", json!(-2)),
        ("7.5 // 2", json!(3)),
        ("7.5 % 2", json!("1.5")),
        ("-7.5 % 2", json!("0.5")),
        ("0.1 + 0.2", json!("0.3")),
        ("0.1 * 3 == 0.3", json!(true)),
        ("1.10 + 1", json!("2.10")),
        ("10 - 2 - 3", json!(5)),
        ("-n", json!(-1)),
        ("--n", json!(1)),
        ("1e3 + 1", json!("1001")),
    ]);
    check_faults(&[
        ("9223372036854775807 * 2", "OVERFLOW the result of `*` is too large"),
        ("-9223372036854775807 - 2", "OVERFLOW the result of `-` is too large"),
        ("79228162514264337593543950335.0 * 10", "OVERFLOW the result of `*` is too large"),
        ("1 // 0", "DIVISION_BY_ZERO division by zero"),
        ("1 % 0", "DIVISION_BY_ZERO division by zero"),
        ("1.5 / 0.0", "DIVISION_BY_ZERO division by zero"),
        ("5m / 0", "DIVISION_BY_ZERO division by zero"),
        ("1 - \"a\"", "TYPE_MISMATCH `-` cannot be used between an int and a string"),
        ("1 + null", "TYPE_MISMATCH `+` cannot be used between an int and null"),
        ("-\"a\"", "TYPE_MISMATCH `-` cannot be used on a string"),
        ("true + 1", "TYPE_MISMATCH `+` cannot be used between a bool and an int"),
    ]);
}

#[test]
fn texts_and_lists_are_joined() {
    check(&[
        ("\"a\" + \"b\" + 1 + 2.50 + true", json!("ab12.50true")),
        ("1 + \"a\"", json!("1a")),
        ("[1] + [2, [3]]", json!([1, 2, [3]])),
        ("\"t: \" + 90s", json!("t: PT1M30S")),
    ]);
    check_faults(&[
        ("\"a\" + null", "TYPE_MISMATCH `+` cannot be used between a string and null"),
        ("\"a\" + xs", "TYPE_MISMATCH `+` cannot be used between a string and a list"),
    ]);
}

#[test]
fn durations_and_moments_calculate() {
    check(&[
        ("5m + 30s", json!("PT5M30S")),
        ("5m * 2", json!("PT10M")),
        ("2 * 5m", json!("PT10M")),
        ("1h / 4", json!("PT15M")),
        ("1h / 15m", json!("4")),
        ("1h // 25m", json!(2)),
        ("1h % 25m", json!("PT10M")),
        ("1h * 0.5", json!("PT30M")),
        ("-5m", json!("-PT5M")),
        ("now()", json!("2026-01-01T00:00:01Z")),
        ("now() + 1d", json!("2026-01-02T00:00:01Z")),
        ("now() - workflow.start_time", json!("PT1S")),
        ("now() - 1s == workflow.start_time", json!(true)),
        ("5m < 1h and now() > workflow.start_time", json!(true)),
        ("5m == 300s", json!(true)),
    ]);
    check_faults(&[
        ("5m + 1", "TYPE_MISMATCH `+` cannot be used between a duration and an int"),
        ("now() + now()", "TYPE_MISMATCH `+` cannot be used between a timestamp and a timestamp"),
        ("5m < 1", "TYPE_MISMATCH a duration and an int have no order"),
    ]);
}

#[test]
fn comparisons_are_structural_and_numbers_compare_by_value() {
    check(&[
        ("1 == 1.0", json!(true)),
        ("1 == \"1\"", json!(false)),
        ("{a: 1, b: [2]} == {b: [2.0], a: 1}", json!(true)),
        ("T{a: 1} == U{a: 1}", json!(true)),
        ("{a: 1} == {a: 1, b: null}", json!(false)),
        ("[1, 2] == [2, 1]", json!(false)),
        ("null == None", json!(true)),
        ("o.none == null", json!(true)),
        ("1 != 2", json!(true)),
        ("2 < 2.5 and \"a\" < \"b\"", json!(true)),
        ("3 >= 3 and 3 <= 3 and not (3 > 3)", json!(true)),
        ("2 in xs", json!(true)),
        ("9 not in xs", json!(true)),
        ("\"a\" in o", json!(true)),
        ("\"z\" in o", json!(false)),
        ("\"äl\" in o.text", json!(true)),
        ("1 in null", json!(false)),
    ]);
    check_faults(&[
        ("null < 1", "TYPE_MISMATCH null and an int have no order"),
        ("1 in 5", "TYPE_MISMATCH an int cannot contain an int"),
    ]);
}

#[test]
fn logic_is_strict_and_short_circuits() {
    check(&[
        ("true and null", json!(false)),
        ("null or true", json!(true)),
        ("false && missing.field", json!(false)),
        ("true || 1 / 0 == 1", json!(true)),
        ("not null", json!(true)),
        ("!o", json!(false)),
        ("o.zzz ?? \"d\"", json!("d")),
        ("false ?? true", json!(false)),
        ("1 if n == 1 else 1 / 0", json!(1)),
        ("(1 / 0) if n == 2 else \"other\"", json!("other")),
    ]);
    check_faults(&[
        ("1 and true", "TYPE_MISMATCH a condition must be true or false, not an int"),
        ("not \"x\"", "TYPE_MISMATCH a condition must be true or false, not a string"),
        ("xs or true", "TYPE_MISMATCH a condition must be true or false, not a list"),
    ]);
}

#[test]
fn access_reads_missing_as_null_but_null_has_no_fields() {
    check(&[
        ("o.a.b", json!(5)),
        ("o.a.zzz", json!(null)),
        ("o.none?.x?.y", json!(null)),
        ("o?.a?.b", json!(5)),
        ("o[\"a\"][\"b\"]", json!(5)),
        ("o[\"q\"]", json!(null)),
        ("xs[0] + xs[-1]", json!(5)),
        ("o.text[1]", json!("ä")),
        ("o.text.length", json!(5)),
        ("xs.length", json!(3)),
        ("o.length", json!(4)),
        ("xs.len()", json!(3)),
        ("o.list.join(\"-\")", json!("x-y")),
        ("o.none?.len()", json!(null)),
        ("o.list?.len()", json!(2)),
        ("0..3", json!([0, 1, 2])),
        ("3..0", json!([])),
        ("{n, \"two words\": 2, nested: {n}}", json!({"n": 1, "two words": 2, "nested": {"n": 1}})),
        ("Label{n}", json!({"n": 1})),
    ]);
    check_faults(&[
        ("o.none.x", "NULL_FIELD cannot read field `x` of null"),
        ("n.x", "TYPE_MISMATCH an int has no field `x`"),
        ("xs[3]", "INDEX_RANGE position 3 is outside of a list of 3"),
        ("xs[-4]", "INDEX_RANGE position -4 is outside of a list of 3"),
        ("xs[\"a\"]", "TYPE_MISMATCH a list cannot be indexed by a string"),
        ("o.none[0]", "NULL_FIELD null has no elements"),
        ("0..9000000000", "VALUE_TOO_LARGE a value cannot have more than 4000000 elements or characters"),
    ]);
}

#[test]
fn facts_about_the_run() {
    check(&[
        ("workflow.id", json!("id")),
        ("workflow.run_id", json!("rid")),
        ("workflow.type", json!("W")),
        ("workflow.namespace", json!("ns")),
        ("workflow.task_queue", json!("q")),
        ("workflow.attempt", json!(2)),
        ("workflow.start_time", json!("2026-01-01T00:00:00Z")),
        ("workflow.history_length", json!(5_000)),
        ("workflow.history_size()", json!(7)),
        ("workflow.parent_id", json!(null)),
        ("workflow.continue_as_new_suggested", json!(true)),
        ("caller", json!(null)),
    ]);
}

#[test]
fn lambdas_see_what_is_around_them() {
    check(&[
        ("map(xs, x => x * n)", json!([3, 1, 2])),
        ("map([[1, 2], [3]], r => map(r, x => x * 10 + len(r)))", json!([[12, 22], [31]])),
        ("filter(xs, x => x > 1)", json!([3, 2])),
        ("xs.map((x, i) => x * 10 + i)", json!([30, 11, 22])),
        ("any(xs, x => x == 2) and not all(xs, x => x == 2)", json!(true)),
    ]);
    check_faults(&[
        ("map(xs, 1)", "TYPE_MISMATCH `map` needs a lambda such as `x => x.ok`"),
        ("map(xs, x => x.y)", "TYPE_MISMATCH an int has no field `y`"),
        ("[x => x]", "TYPE_MISMATCH a lambda can only be an argument of a function that takes one"),
    ]);
}

#[test]
fn a_huge_computation_ends_with_a_fault() {
    let fault = value("map(0..2000, x => map(0..2000, y => x * y))").unwrap_err();
    assert!(fault.starts_with("BUSY_LOOP"), "{fault}");
}
