//! Children and Nexus operations: three modes, refusals, timeouts, and who is told what.

use nexus_engine::record::Event;
use nexus_kernel::failure::Failure;
use nexus_kernel::port::runs::{RunFilter, RunStatus};
use nexus_kernel::retry::RetryState;
use serde_json::json;

use crate::support::{Scripted, World, echo, names};

const SHOP: &str = "\
workflow Call(x: int) -> (int):
    nexus Ep Math.Double(x) -> y
    close complete(y)

workflow Spawn(x: int) -> (int):
    promise p <- nexus Ep Math.Double(x)
    activity Do(x) -> a
    await p -> y
    close complete(y + a)

workflow Send(x: int) -> (string):
    detach nexus Ep Math.Double(x)
    close complete(\"sent\")

workflow Slow() -> (string):
    await one:
        nexus Ep Math.Never() -> y:
            close complete(\"done\")
        timer(10s):
            close complete(\"late\")

workflow Catch(x: int) -> (string):
    try:
        nexus Ep Math.Fails(x) -> y
    catch e:
        close complete(e.type)
    close complete(\"fine\")

workflow Parent(x: int) -> (int):
    workflow Child(x) -> y
    close complete(y)

workflow Child(x: int) -> (int):
    activity Do(x) -> y
    close complete(y + 1)

workflow DoubleIt(x: int) -> (int):
    activity Do(x) -> y
    close complete(y * 2)

workflow Fail(x: int) -> (int):
    close fail(TooBig{message: \"too big\"})

workflow Forever() -> (int):
    await timer(30d)
    close complete(0)

activity Do(x: any) -> (any):
    ...

nexus service Math:
    async Double workflow DoubleIt
    async Fails workflow Fail
    async Never workflow Forever

worker Here:
    workflow Call
    workflow Spawn
    workflow Send
    workflow Slow
    workflow Catch
    workflow Parent
    workflow Child
    activity Do

worker There:
    workflow DoubleIt
    workflow Fail
    workflow Forever
    activity Do
    nexus service Math

namespace default:
    worker Here
        options:
            task_queue: \"here\"

namespace math:
    worker There
        options:
            task_queue: \"there\"
    nexus endpoint Ep
        options:
            task_queue: \"there\"
            allowed_caller_namespaces: [\"default\"]
";

async fn world() -> World {
    World::new(SHOP, Scripted::default().with("Do", echo)).await
}

#[tokio::test]
async fn the_caller_of_an_operation_gets_its_result() {
    let world = world().await;
    let outcome = world.run("Call", json!({ "x": 21 })).await;
    assert_eq!(outcome.result, json!(42));
    let history = world.history(&outcome).await;
    assert!(names(&history).ends_with(&["NexusOperationCompleted", "WorkflowExecutionCompleted"]));
    let handlers = RunFilter { workflow: Some("DoubleIt".into()), limit: 9, ..RunFilter::default() };
    let rows = world.engine.list(handlers).await.unwrap();
    assert_eq!((rows.len(), rows[0].key.namespace.as_str()), (1, "math"));
    world.stop().await;
}

#[tokio::test]
async fn spawned_detached_and_child_calls() {
    let world = world().await;
    assert_eq!(world.run("Spawn", json!({ "x": 5 })).await.result, json!(15));
    assert_eq!(world.run("Parent", json!({ "x": 5 })).await.result, json!(6));
    assert_eq!(world.run("Send", json!({ "x": 5 })).await.result, json!("sent"));
    // The detached operation goes on by itself.
    let handlers = || RunFilter {
        workflow: Some("DoubleIt".into()),
        status: Some(RunStatus::Completed),
        limit: 9,
        ..RunFilter::default()
    };
    world
        .until(async {
            while world.engine.list(handlers()).await.unwrap().len() < 2 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    world.stop().await;
}

#[tokio::test]
async fn an_operation_that_is_no_longer_wanted_is_cancelled() {
    let world = world().await;
    let outcome = world.run("Slow", json!({})).await;
    assert_eq!(outcome.result, json!("late"));
    let forever = RunFilter { workflow: Some("Forever".into()), limit: 9, ..RunFilter::default() };
    let row = world.engine.list(forever).await.unwrap().remove(0);
    let handler = world.until(world.engine.wait(&row)).await.unwrap();
    assert_eq!(handler.status, RunStatus::Canceled);
    world.stop().await;
}

#[tokio::test]
async fn failures_have_the_types_of_the_seed() {
    let world = world().await;
    let caught = world.run("Catch", json!({ "x": 1 })).await;
    assert_eq!(caught.result, json!("NexusOperationError"));
    let history = world.history(&caught).await;
    let failed = history.events.iter().find_map(|event| match &event.event {
        Event::NexusOperationFailed { failure, .. } => failure.remote(),
        _ => None,
    });
    let failed = failed.unwrap();
    assert_eq!(failed.retry_state, RetryState::RetryPolicyNotSet);
    assert_eq!(world.engine.show(&failed.run_id).await.unwrap().row.workflow, "Fail");
    world.stop().await;
    let closed =
        SHOP.replace("allowed_caller_namespaces: [\"default\"]", "allowed_caller_namespaces: [\"x\"]");
    let world = World::new(&closed, Scripted::default().with("Do", echo)).await;
    let outcome = world.run("Catch", json!({ "x": 1 })).await;
    assert_eq!(outcome.result, json!("NexusUnauthorizedError"));
    let started = RunFilter { workflow: Some("Fail".into()), limit: 9, ..RunFilter::default() };
    assert!(world.engine.list(started).await.unwrap().is_empty(), "a refused call starts nothing");
    world.stop().await;
}

#[tokio::test]
async fn compensation_runs_when_a_step_fails() {
    let program = "\
workflow Saga(x: int) -> (string):
    try:
        activity Reserve(x) -> r
        activity Charge(x) -> c
    catch e: CardDeclined:
        activity Release(x)
        close fail(Rejected{message: e.message})
    close complete(\"sold\")

activity Reserve(x: any) -> (any):
    ...
activity Charge(x: any) -> (any):
    ...
activity Release(x: any) -> (any):
    ...
";
    let program = program.replace("catch e: CardDeclined:", "catch e:");
    let activities = Scripted::default()
        .with("Reserve", echo)
        .with("Release", echo)
        .with("Charge", |_| Err(Failure::application("CardDeclined", "no money").final_()));
    let world = World::new(&program, activities).await;
    let outcome = world.run("Saga", json!({ "x": 1 })).await;
    assert_eq!(outcome.failure.clone().unwrap().type_name, "Rejected");
    assert_eq!(world.activities.count("Release"), 1);
    world.stop().await;
}
