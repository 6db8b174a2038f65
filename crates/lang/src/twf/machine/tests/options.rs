//! Options of calls (language page, section 7).

use super::*;

fn command(text: &str) -> CommandKind {
    let program = compile(text, true);
    let mut machine = Machine::start(&program, info("W"), &json!({"tenant": "t1"})).unwrap();
    machine.task(&program, &TaskInfo::default(), &[]).unwrap().swap_remove(0).kind
}

#[test]
fn a_call_overrides_the_defaults_of_its_definition_key_by_key() {
    let kind = command(
        "
activity A(x: any):
    default_options:
        start_to_close_timeout: 1m
        heartbeat_timeout: 10s
        retry_policy:
            maximum_attempts: 9
            initial_interval: 2s
    ...

workflow W(tenant: string):
    activity A(1)
        options:
            task_queue: \"queue-{tenant}\"
            start_to_close_timeout: 5m
            retry_policy:
                maximum_attempts: 3
                backoff_coefficient: 1.5
                non_retryable_error_types: [\"Bad\", Worse]
            priority:
                priority_key: 1
",
    );
    let CommandKind::ScheduleActivity { options, .. } = kind else { panic!() };
    let retry = RetryPolicy {
        maximum_attempts: Some(3),
        backoff_coefficient: Some(1.5),
        non_retryable_error_types: vec!["Bad".into(), "Worse".into()],
        ..RetryPolicy::default()
    };
    let priority = Priority { priority_key: Some(1), ..Priority::default() };
    assert_eq!(
        options,
        ActivityOptions {
            task_queue: Some("queue-t1".into()),
            start_to_close_ms: Some(300_000),
            heartbeat_ms: Some(10_000),
            retry: Some(retry),
            priority: Some(priority),
            ..ActivityOptions::default()
        }
    );
}

#[test]
fn older_keys_mean_the_newest_ones() {
    let kind = command(
        "
activity A():
    ...

workflow W(tenant: string):
    options(timeout: 30s, retry: {maxAttempts: 2})
    activity A()
",
    );
    let CommandKind::ScheduleActivity { options, .. } = kind else { panic!() };
    assert_eq!(options.start_to_close_ms, Some(30_000));
    assert_eq!(options.retry.unwrap().maximum_attempts, Some(2));
}

#[test]
fn children_get_an_id_and_a_close_policy_in_any_case() {
    let child = |under: &str, tail: &str| {
        let text = format!(
            "workflow Kid():\n    await timer(1s)\n\nworkflow W(tenant: string):\n    workflow Kid()\n{under}{tail}"
        );
        let CommandKind::StartChild { options, .. } = command(&text) else { panic!() };
        (options.workflow_id, options.parent_close_policy)
    };
    assert_eq!(child("", ""), ("w/Kid/1".into(), "TERMINATE".into()));
    assert_eq!(
        child(
            "        options:\n            workflow_id: \"kid-{tenant}\"\n            parent_close_policy: ABANDON\n",
            ""
        ),
        ("kid-t1".into(), "ABANDON".into())
    );
    assert_eq!(
        child("", "    close continue_as_new(tenant)\n").0,
        "w/Kid/run-1234-1",
        "a later run of the chain counts from 1 again"
    );
}

#[test]
fn a_wrong_value_is_a_fault_with_its_key() {
    let program = compile(
        "
activity A():
    ...

workflow W(tenant: string):
    activity A()
        options:
            start_to_close_timeout: tenant
",
        true,
    );
    let mut run = Driven::new(&program, json!({"tenant": "long"}));
    assert_eq!(
        run.fault(&[]),
        "BAD_VALUE `start_to_close_timeout`: `long` is no duration; write it as `5m` or `PT5M`"
    );
}
