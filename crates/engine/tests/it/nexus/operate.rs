//! What operators see and do: circuit breakers, and the verbs of operations that runs wait for.

use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::port::clock::Clock as _;
use nexus_kernel::port::runs::RunStatus;
use serde_json::json;

use super::foreign::{Alone, Said, done, promised};
use super::support::{Two, eventually, nexus_events, operation, operations, runs};

#[tokio::test]
async fn after_six_failures_nothing_is_asked_for_a_minute_and_a_probe_closes_the_breaker() {
    let alone = Alone::with(|count, _| if count < 6 { Said::Closed } else { done(&json!("ok")) }).await;
    let began = alone.clock.now();
    let first = alone.shop.start("Block", json!({ "x": 1 })).await;
    let shop = &alone.shop;
    // Attempts after 0, 1, 3, 7, 15 and 31 seconds.
    eventually(shop, || async { alone.count() == 6 && operation(shop).await["state"] == "blocked" }).await;
    assert_eq!(alone.clock.now().since(began), Duration::from_secs(31));
    let reason = operation(shop).await["blocked_reason"].as_str().unwrap().to_owned();
    let until = began.plus(Duration::from_secs(91)).to_string();
    assert!(reason.contains("bank") && reason.contains("default") && reason.contains(&until), "{reason}");
    let second = shop.start("Block", json!({ "x": 2 })).await;
    shop.settle().await;
    assert_eq!(alone.count(), 6, "others are not asked for either");
    for shown in operations(shop).await {
        assert_eq!(shown["state"], "blocked");
    }
    let pending = json!(shop.pending(&second.run_id).await).to_string();
    assert!(pending.contains("circuit breaker"), "{pending}");
    for run in [first, second] {
        assert_eq!(shop.until(shop.engine.end(run)).await.unwrap().result, json!("ok"));
    }
    let took = alone.clock.now().since(began).as_secs();
    assert!((91..=93).contains(&took), "the probe is made when the minute is over: {took}");
    assert_eq!(shop.run("Block", json!({ "x": 3 })).await.result, json!("ok"));
    alone.shop.stop().await;
}

#[tokio::test]
async fn a_probe_that_fails_keeps_it_closed_to_everybody() {
    let alone = Alone::with(|_, _| Said::Closed).await;
    for x in 0..20 {
        alone.shop.start("Block", json!({ "x": x })).await;
    }
    let shop = &alone.shop;
    eventually(shop, || async { alone.count() >= 6 && operations(shop).await[0]["state"] == "blocked" })
        .await;
    let before = alone.count();
    let began = alone.clock.now();
    eventually(shop, || async { alone.clock.now().since(began) > Duration::from_secs(200) }).await;
    let probes = alone.count() - before;
    assert!((2..=4).contains(&probes), "one a minute: {probes}");
    alone.shop.stop().await;
}

#[tokio::test]
async fn operators_end_operations_in_the_place_of_others() {
    for (verb, more, expected) in [
        ("operation.complete", json!({ "result": { "paid": true } }), json!({ "paid": true })),
        ("operation.fail", json!({ "message": "no", "type": "GaveUp" }), json!("GaveUp")),
        ("operation.fail", json!({ "message": "no" }), json!("OperatorFailure")),
    ] {
        for is_started in [true, false] {
            let alone = Alone::with(move |_, _| if is_started { promised("t") } else { Said::Closed }).await;
            let run = alone.shop.start("Block", json!({ "x": 1 })).await;
            let shop = &alone.shop;
            let state = if is_started { "started" } else { "backing_off" };
            eventually(shop, || async { operation(shop).await["state"] == state }).await;
            let shown = operation(shop).await;
            assert_eq!(shown["attempt"], if is_started { 1 } else { 2 });
            let of = |more: &Json| {
                let mut input = more.clone();
                input["operation_id"] = shown["operation_id"].clone();
                input
            };
            assert_eq!(shop.call("operation.show", of(&json!({}))).await.unwrap(), shown);
            shop.call(verb, of(&more)).await.unwrap();
            let id = run.run_id.clone();
            let outcome = shop.until(shop.engine.end(run)).await.unwrap();
            let failure = outcome.failure.map(|it| json!(it.root().type_name));
            assert_eq!(failure.unwrap_or(outcome.result), expected);
            for verb in ["operation.complete", "operation.show", "operation.cancel"] {
                let again = shop.call(verb, of(&json!({}))).await.unwrap_err();
                assert_eq!(again.code().id, "NX-2808", "{verb}");
            }
            let ends = nexus_events(shop, &id).await;
            assert_eq!(ends.len(), if is_started { 3 } else { 2 }, "{ends:?}");
            let count = alone.count();
            let alone = alone.restart().await;
            alone.shop.settle().await;
            assert_eq!(alone.count(), count, "nothing is asked for any more");
            alone.shop.stop().await;
        }
    }
}

#[tokio::test]
async fn what_is_no_operation_is_told_so() {
    let alone = Alone::with(|_, _| promised("t")).await;
    let run = alone.shop.start("Spawn", json!({ "x": 1 })).await;
    alone.shop.settle().await;
    for id in ["nonsense".to_owned(), format!("{}/99", run.run_id), format!("{}/3", run.run_id)] {
        let error = alone.shop.call("operation.complete", json!({ "operation_id": id })).await.unwrap_err();
        assert_eq!(error.code().id, "NX-2808", "{id}");
    }
    alone.shop.stop().await;
}

/// A call that was held back until its time was over is not made after all when the breaker lets calls pass again.
#[tokio::test]
async fn what_was_held_back_until_its_time_was_over_is_never_asked_for() {
    let alone = Alone::with(|count, _| if count < 6 { Said::Closed } else { done(&json!("ok")) }).await;
    let first = alone.shop.start("Block", json!({ "x": 1 })).await;
    let shop = &alone.shop;
    eventually(shop, || async { alone.count() == 6 && operation(shop).await["state"] == "blocked" }).await;
    let hurried = shop.run("Hurried", json!({ "x": 2 })).await;
    assert_eq!(hurried.result[0], "NexusTimeoutError");
    let dropped = shop.run("Drop", json!({ "x": 3 })).await;
    assert_eq!(dropped.result, json!("dropped"));
    assert_eq!(shop.until(shop.engine.end(first)).await.unwrap().result, json!("ok"));
    let alone = alone.restart().await;
    alone.shop.settle().await;
    assert_eq!(alone.count(), 7, "the six, and the first call's last attempt");
    alone.shop.stop().await;
}

#[tokio::test]
async fn people_call_operations_by_verbs() {
    let two = Two::new().await;
    let call = |operation: &str, more: Json| {
        let mut input =
            json!({ "endpoint": "bank", "service": "Billing", "operation": operation, "input": 21 });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let bank = &two.bank;
    let start = |operation: &str, more: Json| {
        let input = call(operation, more);
        async move { bank.until(bank.call("operation.start", input)).await }
    };
    assert_eq!(start("Quote", json!({})).await.unwrap(), json!(42));
    assert_eq!(start("Charge", json!({})).await.unwrap(), json!({ "charged": 21 }));
    let refused = start("Refuse", json!({})).await.unwrap_err();
    assert_eq!(refused.code().id, "NX-3001");
    assert_eq!(start("Quote", json!({ "namespace": "other" })).await.unwrap_err().code().id, "NX-2807");
    assert_eq!(start("Qoute", json!({})).await.unwrap_err().code().id, "NX-2806");
    assert_eq!(start("Quote", json!({ "input": "x" })).await.unwrap_err().code().id, "NX-2001");
    let promise = start("Wait", json!({ "promise": true })).await.unwrap();
    let input = call("Wait", json!({ "token": promise["token"] }));
    bank.call("operation.request-cancel", input).await.unwrap();
    eventually(bank, || async { runs(bank, "WaitFor").await[0].status == RunStatus::Canceled }).await;
    two.stop().await;
}
