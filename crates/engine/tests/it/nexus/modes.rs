//! The three ways to call, each with a result that comes at once and one that comes later, and failures.

use nexus_kernel::failure::FailureKind;
use nexus_kernel::port::runs::RunStatus;
use serde_json::json;

use super::support::{Two, declined, ends, eventually, nexus_events, runs};

#[tokio::test]
async fn a_caller_waits_for_a_result_that_comes_at_once_or_later() {
    let two = Two::new().await;
    let now = two.run("Quote", json!({ "x": 21 })).await;
    assert_eq!(now.result, json!(42));
    assert_eq!(
        nexus_events(&two.shop, &now.run_id).await,
        ["NexusOperationScheduled", "NexusOperationCompleted"]
    );
    let later = two.run("Block", json!({ "x": 7 })).await;
    assert_eq!(later.result, json!({ "charged": 7 }));
    assert_eq!(
        nexus_events(&two.shop, &later.run_id).await,
        ["NexusOperationScheduled", "NexusOperationStarted", "NexusOperationCompleted"]
    );
    let handlers = runs(&two.bank, "ChargeCard").await;
    assert_eq!((handlers.len(), handlers[0].key.namespace.as_str()), (1, "bank"));
    two.stop().await;
}

#[tokio::test]
async fn a_caller_goes_on_while_operations_are_carried_out() {
    let two = Two::new().await;
    let outcome = two.run("Spawn", json!({ "x": 5 })).await;
    assert_eq!(outcome.result, json!([5, { "charged": 5 }, 10]));
    two.stop().await;
}

#[tokio::test]
async fn a_detached_operation_goes_on_without_its_caller() {
    let two = Two::new().await;
    for workflow in ["Detach", "DetachQuote"] {
        let outcome = two.run(workflow, json!({ "x": 5 })).await;
        assert_eq!(outcome.result, json!("sent"));
        assert_eq!(
            nexus_events(&two.shop, &outcome.run_id).await,
            ["NexusOperationScheduled", "NexusOperationStarted"]
        );
    }
    let bank = &two.bank;
    let done = || async {
        let rows = runs(bank, "ChargeCard").await;
        rows.len() == 1 && rows[0].status == RunStatus::Completed
    };
    eventually(bank, done).await;
    assert_eq!(runs(bank, "Billing.Quote").await.len(), 1);
    two.stop().await;
}

#[tokio::test]
async fn failures_come_home_with_all_their_causes() {
    let two = Two::new().await;
    let outcome = two.run("Decline", json!({ "x": 1 })).await;
    let failure = outcome.failure.clone().unwrap();
    assert_eq!(
        (failure.kind, failure.type_name.as_str()),
        (FailureKind::NexusOperation, "NexusOperationError")
    );
    let of_activity = failure.cause.as_deref().unwrap();
    assert_eq!(of_activity.kind, FailureKind::Activity);
    assert_eq!(of_activity.cause.as_deref(), Some(&declined()), "three causes, one in the other");
    let caught = two.run("Caught", json!({ "x": 1 })).await;
    assert_eq!(caught.result[0], "NexusOperationError");
    let at_once = two.run("Refuse", json!({ "x": 1 })).await.failure.unwrap();
    assert_eq!(at_once.root().type_name, "Refused");
    assert_eq!(at_once.root().message, "not today");
    two.stop().await;
}

#[tokio::test]
async fn an_operation_that_was_cancelled_there_is_cancelled_here() {
    let two = Two::new().await;
    let started = two.shop.start("Wait", json!({ "x": 1 })).await;
    let bank = &two.bank;
    eventually(bank, || async { runs(bank, "WaitFor").await.len() == 1 }).await;
    bank.engine.cancel(&runs(bank, "WaitFor").await[0].run_id, "enough").await.unwrap();
    let run = started.run_id.clone();
    let outcome = two.shop.until(two.shop.engine.end(started)).await.unwrap();
    let failure = outcome.failure.unwrap();
    assert_eq!(failure.type_name, "NexusCancelledError");
    assert_eq!(failure.cause.unwrap().kind, FailureKind::Canceled);
    assert_eq!(ends(&two.shop.engine.history(&run).await.unwrap(), 1), 1);
    two.stop().await;
}

#[tokio::test]
async fn an_operation_that_was_terminated_there_fails_here() {
    let two = Two::new().await;
    let started = two.shop.start("Wait", json!({ "x": 1 })).await;
    let bank = &two.bank;
    eventually(bank, || async { runs(bank, "WaitFor").await.len() == 1 }).await;
    bank.engine.terminate(&runs(bank, "WaitFor").await[0].run_id, "enough").await.unwrap();
    let outcome = two.shop.until(two.shop.engine.end(started)).await.unwrap();
    assert_eq!(outcome.failure.unwrap().root().kind, FailureKind::Terminated);
    two.stop().await;
}
