//! Subscriptions: cursors, filters, resuming, and clients that read slowly or not at all.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::call::Answer;
use nexus_kernel::operation::{Effect, Operation};
use serde_json::json;
use tokio::sync::Notify;

use super::Client;
use crate::world::{World, operation};

/// A log of events as the engine keeps it, for one namespace.
#[derive(Default)]
struct Log {
    events: Mutex<Vec<Json>>,
    bell: Notify,
    pages: AtomicUsize,
}

impl Log {
    fn publish(&self, kind: &str, data: &Json) {
        let mut events = self.events.lock().unwrap();
        let sequence = events.len() + 1;
        events.push(json!({ "type": kind, "sequence": sequence, "data": data }));
        self.bell.notify_waiters();
    }

    fn page(&self, input: &Json) -> Json {
        let events = self.events.lock().unwrap();
        let after = input["after"].as_u64().unwrap_or(0);
        let limit = input["limit"].as_u64().unwrap();
        let wanted = |event: &&Json| {
            event["sequence"].as_u64().unwrap() > after
                && input["type"].as_str().is_none_or(|kind| event["type"] == json!(kind))
        };
        let page: Vec<Json> =
            events.iter().filter(wanted).take(usize::try_from(limit).unwrap()).cloned().collect();
        let last = events.len() as u64;
        let is_full = page.len() as u64 == limit;
        let next = if is_full { page.last().unwrap()["sequence"].as_u64().unwrap() } else { after.max(last) };
        json!({ "events": page, "next": next, "first": 1, "last": last, "missed": 0 })
    }

    /// The operation, with the waits that the engine has.
    fn list(self: &Arc<Self>) -> Operation {
        let log = Arc::clone(self);
        operation("event.list", Effect::Read, json!({}), json!({}), move |input, _| {
            let log = Arc::clone(&log);
            async move {
                log.pages.fetch_add(1, Ordering::SeqCst);
                let rung = log.bell.notified();
                let page = log.page(&input);
                if page["events"] != json!([]) || input["wait_ms"].is_null() {
                    return Ok(Answer::of(page));
                }
                rung.await;
                Ok(Answer::of(log.page(&input)))
            }
        })
    }
}

async fn world() -> (World, Arc<Log>) {
    let (world, log) = (World::new().await, Arc::new(Log::default()));
    world.catalogue.replace(vec![log.list()]).unwrap();
    (world, log)
}

fn seen(message: &Json) -> (&Json, &Json, &Json) {
    assert_eq!(message["event"], json!("event"), "{message}");
    (&message["data"]["subscription"], &message["data"]["cursor"], &message["data"]["event"]["data"])
}

#[tokio::test]
async fn events_come_as_they_happen_and_from_a_cursor_on() {
    let (world, log) = world().await;
    log.publish("order.paid", &json!("before"));
    let mut client = Client::new(&world).await;
    let begun = client.ask("now", "subscribe", json!({ "events": {} })).await;
    assert_eq!(begun, json!({ "id": "now", "result": { "subscription": "now", "cursor": 1 } }));
    log.publish("order.paid", &json!("after"));
    assert_eq!(seen(&client.next().await), (&json!("now"), &json!(2), &json!("after")));
    let mut other = Client::new(&world).await;
    let begun = other.ask(7, "subscribe", json!({ "events": { "after": 0 } })).await;
    assert_eq!(begun["result"], json!({ "subscription": 7, "cursor": 2 }));
    assert_eq!(seen(&other.next().await), (&json!(7), &json!(1), &json!("before")));
    // It goes away having seen one of the two, and goes on after that one.
    drop(other);
    log.publish("order.sent", &json!("meanwhile"));
    let mut again = Client::new(&world).await;
    again.ask(7, "subscribe", json!({ "events": { "after": 1 } })).await;
    let data = [again.next().await, again.next().await].map(|message| seen(&message).2.clone());
    assert_eq!(data, [json!("after"), json!("meanwhile")]);
    let ended = again.ask(8, "unsubscribe", json!({ "id": 7 })).await;
    assert_eq!(ended["result"], json!({ "unsubscribed": 7 }));
    log.publish("order.sent", &json!("unheard"));
    assert_eq!(again.ask(9, "ping", json!({})).await["id"], json!(9), "nothing came between");
    assert!(again.ask(10, "unsubscribe", json!({ "id": 7 })).await["error"].is_object());
}

#[tokio::test]
async fn only_wanted_types_come_and_the_cursor_passes_the_others() {
    let (world, log) = world().await;
    for kind in ["order.paid", "user.left", "order.sent", "user.came"] {
        log.publish(kind, &json!(kind));
    }
    let mut client = Client::new(&world).await;
    client.ask(1, "subscribe", json!({ "events": { "types": ["order.*", "user.came"], "after": 0 } })).await;
    let kinds = [client.next().await, client.next().await, client.next().await].map(|it| seen(&it).2.clone());
    assert_eq!(kinds, [json!("order.paid"), json!("order.sent"), json!("user.came")]);
    log.publish("user.left", &json!(null));
    let passed = client.next().await;
    assert_eq!((&passed["event"], &passed["data"]["cursor"]), (&json!("cursor"), &json!(5)));
}

#[tokio::test]
async fn a_run_is_followed_to_its_end() {
    let world = World::new().await;
    let bell = Arc::new(Notify::new());
    let rung = Arc::clone(&bell);
    let history = operation("run.history", Effect::Read, json!({}), json!({}), move |input, _| {
        let rung = Arc::clone(&rung);
        async move {
            let after = input["after"].as_u64().unwrap();
            if after == 2 {
                rung.notified().await;
            }
            let all = [json!({ "id": 1 }), json!({ "id": 2 }), json!({ "id": 3 })];
            let upto = if after < 2 { 2 } else { 3 };
            let status = if upto == 3 { "completed" } else { "running" };
            let events: Vec<_> = all[..upto].iter().filter(|it| it["id"].as_u64().unwrap() > after).collect();
            Ok(Answer::of(json!({ "run_id": "run_1", "status": status, "events": events })))
        }
    });
    world.catalogue.replace(vec![history]).unwrap();
    let mut client = Client::new(&world).await;
    let begun = client.ask("r", "subscribe", json!({ "run": { "run_id": "run_1", "after": 1 } })).await;
    assert_eq!(begun["result"], json!({ "subscription": "r", "cursor": 2 }));
    let second = client.next().await;
    assert_eq!((&second["event"], &second["data"]["event"]["id"]), (&json!("run.event"), &json!(2)));
    bell.notify_one();
    assert_eq!(client.next().await["data"]["cursor"], json!(3));
    let ended = client.next().await;
    let data = json!({ "subscription": "r", "cursor": 3, "run_id": "run_1", "status": "completed" });
    assert_eq!(ended, json!({ "event": "run.ended", "data": data }));
    assert!(client.ask("r", "ping", json!({})).await["result"].is_object(), "the id is free");
}

#[tokio::test]
async fn wrong_subscriptions_are_refused_before_they_begin() {
    let world = World::new().await;
    let refusing = operation(
        "event.list",
        Effect::Read,
        json!({ "type": "object", "properties": { "after": { "maximum": 3 } } }),
        json!({}),
        |input, _| async { Ok(Answer::of(input)) },
    );
    world.catalogue.replace(vec![refusing]).unwrap();
    let mut client = Client::new(&world).await;
    for (params, number) in [
        (json!({}), -32602),
        (json!({ "events": {}, "run": {} }), -32602),
        (json!({ "events": { "types": "a" } }), -32602),
        (json!({ "events": { "form": 1 } }), -32602),
        (json!({ "events": { "after": 9 } }), -32602),
        (json!({ "run": { "run_id": "x" } }), -32000),
    ] {
        let told = client.ask(1, "subscribe", params.clone()).await;
        assert_eq!(told["error"]["code"], json!(number), "{params} {told}");
    }
}

#[tokio::test]
async fn a_client_that_reads_slowly_costs_a_page_and_delays_nobody() {
    let (world, log) = world().await;
    let large = json!("x".repeat(400_000));
    for _ in 0..400 {
        log.publish("big", &large);
    }
    let mut slow = Client::new(&world).await;
    slow.send(&json!({ "id": 1, "method": "subscribe", "params": { "events": { "after": 0 } } })).await;
    let mut quick = Client::new(&world).await;
    let mut before = usize::MAX;
    while before != log.pages.load(Ordering::SeqCst) || before == 0 {
        before = log.pages.load(Ordering::SeqCst);
        for number in 0..50 {
            assert_eq!(quick.ask(number, "ping", json!({})).await["id"], json!(number));
        }
    }
    assert!(before < 20, "{before} pages of 25 were read for somebody who reads none");
    // Nothing was read for as long as a client may take: it is cut off, and the other one is not.
    while world.clock.next_wake().is_none() {
        tokio::task::yield_now().await;
    }
    quick.ask("p", "ping", json!({})).await;
    world.clock.advance(Duration::from_secs(31));
    assert!(quick.ask("still here", "ping", json!({})).await["result"].is_object());
    let mut taken = 0;
    while slow.read().await.is_ok() {
        taken += 1;
    }
    assert!(taken < 400, "the connection was closed with {taken} of 400 events read");
}

#[tokio::test]
async fn a_client_that_does_not_answer_is_asked_and_then_left() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    for _ in 0..3 {
        // Nobody reads here, so nobody answers the pings.
        while world.clock.next_wake().is_none() {
            tokio::task::yield_now().await;
        }
        world.clock.advance(Duration::from_secs(20));
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(client.closed().await, Some(4008));
}
