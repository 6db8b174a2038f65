//! Control flow, assignment, closing, builtins with effects.

use std::fmt::Write;

use super::*;

#[test]
fn loops_branches_and_switches_do_what_they_say() {
    let lines = first_task(
        "log_lines = []
for (x in range(10)):
    if (x == 2):
        continue
    elif (x > 5):
        break
    switch (x):
        case 0, 1:
            log_lines.append(\"low\")
        case 3:
            log_lines.append(\"three\")
        else:
            log_lines.append(x)
n = 0
for (n < 3):
    n += 1
for:
    n *= 2
    if (n > 20):
        break
seen = []
for (k, v in {a: 1, b: 2}):
    seen.append(k + v)
for (k in {z: 1}):
    seen.append(k)
for (i, v in [\"p\", \"q\"]):
    seen.append(i + v)
close complete({log_lines, n, seen})",
    );
    assert_eq!(
        lines,
        [r#"1 complete {"log_lines":["low","low","three",4,5],"n":24,"seen":["a1","b2","z","0p","1q"]}"#]
    );
}

#[test]
fn assignments_reach_into_values_and_objects_are_shared() {
    let lines = first_task(
        "user = {name: \"a\", tags: [1, 2]}
same = user
same.name = \"b\"
user.tags[1] += 5
user.tags[-1] *= 2
user[\"extra\"] = {}
user.extra.deep = true
copy_of = copy(user)
copy_of.name = \"c\"
close complete(user)",
    );
    assert_eq!(lines, [r#"1 complete {"name":"b","tags":[1,14],"extra":{"deep":true}}"#]);
}

#[test]
fn a_loop_does_not_see_its_own_changes() {
    let lines = first_task("xs = [1, 2]\nfor (x in xs):\n    xs.append(x)\nclose complete(xs)");
    assert_eq!(lines, ["1 complete [1,2,1,2]"]);
}

#[test]
fn falling_off_the_end_and_return_complete_the_run() {
    assert_eq!(first_task("x = 1"), ["1 complete null"]);
    assert_eq!(first_task("return 5"), ["1 complete 5"]);
    assert_eq!(first_task("close complete"), ["1 complete null"]);
    assert_eq!(first_task("if (true):\n    return 1\nreturn 2"), ["1 complete 1"]);
}

#[test]
fn close_fail_builds_an_application_failure() {
    assert_eq!(first_task("close fail(\"no\")"), ["1 fail WorkflowFailed: no"]);
    assert_eq!(first_task("close fail(Declined{reason: \"poor\"})"), ["1 fail Declined: poor"]);
    assert_eq!(first_task("close fail(Declined(\"poor\", 5))"), ["1 fail Declined: poor"]);
    assert_eq!(first_task("close fail({status: \"x\", error: \"y\"})"), ["1 fail WorkflowFailed: y"]);
    assert_eq!(first_task("raise Bad(\"q\")"), ["1 fail Bad: q"]);
}

#[test]
fn continue_as_new_takes_arguments_by_position_and_name() {
    let program = program(
        "
workflow W(n: int, note: string = \"-\"):
    if (n > 2):
        close complete(n)
    await timer(1s)
    close continue_as_new(n + 1, note: \"again\")
",
    );
    let mut run = Driven::new(&program, json!({"n": 1}));
    assert_eq!(run.task(&[]), ["1 timer 1000"]);
    assert_eq!(run.task(&[fired(1)]), [r#"2 continue {"n":2,"note":"again"}"#]);
    let outcome = StubHost::new(&program).run("W", &json!({"n": 0})).unwrap();
    assert_eq!(outcome, Outcome::Completed(json!(3)));
}

#[test]
fn a_simulation_that_never_ends_is_stopped_and_not_the_process() {
    for (body, what) in
        [("workflow W(n) -> child", "10 000 runs"), ("close continue_as_new(n)", "100 000 workflow tasks")]
    {
        let program = program(&format!("\nworkflow W(n: int):\n    {body}\n"));
        let stopped = StubHost::new(&program).run("W", &json!({"n": 0})).unwrap_err();
        assert!(stopped.to_string().contains(what), "{stopped}");
    }
}

#[test]
fn logs_stand_before_what_follows_and_are_silent_on_replay() {
    let program =
        program("\nworkflow W():\n    log(\"a\", 1)\n    activity A(1)\n    log(\"warn\", \"end\")\n");
    let mut run = Driven::new(&program, json!({}));
    assert_eq!(run.task(&[]), ["0 info a 1", "1 A[1]"]);
    assert_eq!(run.task(&[done(1, json!(null))]), ["0 warn end", "2 complete null"]);
    let mut again = Machine::start(&program, info("W"), &json!({})).unwrap();
    let replay = TaskInfo { now_ms: 1_000, history_length: 3, history_bytes: 99, replaying: true };
    let commands = again.task(&program, &replay, &[]).unwrap();
    assert_eq!(commands.iter().map(line).collect::<Vec<_>>(), ["1 A[1]"]);
}

#[test]
fn notes_of_a_run_are_commands() {
    let lines =
        first_task("set_memo({a: 1})\nset_search_attributes({b: \"x\"})\nset_details(\"d\")\nactivity A(1)");
    assert_eq!(lines, [r#"1 memo {"a":1}"#, r#"2 attributes {"b":"x"}"#, "3 details d", "4 A[1]"]);
}

#[test]
fn a_loop_that_never_waits_fails_the_task() {
    let program = compile("workflow W():\n    n = 0\n    for (n >= 0):\n        n = 1\n", true);
    let fault = Driven::new(&program, json!({})).fault(&[]);
    assert!(fault.starts_with("BUSY_LOOP more than 2000000 steps"), "{fault}");
}

#[test]
fn faults_name_what_is_wrong() {
    for (body, expected) in [
        ("x = null\ny = x.name", "NULL_FIELD cannot read field `name` of null"),
        ("x = [1]\ny = x[3]", "INDEX_RANGE position 3 is outside of a list of 1"),
        ("x = 1 / 0", "DIVISION_BY_ZERO division by zero"),
        ("x = 9223372036854775807 + 1", "OVERFLOW the result of `+` is too large"),
        ("if (get({v: 1}, \"v\")):\n    pass", "TYPE_MISMATCH a condition must be true or false, not an int"),
        ("x = 1 < get({v: \"a\"}, \"v\")", "TYPE_MISMATCH an int and a string have no order"),
        ("x = get({v: \"a\"}, \"v\") * 2", "TYPE_MISMATCH `*` cannot be used between a string and an int"),
        (
            "for (x in get({v: 5}, \"v\")):\n    pass",
            "TYPE_MISMATCH `for` goes over a list or object, not an int",
        ),
        (
            "x = {}\nx.self = x\nclose complete(x)",
            "VALUE_TOO_DEEP the value nests deeper than 128 levels, or contains itself",
        ),
        (
            "promise x <- timer(1s)\nx = 5\nawait x",
            "NOT_A_PROMISE only a promise or condition can be awaited, this is an int",
        ),
        ("x = duration(\"5 parsecs\")", "BAD_VALUE `5 parsecs` is no duration; write it as `5m` or `PT5M`"),
        (
            "promise p <- timer(1s)\nclose complete(p)",
            "TYPE_MISMATCH a promise cannot leave its run; await it and pass its value",
        ),
    ] {
        assert_eq!(fault_of(body), expected, "{body}");
    }
}

#[test]
fn a_fault_points_at_its_expression() {
    let program = program("\nworkflow W(o: any):\n    ok = 1\n    x = o.a.b\n");
    let mut run = Driven::new(&program, json!({"o": {}}));
    let fault = run.try_task(&[]).unwrap_err();
    let mut sources = Sources::new();
    sources.add("test.twf", &format!("{ACTIVITIES}\nworkflow W(o: any):\n    ok = 1\n    x = o.a.b\n"));
    assert_eq!(sources.slice(fault.span), "o.a.b");
}

#[test]
fn deep_expressions_and_nesting_run_in_a_small_stack() {
    let sum = vec!["1"; 250].join(" + ");
    assert_eq!(first_task(&format!("close complete({sum})")), ["1 complete 250"]);
    let lambdas = format!("{}1{}", "map([1], x => ".repeat(30), ")".repeat(30));
    assert_eq!(first_task(&format!("close complete(len({lambdas}))")), ["1 complete 1"]);
    let mut body = String::new();
    for depth in 0..28 {
        writeln!(body, "{}try:", "    ".repeat(depth)).unwrap();
    }
    writeln!(body, "{}close complete(\"deep\")", "    ".repeat(28)).unwrap();
    for depth in (0..28).rev() {
        let indent = "    ".repeat(depth);
        writeln!(body, "{indent}finally:\n{indent}    n = {depth}").unwrap();
    }
    assert_eq!(first_task(body.trim_end()), [r#"1 complete "deep""#]);
}

#[test]
fn blocks_that_would_grow_without_bound_are_refused() {
    // Each `finally` stands in the code once for every way out of its block.
    let mut body = String::from("workflow W():\n");
    for depth in 1..14 {
        let indent = "    ".repeat(depth);
        writeln!(body, "{indent}try:\n{indent}    return 1\n{indent}finally:\n").unwrap();
    }
    writeln!(body, "{}return 2", "    ".repeat(14)).unwrap();
    let mut sources = Sources::new();
    sources.add("test.twf", &body);
    let compiled = compile_sources(&sources, false);
    assert!(compiled.program.is_none());
    assert!(compiled.diagnostics.iter().any(|it| it.code == "TOO_LARGE"), "{:?}", compiled.diagnostics);
}
