//! Options of a start: id policies, delays, timeouts of runs and chains, retries, memo and search attributes.

use nexus_engine::StartRequest;
use nexus_engine::engine::Address;
use nexus_engine::input::Signal;
use nexus_engine::record::{Event, IdConflictPolicy, IdReusePolicy, RunOptions, StartOptions};
use nexus_kernel::Json;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::WorkflowId;
use nexus_kernel::port::runs::{RunFilter, RunStatus};
use nexus_kernel::retry::{RetryPolicy, RetryState};
use serde_json::{Map, json};

use crate::support::{Scripted, World, echo, names, request, seconds};

const PROGRAM: &str = "\
workflow Wait(n: int) -> (int):
    state:
        condition woken
    signal Wake():
        set woken
    await one:
        woken:
            close complete(-1)
        timer(1h):
            close complete(n)

workflow Flaky(n: int) -> (any):
    if (workflow.attempt < n):
        raise TryAgain(\"attempt \" + string(workflow.attempt))
    close complete([workflow.attempt, now() - workflow.start_time])

workflow Fatal() -> (any):
    raise Broken(\"for good\")

workflow Defaults() -> (int):
    default_options:
        workflow_run_timeout: 10m
        workflow_id_reuse_policy: REJECT_DUPLICATE
    await timer(1h)
    close complete(1)

workflow Notes(n: int) -> (any):
    set_memo({step: n})
    set_search_attributes({Stage: n})
    if (n > 0):
        close continue_as_new(n - 1)
    close complete(n)

workflow Joins() -> (any):
    promise first <- workflow Wait(7)
        options:
            workflow_id: \"kid\"
            memo:
                why: \"parent\"
    await timer(1s)
    workflow Wait(8) -> second
        options:
            workflow_id: \"kid\"
            workflow_id_conflict_policy: USE_EXISTING
    close complete(second)

workflow Replaces() -> (any):
    promise first <- workflow Wait(7)
        options:
            workflow_id: \"kid\"
            memo:
                why: \"parent\"
    await timer(1s)
    workflow Wait(8) -> second
        options:
            workflow_id: \"kid\"
            workflow_id_conflict_policy: TERMINATE_EXISTING
    close complete(second)

workflow Refused() -> (any):
    promise first <- workflow Wait(7)
        options:
            workflow_id: \"kid\"
            memo:
                why: \"parent\"
    await timer(1s)
    workflow Wait(8) -> second
        options:
            workflow_id: \"kid\"
            workflow_id_conflict_policy: FAIL
    close complete(second)

workflow Strict() -> (any):
    try:
        workflow Fatal()
            options:
                retry_policy:
                    initial_interval: 5s
                    maximum_attempts: 3
    catch e:
        close complete([e.message, now() - workflow.start_time])
";

async fn world() -> World {
    World::new(PROGRAM, Scripted::default().with("Do", echo)).await
}

fn named(workflow: &str, input: Json, options: StartOptions) -> StartRequest {
    StartRequest { workflow_id: Some(WorkflowId::new("w").unwrap()), options, ..request(workflow, input) }
}

fn reuse(reuse: IdReusePolicy) -> StartOptions {
    StartOptions { reuse, ..StartOptions::default() }
}

fn conflict(conflict: IdConflictPolicy) -> StartOptions {
    StartOptions { conflict, ..StartOptions::default() }
}

fn run(run: RunOptions) -> StartOptions {
    StartOptions { run, ..StartOptions::default() }
}

#[tokio::test]
async fn conflict_policies_decide_about_an_open_run() {
    let world = world().await;
    let start = |options| world.engine.start(named("Wait", json!({ "n": 1 }), options));
    let first = start(StartOptions::default()).await.unwrap();
    let refused = start(conflict(IdConflictPolicy::Fail)).await.unwrap_err();
    assert_eq!((refused.code().id, refused.run_id()), ("NX-2005", Some(&first.run_id)));
    let same = start(conflict(IdConflictPolicy::UseExisting)).await.unwrap();
    assert_eq!((&same.run_id, same.existing), (&first.run_id, true));
    let other = start(conflict(IdConflictPolicy::TerminateExisting)).await.unwrap();
    assert_ne!(other.run_id, first.run_id);
    assert_eq!(world.engine.end(first).await.unwrap().status, RunStatus::Terminated);
    let third = start(reuse(IdReusePolicy::TerminateIfRunning)).await.unwrap();
    assert_eq!(world.engine.end(other).await.unwrap().status, RunStatus::Terminated);
    assert_eq!(world.until(world.engine.end(third)).await.unwrap().result, json!(1));
    world.stop().await;
}

#[tokio::test]
async fn a_start_that_does_not_fit_ends_nothing() {
    let world = world().await;
    let first = world.engine.start(named("Wait", json!({ "n": 1 }), StartOptions::default())).await.unwrap();
    let bad = named("Wait", json!({ "n": "x" }), conflict(IdConflictPolicy::TerminateExisting));
    assert_eq!(world.engine.start(bad).await.unwrap_err().code().id, "NX-2001");
    assert_eq!(world.engine.row(&first.run_id).await.unwrap().status, RunStatus::Running);
    world.stop().await;
}

#[tokio::test]
async fn reuse_policies_decide_about_a_closed_run() {
    let world = world().await;
    let start = |workflow, options| world.engine.start(named(workflow, json!({}), options));
    let failed = start("Fatal", StartOptions::default()).await.unwrap();
    assert_eq!(world.engine.end(failed).await.unwrap().status, RunStatus::Failed);
    assert_eq!(start("Fatal", reuse(IdReusePolicy::RejectDuplicate)).await.unwrap_err().code().id, "NX-2036");
    let again = start("Fatal", reuse(IdReusePolicy::AllowDuplicateFailedOnly)).await.unwrap();
    world.engine.end(again).await.unwrap();
    let done = world.engine.start(named("Flaky", json!({ "n": 1 }), StartOptions::default())).await.unwrap();
    assert_eq!(world.engine.end(done).await.unwrap().status, RunStatus::Completed);
    let code = start("Fatal", reuse(IdReusePolicy::AllowDuplicateFailedOnly)).await.unwrap_err().code().id;
    assert_eq!(code, "NX-2036", "the last run completed");
    world.stop().await;
}

#[tokio::test]
async fn a_delayed_start_waits_and_a_message_ends_the_wait() {
    let world = world().await;
    let delayed = || StartOptions { start_delay_ms: Some(60_000), ..StartOptions::default() };
    let first = world.engine.start(named("Wait", json!({ "n": 1 }), delayed())).await.unwrap();
    let history = world.engine.history(&first.run_id).await.unwrap();
    assert_eq!(history.events.len(), 1, "nothing has been done: {history:#?}");
    let run_id = first.run_id.clone();
    assert_eq!(world.until(world.engine.end(first)).await.unwrap().result, json!(1));
    assert_eq!(seconds(&world.engine.history(&run_id).await.unwrap()), 3_660);
    let second = world.engine.start(named("Wait", json!({ "n": 2 }), delayed())).await.unwrap();
    let to = Address { key: second.key.clone(), run: None };
    let wake = Signal { name: "Wake".into(), input: Json::Null, request_id: "s".into() };
    world.engine.signal(&to, wake).await.unwrap();
    assert_eq!(world.engine.end(second).await.unwrap().result, json!(-1), "no time has passed");
    world.stop().await;
}

#[tokio::test]
async fn runs_and_chains_have_their_own_time() {
    let world = world().await;
    let limited = |run_ms, execution_ms| {
        run(RunOptions {
            run_timeout_ms: run_ms,
            execution_timeout_ms: execution_ms,
            retry: Some(RetryPolicy::default()),
            ..RunOptions::default()
        })
    };
    let mut start = named("Wait", json!({ "n": 1 }), limited(Some(60_000), Some(150_000)));
    let first = world.engine.start(start.clone()).await.unwrap();
    let (key, run_id) = (first.key.clone(), first.run_id.clone());
    let last = world.until(world.engine.end(first)).await.unwrap();
    assert_eq!(last.status, RunStatus::TimedOut);
    // Two runs use up their own minute, with a second and two between; the third meets the end of the chain.
    let mut chain = vec![run_id];
    while let Some(next) = world.engine.show(chain.last().unwrap()).await.unwrap().successor {
        chain.push(next);
    }
    let mut lengths = Vec::new();
    for run in &chain {
        lengths.push(seconds(&world.engine.history(run).await.unwrap()));
    }
    assert_eq!(lengths, [60, 61, 29]);
    assert_eq!(last.run_id, chain[2]);
    start.options = StartOptions::default();
    start.workflow = "Defaults".into();
    start.workflow_id = Some(WorkflowId::new("d").unwrap());
    start.input = json!({});
    let defaults = world.engine.start(start.clone()).await.unwrap();
    let run_id = defaults.run_id.clone();
    assert_eq!(world.until(world.engine.end(defaults)).await.unwrap().status, RunStatus::TimedOut);
    assert_eq!(seconds(&world.engine.history(&run_id).await.unwrap()), 600, "the definition says so");
    assert_eq!(world.engine.start(start).await.unwrap_err().code().id, "NX-2036", "and this too");
    assert_eq!(key.workflow_id.as_str(), "w");
    world.stop().await;
}

#[tokio::test]
async fn a_failed_run_is_tried_again_as_its_policy_says() {
    let world = world().await;
    let policy = |attempts| {
        let retry = RetryPolicy { maximum_attempts: attempts, ..RetryPolicy::default() };
        run(RunOptions { retry: Some(retry), ..RunOptions::default() })
    };
    let start = named("Flaky", json!({ "n": 3 }), policy(5));
    let started = world.engine.start(start).await.unwrap();
    let outcome = world.until(world.engine.end(started)).await.unwrap();
    assert_eq!(outcome.result, json!([3, "PT2S"]), "two waits, of one and of two seconds");
    let started = world.engine.start(named("Flaky", json!({ "n": 9 }), policy(2))).await.unwrap();
    let outcome = world.until(world.engine.end(started)).await.unwrap();
    assert_eq!(
        (outcome.status, outcome.failure.unwrap().message),
        (RunStatus::Failed, "attempt 2".to_owned())
    );
    let history = world.engine.history(&outcome.run_id).await.unwrap();
    let last = serde_json::to_value(&history.events.last().unwrap().event).unwrap();
    assert_eq!(last["retry_state"], json!("maximum_attempts_reached"), "{last}");
    let never = world.engine.start(named("Fatal", json!({}), StartOptions::default())).await.unwrap();
    assert_eq!(world.engine.end(never).await.unwrap().successor, None);
    world.stop().await;
}

#[tokio::test]
async fn a_child_is_tried_again_behind_its_parents_back() {
    let world = world().await;
    let outcome = world.run("Strict", json!({})).await;
    let (message, time) = (outcome.result[0].as_str().unwrap(), &outcome.result[1]);
    assert_eq!(message, "for good");
    assert_eq!(time, &json!("PT15S"), "attempts at 0, 5 and 15 s");
    let history = world.history(&outcome).await;
    let ends = names(&history).into_iter().filter(|name| name.starts_with("ChildWorkflowExecution"));
    assert_eq!(ends.collect::<Vec<_>>(), ["ChildWorkflowExecutionStarted", "ChildWorkflowExecutionFailed"]);
    // The failure names the last attempt, which says more than the first one.
    let failed = history.events.iter().find_map(|event| match &event.event {
        Event::ChildWorkflowExecutionFailed { failure, .. } => failure.remote(),
        _ => None,
    });
    let failed = failed.unwrap();
    assert_eq!(failed.retry_state, RetryState::MaximumAttemptsReached);
    let last = world.engine.show(&failed.run_id).await.unwrap();
    assert_eq!((last.row.key.workflow_id, last.successor), (failed.workflow_id.clone(), None));
    world.stop().await;
}

#[tokio::test]
async fn children_follow_the_policies_of_their_calls() {
    let world = world().await;
    let existing = world.run("Joins", json!({})).await;
    assert_eq!(existing.result, json!(7), "both calls get the one run");
    let terminated = world.run("Replaces", json!({})).await;
    assert_eq!(terminated.result, json!(8));
    let refused = world.run("Refused", json!({})).await;
    assert_eq!(refused.status, RunStatus::Failed);
    let root = refused.failure.as_ref().map(Failure::root).unwrap();
    assert_eq!(root.type_name, "WorkflowExecutionAlreadyStarted");
    world.stop().await;
}

#[tokio::test]
async fn memo_and_search_attributes_go_along_the_chain() {
    let world = world().await;
    let facts = |name: &str, value: Json| Map::from_iter([(name.to_owned(), value)]);
    let options = StartOptions {
        memo: facts("by", json!("caller")),
        search_attributes: facts("Customer", json!("c-1")),
        ..StartOptions::default()
    };
    let started = world.engine.start(named("Notes", json!({ "n": 1 }), options)).await.unwrap();
    let outcome = world.engine.end(started).await.unwrap();
    let history = world.engine.history(&outcome.run_id).await.unwrap();
    let Event::WorkflowExecutionStarted(started) = &history.events[0].event else { unreachable!() };
    assert_eq!(started.memo, json!({ "by": "caller", "step": 1 }));
    assert_eq!(started.search_attributes, json!({ "Customer": "c-1", "Stage": 1 }));
    let shown = world.engine.show(&outcome.run_id).await.unwrap().to_json();
    assert_eq!(shown["memo"], json!({ "by": "caller", "step": 0 }));
    assert_eq!(shown["search_attributes"], json!({ "Customer": "c-1", "Stage": 0 }));
    world.stop().await;
}

/// Runs that continue as new in their first task follow each other in one transition, or a few when there are many.
#[tokio::test]
async fn a_chain_without_a_wait_is_followed_to_its_end() {
    let program = "\
workflow Count(n: int) -> (int):
    if (n == 0):
        close complete(0)
    close continue_as_new(n - 1)
";
    let world = World::new(program, Scripted::default()).await;
    let outcome = world.run("Count", json!({ "n": 70 })).await;
    assert_eq!(outcome.status, RunStatus::Completed);
    let rows = world.engine.list(RunFilter { limit: 100, ..RunFilter::default() }).await.unwrap();
    assert_eq!(rows.len(), 71);
    assert!(rows.iter().all(|row| !row.status.is_open()), "{rows:#?}");
    world.stop().await;
}
