//! Ids: one open run of a workflow id, repeated requests, and what is refused.

use std::time::Duration;

use nexus_kernel::id::WorkflowId;
use nexus_kernel::port::runs::RunFilter;
use serde_json::json;

use crate::support::{Scripted, World, echo, request};

const PROGRAM: &str = "\
workflow Wait(n: int) -> (int):
    await timer(1h)
    activity Do(n) -> y
    close complete(y)

activity Do(x: any) -> (any):
    ...
";

#[tokio::test]
async fn a_repeated_request_is_the_same_run() {
    let world = World::new(PROGRAM, Scripted::default().with("Do", echo)).await;
    let mut first = request("Wait", json!({ "n": 1 }));
    first.idempotency_key = Some("k-1".to_owned());
    let one = world.engine.start(first.clone()).await.unwrap();
    let two = world.engine.start(first.clone()).await.unwrap();
    assert_eq!((one.run_id.clone(), two.existing), (two.run_id.clone(), true));
    // After the end it is still the same run, with the same result.
    assert_eq!(world.until(world.engine.end(one)).await.unwrap().result, json!(1));
    let three = world.engine.start(first).await.unwrap();
    assert_eq!((three.run_id.clone(), three.existing), (two.run_id.clone(), true));
    assert_eq!(world.engine.end(three).await.unwrap().result, json!(1));
    world.stop().await;
}

#[tokio::test]
async fn one_run_of_an_id_is_open_at_a_time() {
    let world = World::new(PROGRAM, Scripted::default().with("Do", echo)).await;
    let mut named = request("Wait", json!({ "n": 1 }));
    named.workflow_id = Some(WorkflowId::new("w").unwrap());
    let first = world.engine.start(named.clone()).await.unwrap();
    let error = world.engine.start(named.clone()).await.unwrap_err();
    assert_eq!((error.code().id, error.run_id()), ("NX-2005", Some(&first.run_id)));
    world.until(world.engine.end(first)).await.unwrap();
    let second = world.engine.start(named).await.unwrap();
    assert!(!second.existing, "a closed run is no obstacle");
    world.stop().await;
}

#[tokio::test]
async fn input_that_does_not_fit_starts_nothing() {
    let world = World::new(PROGRAM, Scripted::default()).await;
    let error = world.engine.start(request("Wait", json!({ "m": 1 }))).await.unwrap_err();
    assert_eq!(error.code().id, "NX-2001");
    let error = world.engine.start(request("Wiat", json!({ "n": 1 }))).await.unwrap_err();
    assert_eq!(error.code().id, "NX-2002");
    let runs = world.engine.list(nexus_kernel::port::runs::RunFilter { limit: 9, ..Default::default() });
    assert!(runs.await.unwrap().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn cancel_and_terminate_end_a_run_once() {
    let world = World::new(PROGRAM, Scripted::default()).await;
    let started = world.start("Wait", json!({ "n": 1 })).await;
    let run = started.run_id.clone();
    world.engine.cancel(&run, "changed my mind").await.unwrap();
    let outcome = world.engine.end(started).await.unwrap();
    assert_eq!(outcome.status.as_str(), "canceled");
    assert_eq!(world.engine.cancel(&run, "again").await.unwrap_err().code().id, "NX-2032");
    let started = world.start("Wait", json!({ "n": 2 })).await;
    world.engine.terminate(&started.run_id, "enough").await.unwrap();
    assert_eq!(world.engine.end(started).await.unwrap().status.as_str(), "terminated");
    world.stop().await;
}

#[tokio::test]
async fn a_late_repetition_finds_its_run_among_later_ones() {
    let world = World::new(PROGRAM, Scripted::default().with("Do", echo)).await;
    let named = |n: i64| {
        let mut named = request("Wait", json!({ "n": n }));
        named.workflow_id = Some(WorkflowId::new("w").unwrap());
        named.idempotency_key = Some(format!("k-{n}"));
        named
    };
    let mut runs = Vec::new();
    for n in [1, 2] {
        let started = world.engine.start(named(n)).await.unwrap();
        runs.push(started.run_id.clone());
        world.until(world.engine.end(started)).await.unwrap();
    }
    let repeated = world.engine.start(named(1)).await.unwrap();
    assert_eq!((&repeated.run_id, repeated.existing), (&runs[0], true));
    assert_eq!(world.until(world.engine.end(repeated)).await.unwrap().result, json!(1));
    world.stop().await;
}

#[tokio::test]
async fn a_run_in_the_middle_of_a_chain_is_closed_and_its_first_run_means_the_latest() {
    let program = "\
workflow Three(n: int) -> (int):
    await timer(1m)
    if (n == 0):
        await timer(1h)
        close complete(0)
    close continue_as_new(n - 1)
";
    let world = World::new(program, Scripted::default()).await;
    let started = world.start("Three", json!({ "n": 2 })).await;
    let first = started.run_id.clone();
    world.until(world.engine.within(Duration::from_secs(150), std::future::pending::<()>())).await;
    let rows = world.engine.list(RunFilter { limit: 9, ..RunFilter::default() }).await.unwrap();
    let middle = &rows.iter().find(|row| !row.status.is_open() && row.run_id != first).unwrap().run_id;
    let refused = world.engine.cancel(middle, "too late").await.unwrap_err();
    assert_eq!((refused.code().id, refused.run_id()), ("NX-2032", Some(middle)), "{refused}");
    world.engine.cancel(&first, "enough").await.unwrap();
    assert_eq!(world.until(world.engine.end(started)).await.unwrap().status.as_str(), "canceled");
}
