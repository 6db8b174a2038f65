//! Runs that go on as others, on either side of a call.

use nexus_engine::engine::Address;
use nexus_engine::record::Event;
use nexus_engine::reset::{Pin, ResetRequest, Target};
use nexus_kernel::id::RunId;
use nexus_kernel::port::runs::RunStatus;
use serde_json::json;

use super::foreign::{Alone, promised};
use super::support::{Two, ends, eventually, nexus_events, operation, operations, runs};
use crate::support::World;

#[tokio::test]
async fn an_operation_that_continues_as_new_is_told_of_at_its_end() {
    let two = Two::new().await;
    let outcome = two.run("Chained", json!({ "x": 3 })).await;
    assert_eq!(outcome.result, json!("chained"));
    assert_eq!(runs(&two.bank, "Repeat").await.len(), 4);
    two.stop().await;
}

#[tokio::test]
async fn an_operation_whose_workflow_is_tried_again_is_told_of_at_its_end() {
    let two = Two::new().await;
    let outcome = two.run("Again", json!({ "x": 3 })).await;
    assert_eq!(outcome.result, json!("the third run"));
    assert_eq!(runs(&two.bank, "Another").await.len(), 3);
    two.stop().await;
}

/// Begins a run anew from the end of its first workflow task.
async fn reset(world: &World, run: &RunId, event: u64) -> RunId {
    let to = world.engine.address_of_run(run).await.unwrap();
    let request = ResetRequest {
        run: Some(run.clone()),
        target: Target::Event(event),
        reason: "a test".into(),
        exclude: Vec::new(),
        pin: Pin::Pinned,
        request_id: "reset".into(),
    };
    let to = Address { run: Some(run.clone()), ..to };
    world.engine.reset(&to, request).await.unwrap().0
}

/// The last workflow task of a run that has been completed.
async fn last_task(world: &World, run: &RunId) -> u64 {
    let history = world.engine.history(run).await.unwrap();
    let tasks = history.events.iter().filter(|it| matches!(it.event, Event::WorkflowTaskCompleted {}));
    tasks.map(|it| it.id).next_back().unwrap()
}

#[tokio::test]
async fn a_caller_that_is_reset_goes_on_waiting_for_the_operation() {
    let alone = Alone::with(|_, _| promised("t")).await;
    let run = alone.shop.start("Block", json!({ "x": 1 })).await;
    let shop = &alone.shop;
    eventually(shop, || async { operation(shop).await["state"] == "started" }).await;
    let task = last_task(shop, &run.run_id).await;
    let new = reset(shop, &run.run_id, task).await;
    shop.settle().await;
    let shown = operation(shop).await;
    assert_eq!(shown["run_id"], json!(new), "{shown:#}");
    assert_eq!(alone.count(), 1, "neither cancelled nor started again");
    assert_eq!(alone.complete(0, |it| it.token = Some("t".into())).await, 200);
    let row = shop.engine.row(&new).await.unwrap();
    assert_eq!(shop.until(shop.engine.wait(&row)).await.unwrap().result, json!("done"));
    assert_eq!(alone.complete(0, |_| ()).await, 404);
    assert!(operations(shop).await.is_empty());
    alone.shop.stop().await;
}

#[tokio::test]
async fn a_caller_that_is_reset_to_before_the_call_calls_again() {
    let alone = Alone::with(|count, _| promised(&format!("t-{count}"))).await;
    let run = alone.shop.start("Race", json!({ "x": 1 })).await;
    let shop = &alone.shop;
    eventually(shop, || async { operation(shop).await["state"] == "started" }).await;
    let history = shop.engine.history(&run.run_id).await.unwrap();
    let first =
        history.events.iter().find(|it| matches!(it.event, Event::WorkflowTaskCompleted {})).unwrap().id;
    let new = reset(shop, &run.run_id, first).await;
    eventually(shop, || async { alone.count() >= 2 }).await;
    shop.settle().await;
    assert_eq!(operations(shop).await.len(), 1);
    let row = shop.engine.row(&new).await.unwrap();
    assert_eq!(shop.until(shop.engine.wait(&row)).await.unwrap().result, json!("late"));
    alone.shop.stop().await;
}

#[tokio::test]
async fn an_operation_that_is_reset_is_told_of_once_by_the_run_in_its_stead() {
    let two = Two::new().await;
    let run = two.shop.start("Block", json!({ "x": 4 })).await;
    let id = run.run_id.clone();
    let bank = &two.bank;
    let begun = || async {
        let rows = runs(bank, "ChargeCard").await;
        rows.len() == 1
            && bank.pending(&rows[0].run_id).await.iter().any(|it| json!(it).to_string().contains("timer"))
    };
    eventually(bank, begun).await;
    let handler = runs(bank, "ChargeCard").await[0].run_id.clone();
    let task = last_task(bank, &handler).await;
    let new = reset(bank, &handler, task).await;
    let outcome = two.shop.until(two.shop.engine.end(run)).await.unwrap();
    assert_eq!(outcome.result, json!({ "charged": 4 }));
    assert_eq!(ends(&two.shop.engine.history(&id).await.unwrap(), 1), 1);
    assert_eq!(bank.engine.row(&new).await.unwrap().status, RunStatus::Completed);
    assert_eq!(nexus_events(&two.shop, &id).await.len(), 3);
    two.stop().await;
}
