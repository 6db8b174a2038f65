//! Forms that the published language does not have: promises in lists, loops over them, leaving through branches.

use super::*;

#[test]
fn for_await_takes_promises_as_they_are_done() {
    let program = program(
        "
workflow W():
    ps = []
    for (n in [1, 2, 3]):
        promise p <- activity A(n)
        ps.append(p)
    seen = []
    for await (r in ps):
        if (r == \"skip\"):
            continue
        seen.append(r)
        activity B(r)
    close complete(seen)
",
    );
    let mut run = Driven::new(&program, json!({}));
    assert_eq!(run.task(&[]), ["1 A[1]", "2 A[2]", "3 A[3]"]);
    assert_eq!(run.machine.blocked(&program)[0].reason.matches("activity A").count(), 3);
    assert_eq!(run.task(&[done(2, json!("two"))]), [r#"4 B["two"]"#]);
    // While the body runs, the others may end: the first of the list comes first then.
    assert!(run.task(&[done(3, json!("three")), done(1, json!("skip"))]).is_empty());
    assert_eq!(run.task(&[done(4, json!(0))]), [r#"5 B["three"]"#]);
    assert_eq!(run.task(&[done(5, json!(0))]), [r#"6 complete ["two","three"]"#]);
}

#[test]
fn for_await_raises_what_failed_and_can_be_left() {
    let program = program(
        "
workflow W():
    promise a <- activity A(1)
    promise b <- activity A(2)
    try:
        for await (r in [a, b]):
            log(r)
    catch e:
        for await (r in [b]):
            break
        for await (r in []):
            log(\"never\")
        close complete(e.message)
",
    );
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    assert!(run.task(&[failed(1, "Bad", "no")]).is_empty());
    assert_eq!(run.task(&[done(2, json!(0))]), [r#"3 complete "no""#]);
    let fault = fault_of("for await (r in [1]):\n    log(r)");
    assert_eq!(fault, "NOT_A_PROMISE `for await` needs a list of promises, it holds an int");
    let fault = fault_of("for await (r in 7):\n    log(r)");
    assert_eq!(fault, "TYPE_MISMATCH `for await` needs a list of promises, this is an int");
}

#[test]
fn promises_live_in_objects_and_lists() {
    let program = program(
        "
workflow W():
    entry = {name: \"x\", handles: [null]}
    promise entry.child <- activity A(1)
    promise entry.handles[0] <- timer(1m)
    await one:
        entry.handles[0]:
            log(\"late\")
        entry.child -> r:
            pass
    await entry.handles[0]
    close complete(r)
",
    );
    let mut run = Driven::new(&program, json!({}));
    assert_eq!(run.task(&[]), ["1 A[1]", "2 timer 60000"]);
    assert!(run.task(&[done(1, json!("one"))]).is_empty());
    assert_eq!(run.task(&[fired(2)]), [r#"3 complete "one""#]);
    let fault = fault_of("x = {a: 1}\nawait x.a");
    assert_eq!(fault, "NOT_A_PROMISE only a promise or condition can be awaited, this is an int");
}

#[test]
fn a_detached_case_is_done_when_it_has_started() {
    let program = program(
        "
workflow Kid():
    await timer(1h)

workflow W():
    await one:
        detach workflow Kid():
            r = \"started\"
        timer(1m):
            r = \"slow\"
    close complete(r)
",
    );
    let mut run = Driven::new(&program, json!({}));
    assert_eq!(run.task(&[]), ["1 child Kid{} w/Kid/1 detached", "2 timer 60000"]);
    let started = Event::ChildStarted { seq: 1, run_id: "r".into() };
    assert_eq!(run.task(&[started]), ["3 cancel timer 2", r#"4 complete "started""#]);
}

#[test]
fn return_inside_branches_answers_for_the_handler() {
    let program = program(
        "
workflow W():
    update U(x: int) -> (any):
        try:
            await all:
                activity A(x) -> a
                if (x > 0):
                    await timer(1m)
                    return \"early\"
                await timer(1h)
        finally:
            activity B(\"cleanup\")
        return \"late\"
    await timer(9h)
    activity C(1)
",
    );
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    let update = Event::Updated { id: "u".into(), name: "U".into(), input: json!(1) };
    assert_eq!(run.task(&[update]), ["2 accept u", "3 A[1]", "4 timer 60000", "5 timer 3600000"]);
    // The other branches are dropped with their timers; what is around them runs before the answer.
    assert_eq!(run.task(&[fired(4)]), ["6 cancel timer 5", r#"7 B["cleanup"]"#]);
    assert!(run.task(&[done(3, json!(0))]).is_empty(), "nobody asks for it any more");
    assert_eq!(run.task(&[done(7, json!(0))]), [r#"8 answer u "early""#]);
    assert_eq!(run.task(&[fired(1)]), ["9 C[1]"]);
}

#[test]
fn a_close_in_a_branch_runs_the_finally_around_all_of_them() {
    let program = program(
        "
workflow W():
    try:
        await one:
            await all:
                for (x in [1, 2]):
                    activity A(x)
                    await all:
                        try:
                            close complete(x)
                        finally:
                            activity B(\"inner\")
            timer(1h):
    finally:
        activity C(\"outer\")
",
    );
    let mut run = Driven::new(&program, json!({}));
    assert_eq!(run.task(&[]), ["1 timer 3600000", "2 A[1]", "3 A[2]"]);
    assert_eq!(run.task(&[done(3, json!(0))]), [r#"4 B["inner"]"#]);
    assert_eq!(run.task(&[done(4, json!(0))]), ["5 cancel timer 1", r#"6 C["outer"]"#]);
    assert_eq!(run.task(&[done(6, json!(0))]), ["7 complete 2"]);
}

#[test]
fn an_update_knows_its_id() {
    let program = program(
        "
workflow W():
    update U(x: int) -> (any):
        validator:
            if (update.id == \"bad\"):
                reject \"that id\"
        return [update.id, update.x]
    await timer(1h)
",
    );
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    let update = |id: &str| Event::Updated { id: id.into(), name: "U".into(), input: json!(7) };
    assert_eq!(run.task(&[update("bad")]), ["0 reject bad that id"]);
    assert_eq!(run.task(&[update("u-1")]), ["2 accept u-1", r#"3 answer u-1 ["u-1",7]"#]);
}

#[test]
fn handlers_that_have_not_ended_are_abandoned_as_their_policy_says() {
    let program = program(
        "
workflow W():
    signal Loud():
        activity B(1)
    signal Quiet():
        options:
            unfinished_policy: abandon
        activity B(2)
    update Ask() -> (int):
        activity B(3)
        return 3
    activity A(1)
",
    );
    let mut run = Driven::new(&program, json!({}));
    let ask = Event::Updated { id: "u".into(), name: "Ask".into(), input: json!(null) };
    run.task(&[signal("Loud", json!(null)), signal("Quiet", json!(null)), ask]);
    assert_eq!(
        run.task(&[done(2, json!(0))]),
        [
            "0 warn the run ends before the handler of signal `Loud` does",
            "6 answer u failed the run ended before this update did",
            "0 warn the run ends before the handler of update `Ask` does",
            "7 complete null"
        ]
    );
}

#[test]
fn a_run_that_continues_hands_on_what_it_has_not_read() {
    let program = program(
        "
workflow W(sum: decimal):
    signal Add(x: decimal):
        sum = sum + x
    signal Seen(d: duration):
        pass
    update Poke(x: int) -> (int):
        return x
    if (sum == 0):
        activity A(1)
        close continue_as_new(1.5)
    await signal Seen -> d
    await update Poke -> p
    await (sum > 4)
    close complete([sum, d * 2, p])
",
    );
    let mut run = Driven::new(&program, json!({"sum": "0"}));
    let poke = Event::Updated { id: "u".into(), name: "Poke".into(), input: json!(8) };
    run.task(&[signal("Seen", json!("PT5M")), poke]);
    let info = TaskInfo { now_ms: 1_000, ..TaskInfo::default() };
    // The body closes the run before the handlers of the signals behind it in this batch could begin.
    let events = [done(2, json!(0)), signal("Add", json!(2)), signal("Add", json!("1.25"))];
    let commands = run.machine.task(&program, &info, &events).unwrap();
    let CommandKind::ContinueAsNew { input, tokens, unread } = &commands[0].kind else {
        panic!("{commands:?}")
    };
    assert_eq!(
        (tokens.clone(), unread.len()),
        (vec![("Seen".into(), vec![json!("PT5M")]), ("update Poke".into(), vec![json!(8)])], 2)
    );
    let mut next = Machine::start(&program, super::info("W"), input).unwrap();
    next.carry(&program, tokens).unwrap();
    next.carry_unread(&program, unread).unwrap();
    let commands = next.task(&program, &info, &[]).unwrap();
    assert_eq!(line(&commands[0]), r#"1 complete ["4.75","PT10M",8]"#);
}

#[test]
fn an_input_that_the_next_run_would_refuse_does_not_end_this_one() {
    let program = program(
        "
workflow W(n: int):
    activity A(n) -> next
    close continue_as_new(next)
",
    );
    let mut run = Driven::new(&program, json!({"n": 1}));
    run.task(&[]);
    assert_eq!(
        run.fault(&[done(1, json!("many"))]),
        "TYPE_MISMATCH n: expected int, got the string \"many\""
    );
}

#[test]
fn a_query_that_writes_is_told_apart() {
    let program = compile(
        "
workflow W():
    query Reads(n: int) -> (int):
        for (x in [n]):
            n = x + len(items)
        return n
    query Writes() -> (int):
        items.append(1)
        return len(items)
    query Binds() -> (int):
        total = 5
        return total
    items = []
    total = 0
    await timer(1h)
",
        true,
    );
    let mut run = Driven::new(&program, json!({}));
    run.task(&[]);
    let answer = |name: &str, input: Json| {
        let answer = run.machine.answer(&program, name, &input).unwrap();
        (answer.value, answer.discarded_writes)
    };
    assert_eq!(answer("Reads", json!(2)), (json!(2), false));
    assert_eq!(answer("Writes", json!(null)), (json!(1), true));
    assert_eq!(answer("Writes", json!(null)), (json!(1), true));
    assert_eq!(answer("Binds", json!(null)), (json!(5), true));
}

#[test]
fn errors_take_fields_by_name() {
    let program = program("\nworkflow W():\n    raise Final(\"no\", non_retryable: true, code: 7)\n");
    let mut machine = Machine::start(&program, info("W"), &json!({})).unwrap();
    let commands = machine.task(&program, &TaskInfo::default(), &[]).unwrap();
    let CommandKind::Fail { failure } = &commands[0].kind else { panic!("{commands:?}") };
    assert!(failure.non_retryable && failure.type_name == "Final" && failure.message == "no");
    assert_eq!(failure.details, [json!({"message": "no", "non_retryable": true, "code": 7})]);
}
