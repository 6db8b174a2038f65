//! Nexus calls in their three modes, operations with a body, and the seed's spelling (language page, section 13).

use super::*;

const SHOP: &str = "
type Payment:
    id: string
    amount: decimal

activity Charge(p: Payment) -> (any)

workflow Pay(p: Payment) -> (any):
    activity Charge(p) -> r
    close complete(r)

nexus service Payments:
    async Process workflow Pay
    sync Route(p: Payment, fast: bool = false) -> (any):
        if (p.amount <= 0):
            raise InvalidArgumentError(\"Amount must be positive\")
        if (caller.namespace == \"banned\"):
            raise UnauthorizedError(\"not you\")
        return workflow Pay(p)
            options:
                workflow_id: \"payment-{p.id}\"
                task_queue: \"tenant-{caller.namespace}\"

worker shop:
    workflow Pay
    activity Charge
    nexus service Payments

namespace payments:
    worker shop
        options:
            task_queue: \"payments-q\"
    nexus endpoint PaymentsEp
        options:
            task_queue: \"payments-q\"
            allowed_caller_namespaces: [\"orders\"]
";

fn shop(text: &str) -> Program {
    compile(
        &format!("{}{text}", SHOP.replace("-> (any)\n\nworkflow Pay", "-> (any):\n    ...\n\nworkflow Pay")),
        true,
    )
}

#[test]
fn the_three_modes_issue_the_same_call() {
    let program = shop(
        "
workflow W(p: any):
    nexus PaymentsEp Payments.Process(p) -> a
        options:
            schedule_to_close_timeout: 5m
    promise b <- nexus PaymentsEp Payments.Process(p)
    detach nexus PaymentsEp Payments.Process(p: p)
    await b -> b
    close complete([a, b])
",
    );
    let mut run = Driven::new(&program, json!({"p": {"id": "1"}}));
    let call = r#"nexus PaymentsEp:Payments.Process{"p":{"id":"1"}}"#;
    assert_eq!(run.task(&[]), [format!("1 {call}")]);
    assert!(run.task(&[Event::NexusStarted { seq: 1 }]).is_empty());
    assert_eq!(
        run.task(&[Event::NexusCompleted { seq: 1, result: json!("A") }]),
        [format!("2 {call}"), format!("3 {call} detached")]
    );
    assert_eq!(
        run.machine.blocked(&program)[0].reason,
        "the start of Nexus operation Payments.Process (command 3)"
    );
    assert!(run.task(&[Event::NexusStarted { seq: 3 }]).is_empty());
    assert_eq!(
        run.task(&[Event::NexusCompleted { seq: 2, result: json!("B") }]),
        [r#"4 complete ["A","B"]"#]
    );
}

#[test]
fn failures_have_the_documented_types() {
    let program = shop(
        "
workflow W(p: any):
    try:
        nexus PaymentsEp Payments.Process(p)
    catch e: NexusUnauthorizedError:
        close complete([\"unauthorized\", e.type])
    catch_all = 1
",
    );
    let mut run = Driven::new(&program, json!({"p": {}}));
    run.task(&[]);
    let failure = Failure::new("server", "UNAUTHORIZED", "no");
    assert_eq!(
        run.task(&[Event::NexusFailed { seq: 1, failure }]),
        [r#"2 complete ["unauthorized","NexusUnauthorizedError"]"#]
    );
    let mut run = Driven::new(&program, json!({"p": {}}));
    run.task(&[]);
    let failure = Failure::application("Declined", "no funds");
    assert_eq!(
        run.task(&[Event::NexusFailed { seq: 1, failure }]),
        ["2 fail NexusOperationError: Nexus operation Payments.Process failed: no funds"]
    );
}

#[test]
fn an_operation_with_a_body_runs_like_a_workflow() {
    let program = shop("");
    let start = |caller: &str, amount: &str| {
        let caller = Some(json!({"namespace": caller, "workflow_id": "c", "run_id": "r"}));
        let info = RunInfo { caller, ..info("Payments.Route") };
        let input = json!({"p": {"id": "77", "amount": amount}});
        let mut machine = Machine::start(&program, info, &input).unwrap();
        let commands = machine.task(&program, &TaskInfo::default(), &[]).unwrap();
        (machine, commands)
    };
    let (mut machine, commands) = start("orders", "12.50");
    assert_eq!(line(&commands[0]), r#"1 child Pay{"p":{"id":"77","amount":"12.50"}} payment-77"#);
    let CommandKind::StartChild { options, .. } = &commands[0].kind else { panic!() };
    assert_eq!(options.task_queue.as_deref(), Some("tenant-orders"));
    let done = Event::ChildCompleted { seq: 1, result: json!({"ok": true}) };
    let commands = machine.task(&program, &TaskInfo::default(), &[done]).unwrap();
    assert_eq!(line(&commands[0]), r#"2 complete {"ok":true}"#);
    assert_eq!(line(&start("orders", "0").1[0]), "1 fail InvalidArgumentError: Amount must be positive");
    assert_eq!(line(&start("banned", "1").1[0]), "1 fail UnauthorizedError: not you");
}

#[test]
fn a_host_finds_out_where_a_call_goes() {
    use crate::twf::program::Backing;
    let program = shop("");
    let found = program.resolve_operation("PaymentsEp", "Payments", "Process").unwrap();
    assert_eq!(
        (found.endpoint.namespace.as_str(), found.endpoint.task_queue.as_str()),
        ("payments", "payments-q")
    );
    assert_eq!(found.endpoint.allowed_caller_namespaces, ["orders"]);
    assert_eq!(found.backing, &Backing::Workflow("Pay".into()));
    assert_eq!(program.operation("Payments", "Route"), Some(&Backing::Inline));
    assert!(program.resolve_operation("PaymentsEp", "Payments", "Nope").is_none());
    assert!(program.workflow("Payments.Route").is_some());
    let place = &program.workflow("Pay").unwrap().deployments[0];
    assert_eq!((place.namespace.as_str(), place.task_queue.as_str()), ("payments", "payments-q"));
}

#[test]
fn the_seeds_spelling_names_a_namespace_and_a_workflow() {
    let program = shop(
        "
workflow W(p: any) -> Result:
    options(timeout: 5m)
    nexus \"payments\" workflow Pay(p) -> r
    detach nexus \"mail\" workflow Send(r)
    close Result{paymentId: r.id}
",
    );
    let mut machine = Machine::start(&program, info("W"), &json!({"p": {"id": "1"}})).unwrap();
    let commands = machine.task(&program, &TaskInfo::default(), &[]).unwrap();
    assert_eq!(line(&commands[0]), r#"1 nexus payments/Pay{"p":{"id":"1"}}"#);
    let CommandKind::ScheduleNexus { options, .. } = &commands[0].kind else { panic!() };
    assert_eq!(options.schedule_to_close_ms, Some(300_000));
    let events = [Event::NexusCompleted { seq: 1, result: json!({"id": "p9"}) }];
    let commands = machine.task(&program, &TaskInfo::default(), &events).unwrap();
    assert_eq!(line(&commands[0]), r#"2 nexus mail/Send[{"id":"p9"}] detached"#);
    let commands = machine.task(&program, &TaskInfo::default(), &[Event::NexusStarted { seq: 2 }]).unwrap();
    assert_eq!(line(&commands[0]), r#"3 complete {"paymentId":"p9"}"#);
}

#[test]
fn the_time_until_the_start_and_from_it_are_limited_apart() {
    let program = shop(
        "
workflow W(p: any):
    nexus PaymentsEp Payments.Process(p)
        options:
            schedule_to_start_timeout: 10s
            startToCloseTimeout: 2m
",
    );
    let mut machine = Machine::start(&program, info("W"), &json!({"p": {"id": "1"}})).unwrap();
    let commands = machine.task(&program, &TaskInfo::default(), &[]).unwrap();
    let CommandKind::ScheduleNexus { options, .. } = &commands[0].kind else { panic!() };
    assert_eq!(options.schedule_to_start_ms, Some(10_000));
    assert_eq!(options.start_to_close_ms, Some(120_000));
    assert_eq!(options.schedule_to_close_ms, None);
}

#[test]
fn a_family_of_endpoints_is_resolved_from_a_variable() {
    let text = |param: &str| {
        format!(
            "
workflow Kid(n: int):
    await timer(1s)

nexus service Work:
    async Do workflow Kid

worker kid:
    workflow Kid
    workflow W
    nexus service Work

namespace tenant-{{region}}:
    worker kid
        options:
            task_queue: \"q-{{region}}\"
    nexus endpoint work-{{region}}
        options:
            task_queue: \"q-{{region}}\"

workflow W({param}: string):
    nexus work-{{region}} Work.Do(1)
"
        )
    };
    let bound = compile(&text("region"), true);
    let mut run = Driven::new(&bound, json!({"region": "eu"}));
    assert_eq!(run.task(&[]), [r#"1 nexus work-eu:Work.Do{"n":1}"#]);
    // Where no variable has the name, the namespace that the run is in says what it stands for.
    let unbound = compile(&text("other"), true);
    let fault = Driven::new(&unbound, json!({"other": "eu"})).fault(&[]);
    assert!(fault.starts_with("UNBOUND_TEMPLATE_PARAM nothing binds `region`"), "{fault}");
    let here = RunInfo { namespace: "tenant-asia".into(), ..info("W") };
    let mut machine = Machine::start(&unbound, here, &json!({"other": "eu"})).unwrap();
    let commands = machine.task(&unbound, &TaskInfo::default(), &[]).unwrap();
    assert_eq!(line(&commands[0]), r#"1 nexus work-asia:Work.Do{"n":1}"#);
    let endpoint = unbound.find_endpoint("work-asia").unwrap();
    assert_eq!(
        (endpoint.namespace.as_str(), endpoint.task_queue.as_str()),
        ("tenant-asia", "q-asia"),
        "an instance of the family"
    );
    assert_eq!(unbound.queue_in("Kid", "tenant-asia").as_deref(), Some("q-asia"));
    assert!(unbound.find_endpoint("work-").is_none() && unbound.queue_in("Kid", "other").is_none());
}
