//! `await all` (language page, section 6.8).

use super::*;

#[test]
fn branches_start_in_source_order_and_share_variables() {
    let program = program(
        "
workflow W():
    await all:
        activity A(1) -> a
        activity B(2) -> b
        if (true):
            activity C(3) -> c
            activity A(c) -> c
    close complete([a, b, c])
",
    );
    let mut run = Driven::new(&program, json!({}));
    assert_eq!(run.task(&[]), ["1 A[1]", "2 B[2]", "3 C[3]"]);
    assert_eq!(run.task(&[done(3, json!("c"))]), [r#"4 A["c"]"#]);
    assert!(run.task(&[done(2, json!("b"))]).is_empty());
    let reasons: Vec<_> = run.machine.blocked(&program).into_iter().map(|it| it.reason).collect();
    assert_eq!(reasons, ["2 branches", "activity A (command 1)", "activity A (command 4)"]);
    assert_eq!(run.task(&[done(1, json!("a")), done(4, json!("cc"))]), [r#"5 complete ["a","b","cc"]"#]);
}

#[test]
fn a_fan_out_has_variables_of_its_own_and_shares_elements() {
    let program = program(
        "
workflow W(xs: any):
    total = 0
    await all:
        for (x in xs):
            activity A(x.n) -> r
            activity B(r) -> s
            x.result = r + s
            total += r
    close complete({xs, total, r})
",
    );
    let mut run = Driven::new(&program, json!({"xs": [{"n": 1}, {"n": 2}]}));
    assert_eq!(run.task(&[]), ["1 A[1]", "2 A[2]"]);
    assert_eq!(run.task(&[done(2, json!(20)), done(1, json!(10))]), ["3 B[20]", "4 B[10]"]);
    assert_eq!(
        run.task(&[done(3, json!(200)), done(4, json!(100))]),
        [r#"5 complete {"xs":[{"n":1,"result":110},{"n":2,"result":220}],"total":30,"r":null}"#]
    );
}

#[test]
fn the_collecting_form_gives_the_last_bound_value_of_each_branch() {
    let program = program(
        "
workflow W(xs: any):
    await all -> results:
        for (x in xs):
            activity A(x) -> r
            if (r == null):
                continue
            activity B(r)
    await all -> both:
        activity A(1)
        activity B(2) -> named
    close complete({results, both, named})
",
    );
    let mut run = Driven::new(&program, json!({"xs": ["p", "q"]}));
    assert_eq!(run.task(&[]), [r#"1 A["p"]"#, r#"2 A["q"]"#]);
    assert_eq!(run.task(&[done(2, json!("Q"))]), [r#"3 B["Q"]"#]);
    assert!(run.task(&[done(1, json!(null))]).is_empty());
    assert_eq!(run.task(&[done(3, json!("ignored"))]), ["4 A[1]", "5 B[2]"]);
    assert_eq!(
        run.task(&[done(4, json!(1)), done(5, json!(2))]),
        [r#"6 complete {"results":[null,"Q"],"both":[1,2],"named":2}"#]
    );
}

#[test]
fn nested_branches_write_into_the_variables_of_their_own_fan_out() {
    let program = program(
        "
workflow W(xs: any):
    await all (x in xs) -> out:
        await all:
            activity A(x) -> a
            activity B(x) -> b
        activity C(a + b) -> c
    close complete(out)
",
    );
    let outcome = StubHost::with_answers(&program, |name, input, _| {
        let n = input[0].as_i64().unwrap();
        Ok(json!(match name {
            "A" => n * 10,
            "B" => n * 100,
            _ => n + 1,
        }))
    })
    .run("W", &json!({"xs": [1, 2, 3]}))
    .unwrap();
    assert_eq!(outcome, Outcome::Completed(json!([111, 221, 331])));
}

#[test]
fn all_branches_settle_then_the_first_failure_in_source_order_is_raised() {
    let program = program(
        "
workflow W():
    await all:
        activity A(1)
        activity B(2)
        activity C(3)
",
    );
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    assert!(run.task(&[failed(3, "Late", "c")]).is_empty());
    assert!(run.task(&[done(1, json!(null))]).is_empty());
    let info = TaskInfo { now_ms: 1_000, ..TaskInfo::default() };
    let commands = run.machine.task(&program, &info, &[failed(2, "Early", "b")]).unwrap();
    let CommandKind::Fail { failure } = &commands[0].kind else { panic!("{commands:?}") };
    assert_eq!(failure.telling().type_name, "Early");
    assert_eq!(failure.suppressed.len(), 1);
    assert_eq!(failure.suppressed[0].telling().type_name, "Late");
}

#[test]
fn nothing_to_wait_for_is_no_wait() {
    let lines = first_task(
        "await all (x in []) -> none:\n    activity A(x)\nps = []\nawait all ps -> got\nclose complete([none, got])",
    );
    assert_eq!(lines, ["1 complete [[],[]]"]);
}

#[test]
fn a_list_of_promises_is_awaited_as_one() {
    let program = program(
        "
workflow W():
    ps = []
    for (n in [1, 2]):
        promise p <- activity A(n)
        ps.append(p)
    await all ps -> got
    await all ps -> again
    close complete([got, again])
",
    );
    let mut run = Driven::new(&program, json!({}));
    assert_eq!(run.task(&[]), ["1 A[1]", "2 A[2]"]);
    assert!(run.task(&[done(2, json!("b"))]).is_empty());
    assert_eq!(
        run.machine.blocked(&program)[0].reason,
        "all of: activity A (command 1), activity A (command 2)"
    );
    assert_eq!(run.task(&[done(1, json!("a"))]), [r#"3 complete [["a","b"],["a","b"]]"#]);
}
