//! Attempts to reach somebody outside: how often, how far apart, until when, and what is shown of them.

use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::port::clock::Clock as _;
use nexus_rpc::{HandlerError, HandlerErrorKind};
use serde_json::json;

use super::foreign::{Alone, Said, done, promised};
use super::support::{eventually, nexus_events, operation, operations, refused};

fn error(kind: HandlerErrorKind, retryable: Option<bool>) -> Said {
    Said::Answer(HandlerError { retryable, ..HandlerError::new(kind, "no") }.to_http())
}

/// The waits between the requests that a call takes until the `n`-th is answered, in seconds.
async fn waits(n: usize, say: impl Fn(usize) -> Said + Send + Sync + 'static) -> Vec<u64> {
    let alone =
        Alone::with(move |count, _| if count + 1 == n { done(&json!("ok")) } else { say(count) }).await;
    let run = alone.shop.start("Block", json!({ "x": 1 })).await;
    let (clock, shop) = (&alone.clock, &alone.shop);
    let (mut at, mut waits) = (clock.now(), Vec::new());
    for count in 1..=n {
        eventually(shop, || async { alone.count() == count }).await;
        waits.push(clock.now().since(at).as_secs());
        at = clock.now();
    }
    assert_eq!(shop.until(shop.engine.end(run)).await.unwrap().result, json!("ok"));
    let ids: std::collections::BTreeSet<_> =
        alone.asked.lock().unwrap().iter().map(|it| it.headers()["nexus-request-id"].clone()).collect();
    assert_eq!(ids.len(), 1, "all of them are the same request");
    alone.shop.stop().await;
    waits.split_off(1)
}

#[tokio::test]
async fn a_request_that_failed_is_made_again_with_growing_waits() {
    assert_eq!(waits(5, |_| Said::Closed).await, [1, 2, 4, 8]);
    let busy = |_| Said::Answer(refused(HandlerErrorKind::ResourceExhausted));
    assert_eq!(waits(5, busy).await, [1, 2, 4, 8]);
    assert_eq!(waits(3, |_| Said::Silence).await, [11, 12], "ten seconds without an answer, and the wait");
}

#[tokio::test]
async fn waits_are_never_longer_than_an_hour() {
    // After the sixth failure the breaker holds requests for a minute at a time, which is less than these waits.
    let all = waits(18, |_| Said::Closed).await;
    assert_eq!(all.iter().max(), Some(&3_600), "{all:?}");
    assert_eq!(all[14..], [3_600, 3_600, 3_600]);
}

async fn outcome(say: impl Fn(usize) -> Said + Send + Sync + 'static, workflow: &str) -> (Json, usize) {
    let alone = Alone::with(move |count, _| say(count)).await;
    let outcome = alone.shop.run(workflow, json!({ "x": 1 })).await;
    let count = alone.count();
    alone.shop.stop().await;
    let failure = outcome.failure.map(|failure| failure.root().type_name.clone());
    (failure.map_or(outcome.result, Json::String), count)
}

#[tokio::test]
async fn what_is_final_is_not_tried_again_and_the_other_side_says_what_is() {
    for kind in [
        HandlerErrorKind::BadRequest,
        HandlerErrorKind::Unauthenticated,
        HandlerErrorKind::Unauthorized,
        HandlerErrorKind::NotFound,
        HandlerErrorKind::Conflict,
        HandlerErrorKind::NotImplemented,
    ] {
        let name = kind.as_str().to_owned();
        let told = kind.clone();
        assert_eq!(outcome(move |_| error(told.clone(), None), "Block").await, (json!(name), 1));
        // The same kind, but worth another attempt.
        let say = move |count| if count == 0 { error(kind.clone(), Some(true)) } else { done(&json!("ok")) };
        assert_eq!(outcome(say, "Block").await, (json!("ok"), 2), "{name}");
    }
    for kind in [HandlerErrorKind::Unavailable, HandlerErrorKind::Internal, HandlerErrorKind::UpstreamTimeout]
    {
        let name = kind.as_str().to_owned();
        assert_eq!(outcome(move |_| error(kind.clone(), Some(false)), "Block").await, (json!(name), 1));
    }
}

#[tokio::test]
async fn a_policy_of_the_call_says_how_often_and_how_far_apart() {
    let alone = Alone::with(|_, _| Said::Closed).await;
    let began = alone.clock.now();
    let outcome = alone.shop.run("Tried", json!({ "x": 1 })).await;
    assert_eq!(outcome.result[0], "NexusOperationError", "{}", outcome.result);
    assert_eq!((alone.count(), alone.clock.now().since(began)), (3, Duration::from_secs(6)));
    assert_eq!(
        nexus_events(&alone.shop, &outcome.run_id).await,
        ["NexusOperationScheduled", "NexusOperationFailed"]
    );
    alone.shop.stop().await;
}

#[tokio::test]
async fn attempts_are_shown_and_survive_a_restart() {
    let alone = Alone::with(|count, _| if count < 3 { Said::Closed } else { done(&json!("ok")) }).await;
    let run = alone.shop.start("Block", json!({ "x": 1 })).await;
    let (shop, clock) = (&alone.shop, &alone.clock);
    eventually(shop, || async { alone.count() == 2 }).await;
    eventually(shop, || async { operation(shop).await["attempt"] == 3 }).await;
    let shown = operation(shop).await;
    assert_eq!(shown["state"], "backing_off");
    assert_eq!(shown["last_failure"]["type"], "UNAVAILABLE", "{shown:#}");
    let next = clock.now().plus(Duration::from_secs(2)).to_string();
    assert_eq!(shown["next_attempt_at"], json!(next));
    let alone = alone.restart().await;
    let again = operation(&alone.shop).await;
    assert_eq!(again, shown, "after a restart");
    let in_run = alone.shop.pending(&run.run_id).await;
    let text = json!(in_run).to_string();
    assert!(text.contains(&next) && text.contains("UNAVAILABLE"), "{text}");
    eventually(&alone.shop, || async { alone.count() == 4 }).await;
    let row = alone.shop.engine.row(&run.run_id).await.unwrap();
    let ended = alone.shop.until(alone.shop.engine.wait(&row)).await.unwrap();
    assert_eq!(ended.result, json!("ok"));
    assert!(operations(&alone.shop).await.is_empty());
    alone.shop.stop().await;
}

#[tokio::test]
async fn a_detached_start_is_made_after_its_caller_has_ended_and_after_a_restart() {
    let alone = Alone::with(|count, _| if count < 3 { Said::Closed } else { done(&json!("ok")) }).await;
    let run = alone.shop.start("Detach", json!({ "x": 1 })).await;
    eventually(&alone.shop, || async { alone.count() == 1 }).await;
    alone.shop.engine.terminate(&run.run_id, "enough").await.unwrap();
    assert_eq!(operation(&alone.shop).await["detached"], true);
    let alone = alone.restart().await;
    eventually(&alone.shop, || async { alone.count() == 4 }).await;
    eventually(&alone.shop, || async { operations(&alone.shop).await.is_empty() }).await;
    let asked = alone.asked.lock().unwrap()[3].clone();
    assert!(asked.uri().query().is_none(), "nobody waits for its end");
    alone.shop.stop().await;
}

#[tokio::test]
async fn a_detached_operation_is_not_cancelled_with_its_caller() {
    let alone = Alone::with(|count, _| if count < 3 { Said::Closed } else { promised("t") }).await;
    let run = alone.shop.start("Detach", json!({ "x": 1 })).await;
    eventually(&alone.shop, || async { alone.count() == 1 }).await;
    alone.shop.engine.cancel(&run.run_id, "enough").await.unwrap();
    eventually(&alone.shop, || async { alone.count() == 4 }).await;
    alone.shop.settle().await;
    assert_eq!(alone.count(), 4, "it is started, and not cancelled");
    assert!(operations(&alone.shop).await.is_empty());
    alone.shop.stop().await;
}

#[tokio::test]
async fn a_detached_start_that_is_refused_is_given_up_on() {
    let alone = Alone::with(|count, _| match count {
        0 => Said::Closed,
        _ => Said::Answer(refused(HandlerErrorKind::NotFound)),
    })
    .await;
    let run = alone.shop.start("Detach", json!({ "x": 1 })).await;
    eventually(&alone.shop, || async { alone.count() == 1 }).await;
    alone.shop.engine.terminate(&run.run_id, "enough").await.unwrap();
    eventually(&alone.shop, || async { alone.count() == 2 && operations(&alone.shop).await.is_empty() })
        .await;
    let alone = alone.restart().await;
    alone.shop.settle().await;
    assert!(operations(&alone.shop).await.is_empty());
    assert_eq!(alone.count(), 2);
    alone.shop.stop().await;
}
