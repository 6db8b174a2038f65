//! Cancellation: by the program, by an operator, by the end of the caller, and by whoever shows a token.

use nexus_engine::nexus::{EndpointSpec, Target};
use nexus_engine::record::CallerInfo;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::runs::RunStatus;
use nexus_rpc::{CancelRequest, HandlerErrorKind};
use serde_json::json;

use super::foreign::{Alone, Said, is_cancel, promised};
use super::starts::{asked, start};
use super::support::{Two, eventually, nexus_events, operation, operations, refused, runs};

async fn handler_is(two: &Two, status: RunStatus) {
    let bank = &two.bank;
    eventually(bank, || async {
        let rows = runs(bank, "WaitFor").await;
        rows.len() == 1 && rows[0].status == status
    })
    .await;
}

#[tokio::test]
async fn a_program_cancels_and_waits_for_the_end() {
    let two = Two::new().await;
    let outcome = two.run("Stop", json!({ "x": 1 })).await;
    assert_eq!(outcome.result, json!("NexusCancelledError"));
    assert_eq!(
        nexus_events(&two.shop, &outcome.run_id).await,
        ["NexusOperationScheduled", "NexusOperationStarted", "NexusOperationFailed"]
    );
    handler_is(&two, RunStatus::Canceled).await;
    two.stop().await;
}

#[tokio::test]
async fn what_a_program_no_longer_wants_is_cancelled() {
    let two = Two::new().await;
    let outcome = two.run("Race", json!({ "x": 1 })).await;
    assert_eq!(outcome.result, json!("late"));
    handler_is(&two, RunStatus::Canceled).await;
    two.stop().await;
}

#[tokio::test]
async fn what_a_closed_run_waited_for_is_cancelled_unless_it_is_abandoned() {
    for (workflow, status) in [("Drop", RunStatus::Canceled), ("Leave", RunStatus::Running)] {
        let two = Two::new().await;
        two.run(workflow, json!({ "x": 1 })).await;
        two.bank.settle().await;
        handler_is(&two, status).await;
        assert!(operations(&two.shop).await.is_empty());
        two.stop().await;
    }
    for ending in ["terminate", "cancel"] {
        let two = Two::new().await;
        let run = two.shop.start("Wait", json!({ "x": 1 })).await;
        handler_is(&two, RunStatus::Running).await;
        match ending {
            "terminate" => two.shop.engine.terminate(&run.run_id, "enough").await.unwrap(),
            _ => two.shop.engine.cancel(&run.run_id, "enough").await.unwrap(),
        }
        two.shop.until(two.shop.engine.end(run)).await.unwrap();
        handler_is(&two, RunStatus::Canceled).await;
        two.stop().await;
    }
}

/// An abandoned operation whose start has not been answered goes on by itself, as one that was answered does.
#[tokio::test]
async fn an_abandoned_start_is_made_although_its_caller_has_ended() {
    let alone = Alone::with(|count, _| if count < 12 { Said::Closed } else { promised("t") }).await;
    let outcome = alone.shop.run("Leave", json!({ "x": 1 })).await;
    assert_eq!(outcome.result, json!("left"));
    let alone = alone.restart().await;
    eventually(&alone.shop, || async { alone.count() == 13 }).await;
    let alone = alone.restart().await;
    alone.shop.settle().await;
    assert_eq!(alone.count(), 13);
    alone.shop.stop().await;
}

#[tokio::test]
async fn a_start_that_nobody_wants_is_not_tried_for_ever() {
    let alone = Alone::with(|_, _| Said::Closed).await;
    alone.shop.run("Drop", json!({ "x": 1 })).await;
    eventually(&alone.shop, || async { alone.count() == 10 }).await;
    let alone = alone.restart().await;
    alone.shop.settle().await;
    assert_eq!(alone.count(), 10);
    alone.shop.stop().await;
}

#[tokio::test]
async fn a_cancellation_is_brought_until_it_is_heard() {
    let alone = Alone::with(|count, request| match (is_cancel(request), count) {
        (false, _) => promised("t"),
        (_, 1..4) => Said::Closed,
        _ => Said::Answer(CancelRequest::heard()),
    })
    .await;
    let run = alone.shop.start("Wait", json!({ "x": 1 })).await;
    let shop = &alone.shop;
    eventually(shop, || async { operation(shop).await["state"] == "started" }).await;
    shop.engine.terminate(&run.run_id, "enough").await.unwrap();
    eventually(shop, || async { alone.count() == 3 }).await;
    let alone = alone.restart().await;
    eventually(&alone.shop, || async { alone.count() == 5 }).await;
    let alone = alone.restart().await;
    alone.shop.settle().await;
    assert_eq!(alone.count(), 5, "it was heard");
    alone.shop.stop().await;
}

#[tokio::test]
async fn a_cancellation_that_is_refused_or_leads_nowhere_is_given_up_on() {
    for deleted in [false, true] {
        let alone = Alone::with(|_, request| {
            if is_cancel(request) { Said::Answer(refused(HandlerErrorKind::NotFound)) } else { promised("t") }
        })
        .await;
        let run = alone.shop.start("Wait", json!({ "x": 1 })).await;
        let shop = &alone.shop;
        eventually(shop, || async { operation(shop).await["state"] == "started" }).await;
        if deleted {
            shop.engine.configure_endpoints(Vec::new());
        }
        shop.engine.terminate(&run.run_id, "enough").await.unwrap();
        shop.settle().await;
        let count = if deleted { 1 } else { 2 };
        assert_eq!(alone.count(), count);
        let alone = alone.restart().await;
        alone.shop.settle().await;
        assert_eq!(alone.count(), count, "nothing is left to do");
        alone.shop.stop().await;
    }
}

/// The program has asked for a cancellation that nobody hears, and ends: it is asked for on, and once.
#[tokio::test]
async fn a_cancellation_goes_on_when_its_caller_ends() {
    let alone = Alone::with(|count, request| match (is_cancel(request), count) {
        (false, _) => promised("t"),
        (_, 1..3) => Said::Closed,
        _ => Said::Answer(CancelRequest::heard()),
    })
    .await;
    let run = alone.shop.start("Stop", json!({ "x": 1 })).await;
    let shop = &alone.shop;
    eventually(shop, || async { alone.count() == 2 }).await;
    assert_eq!(operation(shop).await["cancel_requested"], true);
    shop.engine.terminate(&run.run_id, "enough").await.unwrap();
    eventually(shop, || async { alone.count() == 4 }).await;
    shop.settle().await;
    let alone = alone.restart().await;
    alone.shop.settle().await;
    assert_eq!(alone.count(), 4);
    alone.shop.stop().await;
}

#[tokio::test]
async fn an_operation_that_is_cancelled_before_it_is_started_is_cancelled_then() {
    let alone = Alone::with(|count, request| match (is_cancel(request), count) {
        (true, _) => Said::Answer(CancelRequest::heard()),
        (_, 0..3) => Said::Closed,
        _ => promised("t"),
    })
    .await;
    let run = alone.shop.start("Wait", json!({ "x": 1 })).await;
    let shop = &alone.shop;
    eventually(shop, || async { alone.count() == 1 }).await;
    let id = operation(shop).await["operation_id"].clone();
    shop.call("operation.cancel", json!({ "operation_id": id })).await.unwrap();
    shop.call("operation.cancel", json!({ "operation_id": id })).await.unwrap();
    eventually(shop, || async { alone.count() == 5 }).await;
    shop.settle().await;
    assert_eq!(alone.count(), 5, "it is asked once");
    assert_eq!(operation(shop).await["state"], "started", "and waited for");
    shop.engine.terminate(&run.run_id, "enough").await.unwrap();
    shop.settle().await;
    alone.shop.stop().await;
}

#[tokio::test]
async fn a_token_cancels_its_own_operation_for_its_own_caller() {
    let two = Two::new().await;
    let bank = &two.bank;
    let open = EndpointSpec {
        name: "open".into(),
        target: Target::Worker { namespace: Namespace::new("bank").unwrap(), task_queue: "there".into() },
        allowed_caller_namespaces: vec!["*".into()],
        description: String::new(),
    };
    bank.engine.create_endpoint(open).await.unwrap();
    let wait = start(bank, asked("default", "open", "Wait", json!(1))).await.unwrap();
    let mut charge = asked("default", "open", "Charge", json!(1));
    charge.request_id = Some("two".into());
    let charge = start(bank, charge).await.unwrap();
    let mut plain = crate::support::request("WaitFor", json!({ "x": 1 }));
    plain.namespace = Namespace::new("bank").unwrap();
    plain.workflow_id = Some(nexus_kernel::id::WorkflowId::new("plain").unwrap());
    bank.engine.start(plain).await.unwrap();
    let of_plain = token("bank", "plain");
    let cancel = |namespace: &str, operation: &'static str, token: String| {
        let namespace = Namespace::new(namespace).unwrap();
        async move {
            let caller = CallerInfo { namespace, ..CallerInfo::default() };
            let cancelled =
                bank.engine.cancel_operation(("open", "Billing", operation), (&caller, true), &token);
            cancelled.await.map_err(|error| error.code().id)
        }
    };
    let unknown = Err("NX-2808");
    assert_eq!(cancel("default", "Wait", "nonsense".into()).await, unknown);
    assert_eq!(cancel("default", "Wait", token("bank", "nexus-none")).await, unknown);
    assert_eq!(cancel("default", "Wait", token("default", "plain")).await, unknown, "another namespace");
    assert_eq!(cancel("default", "Wait", of_plain).await, unknown, "no operation at all");
    assert_eq!(cancel("default", "Wait", charge.token.clone()).await, unknown, "another operation");
    assert_eq!(cancel("other", "Wait", wait.token.clone()).await, unknown, "another caller's");
    bank.settle().await;
    assert!(runs(bank, "WaitFor").await.iter().all(|row| row.status.is_open()));
    assert_eq!(cancel("default", "Wait", wait.token.clone()).await, Ok(()));
    assert_eq!(cancel("default", "Wait", wait.token.clone()).await, Ok(()), "twice");
    eventually(bank, || async { bank.engine.row(&wait.run_id).await.unwrap().status == RunStatus::Canceled })
        .await;
    assert_eq!(cancel("default", "Wait", wait.token.clone()).await, Ok(()), "after the end");
    let history = bank.engine.history(&wait.run_id).await.unwrap();
    let asked =
        history.events.iter().filter(|it| it.event.name() == "WorkflowExecutionCancelRequested").count();
    assert_eq!(asked, 1);
    two.stop().await;
}

/// What an operation under a workflow id would be called.
fn token(namespace: &str, workflow_id: &str) -> String {
    use base64::Engine as _;
    let text = json!({ "t": 1, "ns": namespace, "wid": workflow_id }).to_string();
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}
