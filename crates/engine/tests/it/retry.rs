//! Attempts: retry policies and timeouts, to the figure, in simulated time.

use nexus_kernel::failure::Failure;
use nexus_kernel::port::runs::RunStatus;
use serde_json::json;

use crate::support::{Scripted, World, echo, names, seconds};

const ONE: &str = "\
workflow One(x: any) -> (any):
    activity Do(x) -> y
    close complete(y)

activity Do(x: any) -> (any):
    ...
";

#[tokio::test]
async fn an_activity_is_tried_again_with_growing_waits() {
    let activities = Scripted::default().with("Do", |task| match task.attempt {
        4 => echo(task),
        _ => Err(Failure::application("Flaky", "not yet")),
    });
    let world = World::new(ONE, activities).await;
    let outcome = world.run("One", json!({ "x": 7 })).await;
    assert_eq!((outcome.status, outcome.result.clone()), (RunStatus::Completed, json!(7)));
    let history = world.history(&outcome).await;
    assert_eq!(seconds(&history), 1 + 2 + 4, "the default policy waits 1, 2 and 4 seconds");
    assert_eq!(
        names(&history),
        [
            "WorkflowExecutionStarted",
            "ActivityTaskScheduled",
            "ActivityTaskStarted",
            "ActivityTaskCompleted",
            "WorkflowExecutionCompleted",
        ],
        "attempts are not events"
    );
    world.stop().await;
}

#[tokio::test]
async fn a_final_failure_is_not_tried_again_and_fails_the_run() {
    let activities =
        Scripted::default().with("Do", |_| Err(Failure::application("CardDeclined", "no").final_()));
    let world = World::new(ONE, activities).await;
    let outcome = world.run("One", json!({ "x": 7 })).await;
    assert_eq!(outcome.status, RunStatus::Failed);
    let failure = outcome.failure.clone().unwrap();
    assert_eq!(failure.type_name, "ActivityFailure");
    assert_eq!(failure.root().type_name, "CardDeclined");
    assert_eq!(world.activities.count("Do"), 1);
    world.stop().await;
}

#[tokio::test]
async fn attempts_are_counted_and_times_kept() {
    let program = "\
workflow Limited() -> (any):
    activity Do(1) -> y
        options:
            start_to_close_timeout: 3s
            retry_policy:
                initial_interval: 10s
                backoff_coefficient: 3
                maximum_attempts: 3
    close complete(y)

activity Do(x: any) -> (any):
    ...
";
    // `Do` never ends, so each attempt takes the three seconds that it is given.
    let world = World::new(program, Scripted::default()).await;
    let outcome = world.run("Limited", json!({})).await;
    assert_eq!(outcome.failure.clone().unwrap().root().type_name, Failure::START_TO_CLOSE);
    let history = world.history(&outcome).await;
    assert_eq!(seconds(&history), 3 + 10 + 3 + 30 + 3);
    assert_eq!(world.activities.count("Do"), 3);
    assert!(names(&history).contains(&"ActivityTaskTimedOut"));
    world.stop().await;
}

#[tokio::test]
async fn schedule_to_close_bounds_all_attempts() {
    let program = "\
workflow Bounded() -> (any):
    activity Do(1) -> y
        options:
            schedule_to_close_timeout: 10s
    close complete(y)

activity Do(x: any) -> (any):
    ...
";
    let activities = Scripted::default().with("Do", |_| Err(Failure::application("Flaky", "never")));
    let world = World::new(program, activities).await;
    let outcome = world.run("Bounded", json!({})).await;
    let history = world.history(&outcome).await;
    // Attempts at 0, 1, 3 and 7 seconds; the next would begin at 15.
    assert_eq!((seconds(&history), world.activities.count("Do")), (7, 4));
    world.stop().await;
}
