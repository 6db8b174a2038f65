//! Children and Nexus operations: run in place or answered, allowed or refused, cancelled with their caller.

use nexus_engine::scenario::{Options, run_text};

use super::support::findings;

const PROGRAM: &str = "
activity Work(n: int) -> (int):
    ...

workflow Kid(n: int) -> (int):
    signal Hurry():
        hurried = true
    on_cancel:
        activity Work(0)
    await one:
        signal Hurry:
        timer(1h):
    activity Work(n) -> r
    close complete(r)

workflow Parent(n: int) -> (any):
    promise kid <- workflow Kid(n)
    signal kid.Hurry()
    try:
        nexus Door Math.Double(n) -> doubled
    catch e: NexusUnauthorizedError:
        doubled = \"refused\"
    await kid -> r
    close complete({r, doubled})

workflow Leaving(n: int):
    promise kid <- workflow Kid(n)
        options:
            parent_close_policy: REQUEST_CANCEL
    await timer(1m)

nexus service Math:
    sync Double(n: int) -> (int):
        return n * 2

worker Ours:
    workflow Parent
    workflow Leaving
    workflow Kid
    activity Work

worker Theirs:
    nexus service Math

namespace ours:
    worker Ours
        options:
            task_queue: q

namespace stranger:
    worker Ours
        options:
            task_queue: q

namespace theirs:
    worker Theirs
        options:
            task_queue: q
    nexus endpoint Door
        options:
            task_queue: q
            allowed_caller_namespaces: [\"ours\"]
";

#[test]
fn children_and_operations_run_in_place_or_are_answered() {
    let scenarios = "
workflow: Parent
input: {n: 4}
activities: {Work: 9}
scenarios:
  - name: in place
    expect: {result: {r: 9, doubled: 8}, children: [{name: Kid, input: {n: 4}}], nexus: {Math.Double: 1}, duration: 0s}
  - name: answered
    children: {Kid: {return: 1, after: 2h}}
    nexus: {Math.Double: {when: {n: 4}, return: 5}}
    expect: {result: {r: 1, doubled: 5}, never: [Work], duration: 2h}
  - name: a child that fails
    children: {Kid: {fail: {type: Lost}}}
    expect: {failure: Lost}
  - name: a closed door, whatever the answer would be
    namespace: stranger
    nexus: {Math.Double: 1}
    expect: {result: {doubled: refused}}
";
    assert_eq!(findings(PROGRAM, scenarios), "");
}

#[test]
fn a_closing_parent_takes_its_children_along() {
    let scenarios = "
workflow: Leaving
input: {n: 1}
steps:
  - advance: 1m
  - cancel: {to: test/Kid/1}
expect: {status: completed, duration: 1m, children: {Kid: 1}}
";
    let told = findings(PROGRAM, scenarios);
    assert!(
        told.contains(
            "the cancellation could not be delivered: the run ours/test/Kid/1 is closed: it is canceled"
        ),
        "{told}"
    );
}

/// A mistake in a child: it stays open and its parent waits, or, when that is wanted, it fails and the parent hears of it.
#[test]
fn a_mistake_blocks_its_run_or_fails_it() {
    let program = "
workflow Broken(n: any):
    x = n.name.first
    close complete(x)

workflow Parent():
    try:
        workflow Broken({name: null}) -> r
    catch e:
        r = e.message
    close complete(r)
";
    let failed = "
workflow: Parent
scenarios:
  - {name: told, expect: {result: {$contains: 'null'}}}
  - {name: alone, workflow: Broken, input: {n: {name: null}}, expect: {status: failed}}
";
    let options = Options { panic_fails: true, ..Options::default() };
    let reports = run_text(("w.twf", program), ("w.test.yaml", failed), &options).unwrap();
    for report in reports {
        assert!(report.findings.is_empty() && report.replays.is_some(), "{report:#?}");
    }
    let blocked = "
scenarios:
  - {name: told, workflow: Parent, expect: {status: running}}
  - {name: alone, workflow: Broken, input: {n: {name: null}}, expect: {status: blocked}}
";
    assert_eq!(findings(program, blocked), "");
}
