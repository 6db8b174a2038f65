//! Messages, time, crashes, activities that a step ends, continue-as-new.

use super::support::{findings, reports};

const PROGRAM: &str = "
activity Review(item: string) -> (string):
    ...

workflow Cart(items: any) -> (any):
    on_cancel:
        set_memo({cleaned: true})
    state:
        condition paid
        names = []
    signal Pay():
        set paid
    update Add(item: string) -> (int):
        validator:
            if (item == \"\"):
                reject \"an item has a name\"
        names.append(item)
        return len(names)
    update Checked(item: string) -> (string):
        activity Review(item) -> verdict
        return verdict
    query Items():
        return names
    set_memo({opened: workflow.id})
    await one:
        paid:
            set_search_attributes({paid: true})
        timer(365d):
            close fail(Expired{message: \"nobody paid\"})
    close complete({names, last: null})

workflow Count(n: int) -> (int):
    if (n < 3):
        await timer(1d)
        close continue_as_new(n + 1)
    close complete(n)

workflow Days() -> (int):
    days = 0
    for (days < 365):
        await timer(1d)
        days += 1
    close complete(days)

workflow Forever():
    for:
        await timer(1h)
";

#[test]
fn updates_queries_signals_and_crashes() {
    let scenarios = "
workflow: Cart
input: {items: []}
activities:
  Review: {run: manual}
scenarios:
  - name: paid
    steps:
      - update: {name: Add, input: tea, expect: 1}
      - crash:
      - update: {name: Add, input: '', reject: an item has a name}
      - update: {name: Add, input: {item: milk}, expect: 2}
      - query: {name: Items, expect: [tea, milk]}
      - expect_blocked: {for: a condition}
      - advance: 364d
      - update: {name: Checked, input: tea}
      - crash
      - complete_activity: {name: Review, result: fine}
      - signal: Pay
    expect:
      result: {$exact: {names: [tea, milk], last: null}}
      memo: {opened: test}
      search_attributes: {paid: true}
      events:
        - {type: WorkflowExecutionUpdateAccepted, name: Add}
        - {type: WorkflowExecutionUpdateCompleted, result: fine}
        - WorkflowExecutionSignaled
        - TimerCanceled
  - name: expired
    expect: {failure: Expired, duration: 365d}
  - name: cancelled
    steps: [cancel: changed my mind]
    expect: {status: canceled, memo: {cleaned: true}, duration: 0s}
  - name: terminated
    steps: [terminate]
    expect: {status: terminated, memo: {cleaned: {$absent: true}}}
  - name: open
    steps: [advance: next]
    expect: {failure: {type: Expired}}
  - name: looked at while it is open
    expect: {waiting: [{for: timer}, {for: a condition}], status: running}
  - name: a review that fails
    steps:
      - update: {name: Checked, input: tea}
      - fail_activity: {name: Review, type: Broken, non_retryable: true}
    expect: {status: running, events: [{type: ActivityTaskFailed, failure: {cause: {type: Broken}}}]}
";
    assert_eq!(findings(PROGRAM, scenarios), "");
}

#[test]
fn chains_and_years_take_no_time() {
    let scenarios = "
scenarios:
  - {name: chain, workflow: Count, input: 0, expect: {result: 3, chain: 4, duration: 3d}}
  - name: each run of a chain
    workflow: Count
    input: [2]
    expect: {chain: [{input: {$any: true}, status: continued_as_new}, {status: completed, result: 3}]}
  - {name: year, workflow: Days, expect: {result: 365, duration: 365d}}
  - {name: for ever, workflow: Forever, steps: [advance: 10d], expect: {status: running}}
";
    assert_eq!(findings(PROGRAM, scenarios), "");
    let reports = reports(PROGRAM, scenarios);
    let year = reports[2].replays.unwrap();
    assert!(year.is_sample() && year.cuts > 1_000 && year.followed >= 16, "{year:?}");
}

#[test]
fn a_run_without_an_end_is_given_up() {
    let told = findings(PROGRAM, "workflow: Forever\nreplay: false\nexpect: {result: 1}\n");
    assert!(told.contains("there is no end: it is given up"), "{told}");
    assert!(told.contains("waits at w.twf:"), "{told}");
}
