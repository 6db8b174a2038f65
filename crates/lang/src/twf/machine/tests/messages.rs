//! Signals, queries and updates (language page, sections 6.7, 6.16 and rules H12, H14).

use super::*;

#[test]
fn in_the_first_task_the_body_runs_before_the_handlers() {
    let program = program(
        "
workflow W():
    signal Add(x: int):
        log_lines.append(x)
        activity B(len(log_lines))
    log_lines = []
    activity A(1)
    close complete(log_lines)
",
    );
    let mut run = Driven::new(&program, json!({}));
    let events = [signal("Add", json!({"x": 5})), signal("Add", json!([6]))];
    assert_eq!(run.task(&events), ["1 A[1]", "2 B[1]", "3 B[2]"]);
    // From then on a handler runs before what a later event of the same batch wakes.
    let commands = run.task(&[signal("Add", json!(7)), done(1, json!(0))]);
    let kept: Vec<_> = commands.iter().filter(|line| !line.starts_with("0 warn")).collect();
    assert_eq!(kept, ["4 B[3]", "5 complete [5,6,7]"]);
}

#[test]
fn a_close_discards_what_later_events_have_queued() {
    let program = program(
        "
workflow W():
    signal Note(x: any):
        activity B(x)
    activity A(1)
    close complete(\"end\")
",
    );
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    assert_eq!(
        run.task(&[done(1, json!(0)), signal("Note", json!(1))]),
        ["0 warn the run ends before the handler of signal `Note` does", r#"2 complete "end""#]
    );
}

#[test]
fn each_wait_takes_one_token_and_binds_its_arguments() {
    let program = program(
        "
workflow W():
    signal Pair(a: int, b: int):
        last = signal.a
    await signal Pair -> (x, y)
    activity A([x, y])
    await signal Pair -> whole
    await signal Pair
    close complete([x, y, whole, signal.b, last])
",
    );
    let mut run = Driven::new(&program, json!({}));
    assert!(run.task(&[]).is_empty());
    assert_eq!(run.machine.blocked(&program)[0].reason, "signal Pair");
    let three = [
        signal("Pair", json!([1, 2])),
        signal("Pair", json!({"b": 4, "a": 3})),
        signal("Pair", json!([5, 6])),
    ];
    assert_eq!(run.task(&three), ["1 A[[1,2]]"]);
    assert_eq!(run.task(&[done(1, json!(0))]), [r#"2 complete [1,2,{"a":3,"b":4},6,5]"#]);
}

#[test]
fn a_token_comes_when_the_handler_has_finished() {
    let program = program(
        "
workflow W():
    signal Slow(x: int):
        activity B(x)
    await signal Slow -> x
    close complete(x)
",
    );
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    assert_eq!(run.task(&[signal("Slow", json!(9))]), ["1 B[9]"]);
    assert_eq!(run.task(&[done(1, json!(0))]), ["2 complete 9"]);
}

#[test]
fn a_losing_case_takes_no_token() {
    let program = program(
        "
workflow W():
    signal S(x: int):
        pass
    await one:
        activity A(1):
        signal S -> x:
            x = -x
    await signal S -> y
    close complete([x, y])
",
    );
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    assert_eq!(run.task(&[done(1, json!(0)), signal("S", json!(4))]), ["2 complete [null,4]"]);
}

#[test]
fn promises_of_messages_take_tokens_in_the_order_they_wait() {
    let program = program(
        "
workflow W():
    signal S(x: int):
        pass
    promise first <- signal S
    promise second <- signal S
    await second -> b
    await first -> a
    await signal S -> c
    close complete([a, b, c])
",
    );
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    run.task(&[signal("S", json!(1))]);
    assert_eq!(run.task(&[signal("S", json!(2)), signal("S", json!(3))]), ["1 complete [1,2,3]"]);
}

#[test]
fn a_failing_signal_handler_fails_the_run() {
    let program = program(
        "
workflow W():
    signal S():
        raise Oops(\"bad signal\")
    await timer(1h)
",
    );
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    assert_eq!(run.task(&[signal("S", json!(null))]), ["2 fail Oops: bad signal"]);
}

#[test]
fn undeclared_signals_are_logged_and_dropped() {
    let program = program("\nworkflow W():\n    await timer(1h)\n");
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    assert_eq!(
        run.task(&[signal("Nope", json!(null))]),
        ["0 warn signal `Nope` is not declared by this workflow and was dropped"]
    );
}

const COUNTER: &str = "
workflow W():
    state:
        n = 0
    query Count(plus: int = 0) -> (int):
        n = n + plus
        return n
    query Waits():
        return missing_everywhere
    update Add(x: int) -> (int):
        validator:
            if (x < 0):
                reject \"no negatives\"
            n = 1000
        n += x
        activity A(n)
        return n
    update Raise():
        raise Odd(\"odd\")
    missing_everywhere = null
    await condition (n >= 5)
    await all_handlers_finished
    close complete(n)
";

/// Leniently, a query that writes is a warning: here it shows that what it writes is thrown away.
fn leniently(text: &str) -> Program {
    compile(&format!("{ACTIVITIES}{text}"), true)
}

#[test]
fn queries_read_and_leave_nothing_behind() {
    let program = leniently(COUNTER);
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    let before = run.machine.clone();
    assert_eq!(run.machine.query(&program, "Count", &json!({"plus": 3})), Ok(json!(3)));
    assert_eq!(run.machine.query(&program, "Count", &json!(null)), Ok(json!(0)));
    assert_eq!(run.machine, before);
    let error = run.machine.query(&program, "Cuont", &json!(null)).unwrap_err();
    let QueryError::NotFound { suggestion, .. } = error else { panic!("{error}") };
    assert_eq!(suggestion.as_deref(), Some("did you mean `Count`?"));
    let error = run.machine.query(&program, "Count", &json!({"plus": "x"})).unwrap_err();
    assert_eq!(error.to_string(), "plus: expected int, got the string \"x\"");
}

#[test]
fn updates_are_validated_accepted_and_answered() {
    let program = leniently(COUNTER);
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    let update =
        |id: &str, name: &str, input: Json| Event::Updated { id: id.into(), name: name.into(), input };
    assert_eq!(run.task(&[update("u1", "Add", json!(-1))]), ["0 reject u1 no negatives"]);
    assert_eq!(
        run.task(&[update("u2", "Add", json!("x"))]),
        ["0 reject u2 x: expected int, got the string \"x\""]
    );
    assert_eq!(
        run.task(&[update("u3", "Ad", json!(1))]),
        ["0 reject u3 this workflow declares no update `Ad`; did you mean `Add`?"]
    );
    assert_eq!(run.task(&[update("u4", "Raise", json!(null))]), ["1 accept u4", "2 answer u4 failed odd"]);
    assert_eq!(run.task(&[update("u5", "Add", json!(5))]), ["3 accept u5", "4 A[5]"]);
    assert_eq!(run.task(&[done(4, json!(0))]), ["5 answer u5 5", "6 complete 5"]);
    assert_eq!(run.machine.query(&program, "Count", &json!({})), Ok(json!(5)), "closed runs still answer");
}

#[test]
fn a_query_cannot_wait() {
    let program = compile("workflow W():\n    query Q():\n        pass\n    await timer(1s)\n", false);
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    assert_eq!(run.machine.query(&program, "Q", &json!(null)), Ok(json!(null)));
}

#[test]
fn signals_to_children_wait_for_their_start() {
    let program = program(
        "
workflow Kid(n: int):
    signal Poke(x: int):
        pass
    await signal Poke -> x
    close complete(x + n)

workflow W():
    promise kid <- workflow Kid(1)
    signal kid.Poke(41)
    signal external Kid(\"other\").Poke(2)
    await kid -> r
    close complete(r)
",
    );
    let mut run = Driven::new(&program, json!({}));
    assert_eq!(run.task(&[]), [r#"1 child Kid{"n":1} w/Kid/1"#]);
    let started = Event::ChildStarted { seq: 1, run_id: "r".into() };
    assert_eq!(run.task(&[started]), ["2 signal Poke[41] to child 1"]);
    assert_eq!(run.task(&[Event::SignalSent { seq: 2, failure: None }]), ["3 signal Poke[2] to Kid other"]);
    let failure = Failure::new("server", "NOT_FOUND", "gone");
    assert_eq!(
        run.task(&[Event::SignalSent { seq: 3, failure: Some(failure) }]),
        ["4 fail SignalDeliveryFailed: signal Poke could not be delivered: gone"]
    );
}

#[test]
fn unread_tokens_are_carried_to_the_next_run_of_the_chain() {
    let program = program(
        "
workflow W(round: int):
    signal S(x: int):
        pass
    if (round == 0):
        activity A(1)
        close continue_as_new(1)
    await signal S -> x
    close complete(x)
",
    );
    let mut run = Driven::new(&program, json!({"round": 0}));
    run.task(&[signal("S", json!(8))]);
    let info = TaskInfo { now_ms: 1_000, ..TaskInfo::default() };
    let commands = run.machine.task(&program, &info, &[done(1, json!(0))]).unwrap();
    let CommandKind::ContinueAsNew { input, tokens, .. } = &commands[0].kind else { panic!("{commands:?}") };
    let mut next = Machine::start(&program, super::info("W"), input).unwrap();
    next.carry(&program, tokens).unwrap();
    let commands = next.task(&program, &info, &[]).unwrap();
    assert_eq!(line(&commands[0]), "1 complete 8");
}
