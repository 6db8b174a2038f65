//! The times of operations: each ends what takes too long, with an error that says which.

use std::time::Duration;

use nexus_engine::record::Event;
use nexus_engine::view::HistoryView;
use nexus_kernel::failure::Failure;
use nexus_kernel::port::clock::Clock as _;
use nexus_kernel::port::runs::RunStatus;
use serde_json::json;

use super::foreign::{Alone, Said, is_cancel, promised};
use super::support::{Two, eventually, nexus_events, operations, runs};

/// The timeout that a history tells of.
fn timeout(history: &HistoryView) -> Failure {
    let failure = history.events.iter().find_map(|event| match &event.event {
        Event::NexusOperationTimedOut { failure, .. } => Some(failure.clone()),
        _ => None,
    });
    *failure.unwrap().cause.unwrap()
}

#[tokio::test]
async fn each_time_ends_what_takes_too_long() {
    for (workflow, seconds, type_name) in
        [("Limited", 60, Failure::SCHEDULE_TO_CLOSE), ("Short", 20, Failure::START_TO_CLOSE)]
    {
        let two = Two::new().await;
        let began = two.clock.now();
        let outcome = two.run(workflow, json!({ "x": 1 })).await;
        assert_eq!(two.clock.now().since(began), Duration::from_secs(seconds), "{workflow}");
        assert_eq!(outcome.result[0], "NexusTimeoutError");
        assert_eq!(timeout(&two.shop.history(&outcome).await).type_name, type_name);
        assert_eq!(
            nexus_events(&two.shop, &outcome.run_id).await,
            ["NexusOperationScheduled", "NexusOperationStarted", "NexusOperationTimedOut"]
        );
        // Whoever carries it out is stopped, or has stopped by itself.
        let bank = &two.bank;
        eventually(bank, || async { !runs(bank, "WaitFor").await[0].status.is_open() }).await;
        let status = runs(bank, "WaitFor").await[0].status;
        assert!(matches!(status, RunStatus::Canceled | RunStatus::TimedOut), "{workflow}: {status:?}");
        two.stop().await;
    }
}

#[tokio::test]
async fn an_operation_that_nobody_starts_in_time_says_what_its_last_attempt_met_with() {
    for (workflow, seconds, type_name) in
        [("Hurried", 30, Failure::SCHEDULE_TO_START), ("Limited", 60, Failure::SCHEDULE_TO_CLOSE)]
    {
        let alone = Alone::with(|_, _| Said::Closed).await;
        let began = alone.clock.now();
        let outcome = alone.shop.run(workflow, json!({ "x": 1 })).await;
        assert_eq!(alone.clock.now().since(began), Duration::from_secs(seconds), "{workflow}");
        assert_eq!(outcome.result[0], "NexusTimeoutError");
        let timeout = timeout(&alone.shop.history(&outcome).await);
        assert_eq!(timeout.type_name, type_name);
        assert_eq!(timeout.cause.unwrap().type_name, "UNAVAILABLE");
        assert!(operations(&alone.shop).await.is_empty());
        alone.shop.stop().await;
    }
}

#[tokio::test]
async fn while_an_operation_waits_for_its_time_to_run_out_its_last_failure_is_shown() {
    let alone = Alone::with(|_, _| Said::Closed).await;
    let run = alone.shop.start("Hurried", json!({ "x": 1 })).await;
    let shop = &alone.shop;
    // Attempts after 0, 1, 3, 7 and 15 seconds; the next would come after thirty.
    eventually(shop, || async { alone.count() == 5 && operations(shop).await[0]["attempt"] == 6 }).await;
    let shown = operations(shop).await.remove(0);
    assert_eq!(
        (&shown["state"], &shown["last_failure"]["type"]),
        (&json!("backing_off"), &json!("UNAVAILABLE"))
    );
    assert_eq!(shown["next_attempt_at"], shown["start_before"]);
    let alone = alone.restart().await;
    let row = alone.shop.engine.row(&run.run_id).await.unwrap();
    let outcome = alone.shop.until(alone.shop.engine.wait(&row)).await.unwrap();
    assert_eq!(outcome.result[0], "NexusTimeoutError");
    alone.shop.stop().await;
}

#[tokio::test]
async fn what_may_have_been_started_is_stopped_although_its_answer_came_too_late() {
    // The first answer is lost; the start is asked for again until somebody says what it is called, and cancelled.
    let alone = Alone::with(|count, request| match (is_cancel(request), count) {
        (true, _) => Said::Answer(nexus_rpc::CancelRequest::heard()),
        (_, 0) => Said::Silence,
        (_, 1..8) => Said::Closed,
        _ => promised("late"),
    })
    .await;
    let outcome = alone.shop.run("Hurried", json!({ "x": 1 })).await;
    assert_eq!(outcome.result[0], "NexusTimeoutError");
    let shop = &alone.shop;
    eventually(shop, || async { alone.asked.lock().unwrap().iter().any(is_cancel) }).await;
    let last = alone.asked.lock().unwrap().last().unwrap().clone();
    assert_eq!(last.headers()["nexus-operation-token"], "late");
    assert_eq!(
        nexus_events(shop, &outcome.run_id).await,
        ["NexusOperationScheduled", "NexusOperationTimedOut"]
    );
    alone.shop.settle().await;
    let alone = alone.restart().await;
    let count = alone.count();
    alone.shop.settle().await;
    assert_eq!(alone.count(), count, "nothing is left to do");
    alone.shop.stop().await;
}

#[tokio::test]
async fn a_detached_operation_that_is_not_started_in_time_is_let_go_of() {
    let alone = Alone::with(|_, _| Said::Closed).await;
    let outcome = alone.shop.run("ShortDetached", json!({ "x": 1 })).await;
    assert_eq!(outcome.result, json!("NexusTimeoutError"));
    let count = alone.count();
    assert!(operations(&alone.shop).await.is_empty());
    let alone = alone.restart().await;
    alone.shop.settle().await;
    assert_eq!(alone.count(), count);
    alone.shop.stop().await;
}

#[tokio::test]
async fn the_other_side_is_told_how_much_time_is_left() {
    let alone = Alone::with(|count, _| if count < 4 { Said::Closed } else { promised("t") }).await;
    let run = alone.shop.start("Limited", json!({ "x": 1 })).await;
    let shop = &alone.shop;
    eventually(shop, || async { alone.count() == 5 }).await;
    let told: Vec<_> = alone
        .asked
        .lock()
        .unwrap()
        .iter()
        .map(|it| it.headers()["operation-timeout"].to_str().unwrap().to_owned())
        .collect();
    assert_eq!(told, ["60000ms", "59000ms", "57000ms", "53000ms", "45000ms"]);
    shop.until(shop.engine.end(run)).await.unwrap();
    alone.shop.stop().await;
}
