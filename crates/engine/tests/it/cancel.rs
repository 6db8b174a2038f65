//! What becomes of commands that a program cancels (language page, H10).

use nexus_engine::record::Event;
use nexus_kernel::failure::Failure;
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::retry::RetryState;
use serde_json::json;

use crate::support::{Scripted, World, echo};

const PROGRAM: &str = "\
activity Do(x: any) -> (any):
    ...

activity Retried() -> (any):
    ...

workflow Child() -> (int):
    on_cancel:
        await timer(5s)
        activity Do(\"undone\")
    await timer(30d)
    close complete(1)

workflow Try() -> (string):
    promise kid <- workflow Child()
        options:
            workflow_id: \"the-kid\"
            parent_close_policy: ABANDON
    await timer(1s)
    cancel kid
    try:
        await kid
    catch e: Canceled:
        await timer(10s)
        close complete(e.message)
    close complete(\"never\")

workflow Wait() -> (any):
    promise kid <- workflow Child()
        options:
            cancellation_type: wait_cancellation_completed
    await timer(1s)
    cancel kid
    try:
        await kid
    catch e: Canceled:
        close complete([e.kind, now() - workflow.start_time])
    close complete(\"never\")

workflow Between() -> (any):
    promise work <- activity Retried()
        options:
            cancellation_type: wait_cancellation_completed
            retry_policy:
                initial_interval: 1h
    await timer(1s)
    cancel work
    try:
        await work
    catch e: Canceled:
        close complete(now() - workflow.start_time)
    close complete(\"never\")
";

fn activities() -> Scripted {
    Scripted::default().with("Do", echo).with("Retried", |_| Err(Failure::application("Flaky", "again")))
}

#[tokio::test]
async fn a_cancelled_child_is_asked_to_stop_and_cleans_up() {
    let world = World::new(PROGRAM, activities()).await;
    let outcome = world.run("Try", json!({})).await;
    assert_eq!(outcome.result, json!("cancelled by the workflow itself"));
    // The policy for the end of the parent says nothing about a request of its own: the child was not left alone.
    assert_eq!(world.activities.count("Do"), 1);
    world.stop().await;
}

#[tokio::test]
async fn the_end_of_a_cancelled_child_can_be_waited_for() {
    let world = World::new(PROGRAM, activities()).await;
    let outcome = world.run("Wait", json!({})).await;
    assert_eq!(outcome.status, RunStatus::Completed);
    assert_eq!(outcome.result, json!(["canceled", "PT6S"]));
    let history = world.history(&outcome).await;
    let failed = history.events.iter().find_map(|event| match &event.event {
        Event::ChildWorkflowExecutionFailed { failure, .. } => failure.remote(),
        _ => None,
    });
    assert_eq!(failed.unwrap().retry_state, RetryState::CancelRequested);
    world.stop().await;
}

#[tokio::test]
async fn an_activity_between_two_attempts_ends_when_it_is_cancelled() {
    let world = World::new(PROGRAM, activities()).await;
    let outcome = world.run("Between", json!({})).await;
    assert_eq!(outcome.result, json!("PT1S"));
    assert_eq!(world.activities.count("Retried"), 1);
    world.stop().await;
}
