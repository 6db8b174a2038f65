//! Answers, retries, timeouts and failures of activities.

use super::support::{findings, reports};
use nexus_engine::scenario::spoken;

const PROGRAM: &str = "
activity Charge(id: string, cents: int) -> (string):
    ...

workflow Pay(id: string) -> (string):
    try:
        activity Charge(id, 100) -> charge
            options:
                start_to_close_timeout: 10s
                retry_policy:
                    maximum_attempts: 4
    catch e: Declined:
        close fail(NotPaid{message: e.message})
    close complete(charge)
";

#[test]
fn attempts_follow_the_policy_on_virtual_time() {
    let scenarios = "
workflow: Pay
input: {id: a}
activities:
  Charge: {fail_times: 2, return: c-1}
expect:
  result: c-1
  duration: 3s
  activities:
    - {name: Charge, input: {id: a, cents: 100}, attempts: 3}
  events:
    - {type: ActivityTaskScheduled, activity: Charge}
    - {type: ActivityTaskStarted, attempt: 3}
    - WorkflowExecutionCompleted
";
    assert_eq!(findings(PROGRAM, scenarios), "");
    let report = &reports(PROGRAM, scenarios)[0];
    assert_eq!(spoken(report.virtual_time), "3s");
    assert_eq!((report.runs, report.replays.unwrap().cuts), (1, report.events));
}

#[test]
fn failures_reach_the_workflow_as_a_server_wraps_them() {
    let scenarios = "
workflow: Pay
input: [a]
scenarios:
  - name: declined for good
    activities:
      Charge: {fail: {type: Declined, message: no funds, non_retryable: true}}
    expect:
      failure: {type: NotPaid, message: no funds}
      duration: 0s
  - name: tried until attempts are used up
    activities:
      Charge: {fail: no network}
    expect:
      failure: {kind: activity, type: ActivityFailure, cause: {type: Error, message: no network}}
      duration: 7s
  - name: too slow, and tried again
    activities:
      Charge: [{after: 1m, return: late}, {after: 2s, return: in time}]
    expect: {result: in time, duration: 13s}
  - name: by input, and one after the other
    activities:
      Charge:
        - {when: {id: b}, return: of b}
        - {when: {id: a}, times: 1, fail: once}
        - of a
    expect: {result: of a, duration: 1s, activities: {Charge: 1}, never: []}
";
    assert_eq!(findings(PROGRAM, scenarios), "");
}
