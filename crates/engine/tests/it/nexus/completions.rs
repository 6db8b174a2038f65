//! Completions that somebody outside brings: before the answer, twice, too late, forged, and of something else.

use nexus_kernel::port::clock::Clock as _;
use nexus_rpc::{Completion, Content, End, Failure, OperationError, Outcome, StartAnswer};
use serde_json::json;

use super::foreign::{Alone, Said, callback, promised};
use super::support::{ends, eventually, nexus_events, operation, operations};

#[tokio::test]
async fn a_completion_may_come_before_the_answer() {
    let alone = Alone::with(|_, _| Said::Silence).await;
    let run = alone.shop.start("Block", json!({ "x": 1 })).await;
    let (shop, id) = (&alone.shop, run.run_id.clone());
    shop.settle().await;
    assert_eq!(alone.count(), 1);
    assert_eq!(alone.complete(0, |it| it.token = Some("t-1".into())).await, 200);
    let outcome = shop.until(shop.engine.end(run)).await.unwrap();
    assert_eq!(outcome.result, json!("done"));
    assert_eq!(
        nexus_events(shop, &id).await,
        ["NexusOperationScheduled", "NexusOperationStarted", "NexusOperationCompleted"]
    );
    assert_eq!(alone.complete(0, |_| ()).await, 404, "again");
    let alone = alone.restart().await;
    alone.shop.settle().await;
    assert_eq!(alone.count(), 1, "what has ended is not started again");
    alone.shop.stop().await;
}

#[tokio::test]
async fn a_completion_is_taken_once() {
    let alone = Alone::with(|_, _| promised("t-1")).await;
    let run = alone.shop.start("Spawn", json!({ "x": 1 })).await;
    let (shop, id) = (&alone.shop, run.run_id.clone());
    eventually(shop, || async {
        alone.count() == 2 && operations(shop).await.iter().all(|it| it["state"] == "started")
    })
    .await;
    assert_eq!(alone.complete(0, |it| it.token = Some("t-1".into())).await, 200);
    for _ in 0..2 {
        assert_eq!(alone.complete(0, |it| it.token = Some("t-1".into())).await, 404, "the run is open");
    }
    assert_eq!(alone.complete(1, |_| ()).await, 200, "a token is no must: the callback says which it is");
    shop.until(shop.engine.end(run)).await.unwrap();
    for n in 0..2 {
        assert_eq!(alone.complete(n, |_| ()).await, 404, "the run has ended");
    }
    let history = shop.engine.history(&id).await.unwrap();
    let all: Vec<_> = (1..9).map(|seq| ends(&history, seq)).collect();
    assert_eq!(all.iter().sum::<usize>(), 2, "{all:?}");
    assert!(all.iter().all(|count| *count <= 1));
    alone.shop.stop().await;
}

#[tokio::test]
async fn what_shows_nothing_or_something_else_is_refused() {
    let alone = Alone::with(|count, _| promised(if count == 0 { "t-0" } else { "t-1" })).await;
    let run = alone.shop.start("Spawn", json!({ "x": 1 })).await;
    let shop = &alone.shop;
    eventually(shop, || async {
        alone.count() == 2 && operations(shop).await.iter().all(|it| it["state"] == "started")
    })
    .await;
    let header = "completion-token";
    let genuine = callback(&alone.asked, 0).unwrap().1[header].clone();
    let (text, signature) = genuine.rsplit_once('.').unwrap();
    let other = callback(&alone.asked, 1).unwrap().1[header].clone();
    let (other_text, _) = other.rsplit_once('.').unwrap();
    for forged in [
        String::new(),
        "1..".to_owned(),
        text.to_owned(),
        format!("{other_text}.{signature}"),
        format!("{text}.{}", signature.replace(|c: char| c.is_ascii_digit(), "0")),
        format!("{genuine}0"),
        genuine.to_uppercase(),
    ] {
        let status = alone.complete(0, |it| drop(it.headers.insert(header.into(), forged.clone()))).await;
        assert_eq!(status, 401, "{forged}");
    }
    assert_eq!(alone.complete(0, |it| it.headers.clear()).await, 401);
    assert_eq!(alone.complete(0, |it| it.token = Some("t-1".into())).await, 401, "of another operation");
    assert_eq!(operations(shop).await.len(), 2, "nothing of it was believed");
    // One that another server's secret has signed.
    let stranger = Alone::with(|_, _| promised("t-0")).await;
    stranger.shop.start("Block", json!({ "x": 1 })).await;
    eventually(&stranger.shop, || async { stranger.count() == 1 }).await;
    let foreign = callback(&stranger.asked, 0).unwrap().1[header].clone();
    assert_eq!(alone.complete(0, |it| drop(it.headers.insert(header.into(), foreign))).await, 401);
    stranger.shop.stop().await;
    for n in 0..2 {
        assert_eq!(alone.complete(n, |_| ()).await, 200);
    }
    shop.until(shop.engine.end(run)).await.unwrap();
    alone.shop.stop().await;
}

#[tokio::test]
async fn a_completion_without_a_result_is_a_failure_with_its_causes() {
    let nested = || Failure {
        cause: Some(Box::new(Failure {
            cause: Some(Box::new(Failure::new("third"))),
            ..Failure::new("second")
        })),
        ..Failure::new("first")
    };
    for (end, type_name) in [(End::Failed, "NexusOperationError"), (End::Canceled, "NexusCancelledError")] {
        let alone = Alone::with(|_, _| promised("t")).await;
        let run = alone.shop.start("Block", json!({ "x": 1 })).await;
        let shop = &alone.shop;
        eventually(shop, || async { operation(shop).await["state"] == "started" }).await;
        let ended = OperationError { cause: Some(Box::new(nested())), ..OperationError::new(end, "why") };
        assert_eq!(alone.complete(0, |it| it.outcome = Outcome::Ended(ended)).await, 200);
        let failure = shop.until(shop.engine.end(run)).await.unwrap().failure.unwrap();
        assert_eq!(failure.type_name, type_name);
        let messages: Vec<_> = std::iter::successors(failure.cause.as_deref(), |it| it.cause.as_deref())
            .map(|it| it.message.clone())
            .collect();
        assert!(messages.ends_with(&["first".into(), "second".into(), "third".into()]), "{messages:?}");
        alone.shop.stop().await;
    }
}

#[tokio::test]
async fn an_answer_that_ends_the_operation_is_its_end() {
    for end in [End::Failed, End::Canceled] {
        let alone = Alone::with(move |_, _| {
            let cause = Some(Box::new(Failure::new("the cause")));
            let ended = OperationError { cause, ..OperationError::new(end, "why") };
            Said::Answer(StartAnswer::Ended(ended).to_http())
        })
        .await;
        let outcome = alone.shop.run("Block", json!({ "x": 1 })).await;
        assert_eq!(outcome.failure.unwrap().root().message, "the cause");
        assert_eq!(
            nexus_events(&alone.shop, &outcome.run_id).await,
            ["NexusOperationScheduled", "NexusOperationFailed"]
        );
        assert_eq!(alone.count(), 1, "that an operation failed is no reason to start it again");
        alone.shop.stop().await;
    }
}

#[tokio::test]
async fn a_completion_finds_a_caller_that_rests_and_one_that_was_restarted() {
    let alone = Alone::with(|_, _| promised("t")).await;
    let run = alone.shop.start("Block", json!({ "x": 1 })).await;
    let shop = &alone.shop;
    eventually(shop, || async { operation(shop).await["state"] == "started" }).await;
    let shown = operation(shop).await;
    let alone = alone.restart().await;
    assert_eq!(operation(&alone.shop).await, shown);
    assert_eq!(alone.complete(0, |it| it.token = Some("t".into())).await, 200, "the secret is the same");
    let row = alone.shop.engine.row(&run.run_id).await.unwrap();
    let ended = alone.shop.until(alone.shop.engine.wait(&row)).await.unwrap();
    assert_eq!(ended.result, json!("done"));
    alone.shop.stop().await;
}

#[tokio::test]
async fn a_result_that_calls_itself_json_and_is_none_is_refused() {
    let alone = Alone::with(|_, _| promised("t")).await;
    let run = alone.shop.start("Block", json!({ "x": 1 })).await;
    let shop = &alone.shop;
    eventually(shop, || async { operation(shop).await["state"] == "started" }).await;
    let broken = |it: &mut Completion| {
        it.outcome = Outcome::Done(Content::typed("application/json", b"{".to_vec()));
    };
    assert_eq!(alone.complete(0, broken).await, 400);
    assert_eq!(alone.complete(0, |_| ()).await, 200, "and may be brought as it should be");
    shop.until(shop.engine.end(run)).await.unwrap();
    alone.shop.stop().await;
    let alone = Alone::with(|_, _| {
        let content = Content::typed("application/json", b"{".to_vec());
        Said::Answer(StartAnswer::Done { content, links: Vec::new() }.to_http())
    })
    .await;
    let began = alone.clock.now();
    let outcome = alone.shop.run("Block", json!({ "x": 1 })).await;
    assert!(outcome.failure.unwrap().root().message.starts_with("the result: "));
    assert_eq!(alone.clock.now(), began, "it is not asked for again");
    alone.shop.stop().await;
}

#[tokio::test]
async fn a_closed_run_takes_no_completion() {
    let alone = Alone::with(|_, request| {
        if super::foreign::is_cancel(request) {
            Said::Answer(nexus_rpc::CancelRequest::heard())
        } else {
            promised("t")
        }
    })
    .await;
    let run = alone.shop.start("Block", json!({ "x": 1 })).await;
    let shop = &alone.shop;
    eventually(shop, || async { operation(shop).await["state"] == "started" }).await;
    shop.engine.terminate(&run.run_id, "enough").await.unwrap();
    assert_eq!(alone.complete(0, |_| ()).await, 404);
    eventually(shop, || async { alone.count() == 2 }).await;
    assert!(super::foreign::is_cancel(&alone.asked.lock().unwrap()[1]), "it is asked to stop");
    alone.shop.stop().await;
}
