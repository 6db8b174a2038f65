//! Cancellation (rule H10).

use super::*;

#[test]
fn pending_work_is_asked_to_stop_and_the_run_is_cancelled() {
    let program = program(
        "
workflow W():
    promise p <- activity B(2)
    await one:
        activity A(1):
        timer(1h):
",
    );
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    assert_eq!(
        run.task(&[cancel()]),
        ["4 cancel 1", "5 cancel 2", "6 cancel timer 3", "7 canceled: the run was cancelled"]
    );
}

#[test]
fn cleanup_is_not_disturbed() {
    let program = program(
        "
workflow W():
    try:
        activity A(1)
    catch e:
        close complete(\"a bare catch does not take it\")
    finally:
        activity B(\"undo\")
",
    );
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    assert_eq!(run.task(&[cancel()]), ["2 cancel 1", r#"3 B["undo"]"#]);
    assert!(run.task(&[cancel()]).is_empty(), "a second request changes nothing");
    assert_eq!(run.task(&[done(3, json!(0))]), ["4 canceled: the run was cancelled"]);
}

#[test]
fn a_program_may_catch_it_by_name_and_go_on() {
    let program = program(
        "
workflow W():
    try:
        await timer(1h)
    catch e: Canceled:
        activity B(e.type) -> r
    close complete(r)
",
    );
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    assert_eq!(run.task(&[cancel()]), ["2 cancel timer 1", r#"3 B["Canceled"]"#]);
    assert_eq!(run.task(&[done(3, json!("ok"))]), [r#"4 complete "ok""#]);
}

#[test]
fn on_cancel_cleans_up_before_the_run_ends() {
    let program = program(
        "
workflow W():
    on_cancel:
        activity B(held)
        await all:
            activity C(1)
            activity C(2)
    held = \"seat\"
    activity A(1)
",
    );
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    assert_eq!(run.task(&[cancel()]), ["2 cancel 1", r#"3 B["seat"]"#]);
    assert_eq!(run.task(&[done(3, json!(0))]), ["4 C[1]", "5 C[2]"]);
    assert_eq!(run.task(&[done(4, json!(0)), done(5, json!(0))]), ["6 canceled: the run was cancelled"]);
}

#[test]
fn every_branch_is_cancelled_at_its_own_wait() {
    let program = program(
        "
workflow W():
    await all:
        activity A(1)
        if (true):
            try:
                activity B(2)
            finally:
                activity C(3)
",
    );
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    assert_eq!(run.task(&[cancel()]), ["3 cancel 1", "4 cancel 2", "5 C[3]"]);
    assert_eq!(run.task(&[done(5, json!(0))]), ["6 canceled: the run was cancelled"]);
}

#[test]
fn a_request_before_the_first_wait_cancels_that_wait() {
    let program = program("\nworkflow W():\n    x = 1\n    activity A(x)\n");
    let mut run = Driven::new(&program, json!({}));
    assert_eq!(run.task(&[cancel()]), ["1 canceled: the run was cancelled"]);
}

#[test]
fn a_promise_can_be_cancelled() {
    let program = program(
        "
workflow W():
    promise slow <- activity A(1)
    promise clock <- timer(1h)
    cancel slow
    cancel clock
    cancel external Other(\"id-{1}\")
    try:
        await clock
    catch e: Canceled:
        pass
    try:
        await slow
    catch e: Canceled:
        close complete(e.message)
",
    );
    let mut run = Driven::new(&program, json!({}));
    assert_eq!(
        run.task(&[]),
        [
            "1 A[1]",
            "2 timer 3600000",
            "3 cancel 1",
            "4 cancel timer 2",
            "5 cancel external Other id-{1}",
            r#"6 complete "cancelled by the workflow itself""#
        ]
    );
}

#[test]
fn the_cancellation_type_says_whether_the_end_is_waited_for() {
    let program = program(
        "
workflow W():
    promise slow <- activity A(1)
        options:
            cancellation_type: wait_cancellation_completed
    promise left <- activity B(2)
        options:
            cancellation_type: abandon
    cancel slow
    cancel slow
    cancel left
    try:
        await left
    catch e: Canceled:
        pass
    await slow -> r
    activity C(r)
        options:
            cancellation_type: wait_cancellation_completed
    await timer(1h)
",
    );
    let mut run = Driven::new(&program, json!({}));
    assert_eq!(run.task(&[]), ["1 A[1]", "2 B[2]", "3 cancel 1 and wait"]);
    assert_eq!(run.task(&[done(1, json!("done anyway"))]), [r#"4 C["done anyway"]"#]);
    assert_eq!(run.task(&[cancel()]), ["5 cancel 4 and wait"]);
    // What was waited for is done; the next wait is the one that is cancelled.
    assert_eq!(run.task(&[done(4, json!(0))]), ["6 canceled: the run was cancelled"]);
}

#[test]
fn a_cancelled_call_that_was_waited_for_cancels_the_run() {
    let program = program(
        "
workflow W():
    activity A(1)
        options:
            cancellation_type: wait_cancellation_completed
",
    );
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    assert_eq!(run.task(&[cancel()]), ["2 cancel 1 and wait"]);
    let ended = Event::ActivityFailed { seq: 1, failure: Failure::canceled("stopped") };
    assert_eq!(run.task(&[ended]), ["3 canceled: activity A failed: stopped"]);
}

#[test]
fn the_body_is_cancelled_before_handlers_clean_up() {
    let program = program(
        "
workflow W():
    state:
        condition closed
    signal Put(i: int):
        activity A(i)
    signal Close():
        set closed
    await closed
    await all_handlers_finished
    close complete(\"as if nothing had happened\")
",
    );
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    run.task(&[signal("Put", json!({ "i": 1 }))]);
    run.task(&[signal("Close", json!({}))]);
    let told = run.task(&[cancel()]);
    let ended = ["2 cancel 1", "0 warn the run ends before the handler of signal `Put` does"];
    assert_eq!(told, [&ended[..], &["3 canceled: the run was cancelled"]].concat());
}
