//! What is wrong with a file, and how a scenario that does not hold is told.

use super::support::{findings, problems, reports};

const PROGRAM: &str = "
activity Send(to: string) -> (string):
    ...

workflow Remind(to: string, days: int) -> (string):
    signal Stop(why: string):
        reason = why
    query Reason() -> (string):
        return reason
    await one:
        signal Stop:
            close complete(\"stopped: \" + reason)
        timer(days * 24h):
            activity Send(to) -> sent
    close complete(sent)
";

#[test]
fn everything_unknown_has_a_place_and_a_suggestion() {
    let scenarios = "
workflw: Remind
scenarios:
  - name: a
    stps: []
  - name: a
    workflow: Remind
    steps:
      - advnce: 1d
      - advance: soon
      - signal: {nam: x}
    activities: {Send: {return: 1, afer: 5m}}
    expect: {status: complete, result: {$regx: a}}
";
    insta::assert_snapshot!(problems(PROGRAM, scenarios));
}

#[test]
fn names_are_those_of_the_program() {
    let scenarios = "
workflow: Remind
activities: {Sned: 1}
steps: [{signal: Stopp}, {query: Reasons}, {complete_activity: Sendd}]
expect: {never: [Sent], activities: {Sand: 1}}
";
    insta::assert_snapshot!(problems(PROGRAM, scenarios));
}

#[test]
fn a_file_that_is_no_yaml_or_has_no_scenario() {
    insta::assert_snapshot!(problems(PROGRAM, "a: [1\nb: 2"));
    insta::assert_snapshot!(problems(PROGRAM, "workflow: Remind\n"));
    insta::assert_snapshot!(problems("workflow W(:\n", "workflow: W\ninput: []\n"));
}

#[test]
fn what_does_not_hold_is_told_with_both_lines() {
    let scenarios = "
workflow: Remind
input: {to: ann, days: 30}
activities: {Send: {return: sent}}
scenarios:
  - name: another result
    expect: {result: {$regex: ^gone}, duration: 29d, activities: [], never: [Send]}
  - name: failed instead
    activities: {Send: {fail: {type: NoAddress, message: who, non_retryable: true}}}
    expect: {result: sent}
  - name: waits for ever
    activities: {Send: {run: never}}
    steps:
      - advance: 29d
      - query: {name: Reason, expect: because}
      - expect_blocked: {for: signal Stop, line: 12}
      - expect: {status: completed}
    expect: {events: [TimerFired, TimerFired]}
  - name: not started
    input: {to: 5}
";
    insta::assert_snapshot!(findings(PROGRAM, scenarios));
}

#[test]
fn documents_share_what_the_first_one_says() {
    let scenarios = "
workflow: Remind
fixtures:
  ann: {to: ann, days: 1}
activities:
  Send: ok
---
name: first
input: {$fixture: ann, days: 365}
expect: {result: ok, duration: 365d}
---
name: second
input: {$fixture: ann}
steps:
  - signal: {name: Stop, input: enough}
expect: {result: \"stopped: enough\", never: [Send], duration: 0s}
";
    assert_eq!(findings(PROGRAM, scenarios), "");
    let reports = reports(PROGRAM, scenarios);
    let shown: Vec<(String, u32)> = reports.iter().map(|it| (it.name.clone(), it.line)).collect();
    assert_eq!(shown, [("first".to_owned(), 8), ("second".to_owned(), 12)]);
}
