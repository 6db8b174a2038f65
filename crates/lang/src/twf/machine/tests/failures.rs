//! `try`, `raise`, capture, and what is told about a failure (rules H4 to H6).

use super::*;

/// A body whose first activity fails with `Declined("no funds")`; the commands after that.
fn after_failure(body: &str) -> Vec<String> {
    let program = program(&format!("\nworkflow W():\n    {}\n", body.replace('\n', "\n    ")));
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    run.task(&[failed(1, "Declined", "no funds")])
}

#[test]
fn an_uncaught_failure_fails_the_run_with_its_cause() {
    let program = program("\nworkflow W():\n    activity A(1)\n");
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    let info = TaskInfo { now_ms: 1_000, ..TaskInfo::default() };
    let commands = run.machine.task(&program, &info, &[failed(1, "Declined", "no funds")]).unwrap();
    let CommandKind::Fail { failure } = &commands[0].kind else { panic!() };
    assert_eq!(
        (failure.kind.as_str(), failure.cause.as_ref().unwrap().type_name.as_str()),
        ("activity", "Declined")
    );
}

#[test]
fn a_failure_is_caught_by_type_anywhere_in_its_chain() {
    let caught = "try:\n    activity A(1)\ncatch e: Declined:\n    close complete([e.type, e.message, e.kind, e.retryable])";
    assert_eq!(after_failure(caught), [r#"2 complete ["Declined","no funds","application",true]"#]);
    let missed = "try:\n    activity A(1)\ncatch e: Other:\n    close complete(1)";
    assert_eq!(after_failure(missed), ["2 fail ActivityFailure: activity A failed: no funds"]);
    let bare = "try:\n    activity A(1)\ncatch:\n    close complete(\"any\")";
    assert_eq!(after_failure(bare), [r#"2 complete "any""#]);
    let raised = "try:\n    activity A(1)\ncatch e:\n    raise e";
    assert_eq!(after_failure(raised), ["2 fail Declined: no funds"]);
}

#[test]
fn finally_runs_on_every_way_out() {
    let ok = "try:\n    activity A(1)\ncatch e:\n    x = e.message\nfinally:\n    activity B(x)\nclose complete(x)";
    assert_eq!(after_failure(ok), [r#"2 B["no funds"]"#]);
    let missed = "try:\n    activity A(1)\ncatch e: Other:\n    pass\nfinally:\n    log(\"f\")";
    assert_eq!(after_failure(missed), ["0 info f", "2 fail ActivityFailure: activity A failed: no funds"]);
    let from_catch = "try:\n    activity A(1)\ncatch e:\n    raise Second(\"s\")\nfinally:\n    log(\"f\")";
    assert_eq!(after_failure(from_catch), ["0 info f", "2 fail Second: s"]);
    let returned = "try:\n    try:\n        return 1\n    finally:\n        log(\"inner\")\nfinally:\n    log(\"outer\")";
    assert_eq!(first_task(returned), ["0 info inner", "0 info outer", "1 complete 1"]);
    let looped = "n = 0\nfor (x in [1, 2, 3]):\n    try:\n        if (x == 1):\n            continue\n        if (x == 2):\n            break\n    finally:\n        n += x\nclose complete(n)";
    assert_eq!(first_task(looped), ["1 complete 3"]);
}

#[test]
fn a_finally_that_raises_is_not_caught_by_its_own_try() {
    let body =
        "try:\n    return 1\ncatch e:\n    close complete(\"caught\")\nfinally:\n    raise Late(\"l\")";
    assert_eq!(first_task(body), ["1 fail Late: l"]);
}

#[test]
fn capture_makes_a_failure_a_result() {
    let program = program(
        "
workflow W():
    activity A(1) -> hotel
        options:
            on_failure: capture
    if (hotel.failed):
        close complete([hotel.error.type, hotel.error.message, hotel.error.retryable])
    close complete(hotel)
",
    );
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    assert_eq!(run.task(&[failed(1, "Full", "no room")]), [r#"2 complete ["Full","no room",true]"#]);
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    assert_eq!(run.task(&[done(1, json!({"room": 5}))]), [r#"2 complete {"room":5}"#]);
}

#[test]
fn timeouts_and_children_are_caught_by_kind() {
    let program = program(
        "
workflow Kid():
    await timer(1s)

workflow W():
    try:
        workflow Kid()
    catch e: ChildWorkflowFailure:
        close complete([e.type, e.kind])
",
    );
    let mut run = Driven::new(&program, json!({}));
    assert_eq!(run.task(&[]), ["1 child Kid{} w/Kid/1"]);
    let failure = Failure::new("timeout", "ExecutionTimeout", "too slow");
    assert_eq!(
        run.task(&[Event::ChildFailed { seq: 1, failure }]),
        [r#"2 complete ["ExecutionTimeout","timeout"]"#]
    );
}

#[test]
fn details_and_non_retryable_survive_a_raise() {
    let program = program("\nworkflow W():\n    raise Bad{message: \"m\", code: 7, non_retryable: true}\n");
    let mut machine = Machine::start(&program, info("W"), &json!({})).unwrap();
    let commands = machine.task(&program, &TaskInfo::default(), &[]).unwrap();
    let CommandKind::Fail { failure } = &commands[0].kind else { panic!() };
    assert!(failure.non_retryable);
    assert_eq!(failure.details, [json!({"message": "m", "code": 7, "non_retryable": true})]);
}
