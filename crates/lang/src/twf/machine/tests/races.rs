//! `await one` (language page, section 6.9), promises and conditions.

use super::*;

const RACE: &str = "
workflow W():
    state:
        condition go
    signal Go():
        set go
    await one:
        activity A(1) -> r:
            out = [\"a\", r]
        go:
            out = [\"go\"]
        timer(15m):
            out = [\"late\"]
    activity B(out)
";

#[test]
fn every_case_starts_and_the_first_to_finish_wins() {
    let program = program(RACE);
    let mut run = Driven::new(&program, json!({}));
    assert_eq!(run.task(&[]), ["1 A[1]", "2 timer 900000"]);
    assert_eq!(
        run.machine.blocked(&program)[0].reason,
        "the first of: activity A (command 1), a condition, a timer (command 2)"
    );
    assert_eq!(run.task(&[done(1, json!(5))]), ["3 cancel timer 2", r#"4 B[["a",5]]"#]);
}

#[test]
fn losers_run_on_and_only_the_timer_is_cancelled() {
    let program = program(RACE);
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    assert_eq!(run.task(&[signal("Go", json!(null))]), ["3 cancel timer 2", r#"4 B[["go"]]"#]);
    assert!(run.task(&[done(1, json!(5))]).is_empty(), "the loser's result is nobody's");
    assert_eq!(run.task(&[done(4, json!(5))]), ["5 complete null"]);
}

#[test]
fn a_pragma_cancels_the_other_losers_too() {
    let program = compile(&format!("# twf: race_losers=cancel\n{ACTIVITIES}{RACE}"), false);
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    assert_eq!(run.task(&[fired(2)]), ["3 cancel 1", r#"4 B[["late"]]"#]);
}

#[test]
fn source_order_decides_between_cases_that_are_ready_together() {
    let program = program(RACE);
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    assert_eq!(run.task(&[fired(2), done(1, json!(5))]), [r#"3 B[["a",5]]"#]);
}

#[test]
fn a_case_that_fails_first_wins_with_its_failure() {
    let text = "
workflow W():
    await one:
        activity A(1) -> r:
            close complete(r)
        timer(1m):
            close complete(\"late\")
";
    let plain = program(text);
    let mut run = Driven::new(&plain, json!({}));
    run.task(&[]);
    assert_eq!(
        run.task(&[failed(1, "Bad", "x")]),
        ["3 cancel timer 2", "4 fail ActivityFailure: activity A failed: x"]
    );
    let caught =
        program(&format!("{text}        fail e:\n            close complete([e.type, e.message])\n"));
    let mut run = Driven::new(&caught, json!({}));
    run.task(&[]);
    assert_eq!(run.task(&[failed(1, "Bad", "x")]), ["3 cancel timer 2", r#"4 complete ["Bad","x"]"#]);
}

#[test]
fn branches_can_be_a_case() {
    let program = program(
        "
workflow W():
    await one:
        await all:
            activity A(1) -> a
            activity B(2) -> b
            # both are needed
        timer(1m):
            close complete(\"late\")
    close complete([a, b])
",
    );
    let mut run = Driven::new(&program, json!({}));
    assert_eq!(run.task(&[]), ["1 timer 60000", "2 A[1]", "3 B[2]"]);
    assert!(run.task(&[done(2, json!(1))]).is_empty());
    assert_eq!(run.task(&[done(3, json!(2))]), ["4 cancel timer 1", "5 complete [1,2]"]);
}

#[test]
fn a_case_body_can_leave_the_loop_around_the_race() {
    let program = program(
        "
workflow W():
    tries = 0
    for:
        tries += 1
        await one:
            activity A(tries) -> ok:
                if (ok):
                    break
                continue
            timer(5s):
        if (tries > 5):
            close fail(\"too often\")
    close complete(tries)
",
    );
    let outcome =
        StubHost::with_answers(&program, |_, input, _| Ok(json!(input[0] == json!(3)))).run("W", &json!({}));
    assert_eq!(outcome.unwrap(), Outcome::Completed(json!(3)));
}

#[test]
fn promises_keep_their_outcome_across_iterations() {
    let program = program(
        "
workflow W():
    promise deadline <- timer(1h)
    promise work <- activity A(1)
    rounds = 0
    for:
        await one:
            work -> r:
                break
            deadline:
                close complete(\"deadline\")
            timer(1m):
                rounds += 1
    await work -> again
    close complete([rounds, r, again])
",
    );
    let mut run = Driven::new(&program, json!({}));
    assert_eq!(run.task(&[]), ["1 timer 3600000", "2 A[1]", "3 timer 60000"]);
    assert_eq!(run.task(&[fired(3)]), ["4 timer 60000"]);
    for round in 4..40 {
        assert_eq!(run.task(&[fired(round)]).len(), 1);
    }
    assert_eq!(run.task(&[done(2, json!("x"))]), ["41 cancel timer 40", r#"42 complete [37,"x","x"]"#]);
}

#[test]
fn conditions_are_levels_and_predicates_are_rechecked_after_writes() {
    let program = program(
        "
workflow W():
    state:
        condition paid
        n = 0
    signal Add(x: int):
        n += x
    signal Pay():
        set paid
        unset paid
    await condition (n >= 3)
    activity A(n)
    set paid
    await paid
    close complete(n)
",
    );
    let mut run = Driven::new(&program, json!({}));
    assert!(run.task(&[]).is_empty());
    assert!(run.task(&[signal("Add", json!(1))]).is_empty());
    assert!(run.task(&[signal("Pay", json!(null))]).is_empty(), "a level that was gone again wakes nobody");
    assert_eq!(run.task(&[signal("Add", json!([2]))]), ["1 A[3]"]);
    assert_eq!(run.task(&[done(1, json!(null))]), ["2 complete 3"]);
}

#[test]
fn waiters_are_rechecked_in_the_order_they_began_to_wait() {
    let program = program(
        "
workflow W():
    state:
        condition go
        n = 0
    signal Go():
        set go
    await all:
        if (true):
            await condition (n >= 0 and go)
            activity A(1)
        if (true):
            await go
            activity B(2)
        if (true):
            await condition (go)
            activity C(3)
",
    );
    let mut run = Driven::new(&program, json!({}));
    assert!(run.task(&[]).is_empty());
    assert_eq!(run.task(&[signal("Go", json!(null))]), ["1 A[1]", "2 B[2]", "3 C[3]"]);
}

#[test]
fn zero_and_negative_timers_fire_at_once_and_numbers_are_seconds() {
    assert_eq!(first_task("await timer(-5s)"), ["1 timer 0"]);
    assert_eq!(first_task("await timer(90)"), ["1 timer 90000"]);
    assert_eq!(first_task("await timer(\"PT1M\")"), ["1 timer 60000"]);
    assert_eq!(first_task("wait = 5s\nwait = min(wait * 3, 10s)\nawait timer(wait)"), ["1 timer 10000"]);
}
