//! Limits: what a caller is told, who is counted with whom, and what time does. The clock is simulated.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use nexus_gateway::breaker::{Rule, Rules, Settings};
use nexus_gateway::limit::gcra::Rate;
use nexus_gateway::limit::policy::{Concurrent, NamespacePolicy, OperationPolicy, Policy};
use nexus_kernel::call::Answer;
use nexus_kernel::code;
use nexus_kernel::error::{Code, Error};
use nexus_kernel::id::Namespace;
use nexus_kernel::operation::Effect;
use nexus_kernel::port::runs::RunStatus;
use serde_json::{Value as Json, json};

use crate::client::Reply;
use crate::world::{World, operation, run_answer};

fn rate(count: u32, burst: u32) -> Option<Rate> {
    Rate::new(count, Duration::from_mins(1), Some(burst))
}

/// Calls a workflow from an address, as the trusted proxy in front of the server tells it.
async fn from(world: &World, address: &str, workflow: &str) -> Reply {
    let forwarded = format!("x-forwarded-for: {address}");
    let path = format!("/workflows/{workflow}/execute");
    world.send("POST", &path, &["content-type: application/json", &forwarded], b"{}").await
}

fn code(reply: &Reply) -> String {
    serde_json::from_slice::<Json>(&reply.body).unwrap()["code"].as_str().unwrap_or("none").to_owned()
}

#[tokio::test]
async fn a_caller_hears_how_they_stand_and_when_to_come_again() {
    let world = World::limited(Policy { principal: rate(60, 2), ..Policy::default() }).await;
    let first = from(&world, "192.0.2.1", "Count").await;
    assert_eq!(first.status, 200);
    assert_eq!(first.header("ratelimit-policy"), Some("\"principal\";q=60;w=60"));
    assert_eq!(first.header("ratelimit"), Some("\"principal\";r=1;t=1"));
    assert_eq!(first.header("x-ratelimit-limit"), Some("60"));
    assert_eq!(first.header("x-ratelimit-remaining"), Some("1"));
    assert_eq!(first.header("retry-after"), None);
    assert_eq!(from(&world, "192.0.2.1", "Count").await.status, 200);
    let refused = from(&world, "192.0.2.1", "Count").await;
    assert_eq!((refused.status, code(&refused).as_str()), (429, "NX-2071"));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.header("ratelimit"), Some("\"principal\";r=0;t=1"));
    let details: Json = serde_json::from_slice(&refused.body).unwrap();
    assert_eq!(details["retry_after"], 1);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(from(&world, "192.0.2.1", "Count").await.status, 200);
    assert_eq!(from(&world, "192.0.2.1", "Count").await.status, 429);
}

#[tokio::test]
async fn one_sender_uses_up_nothing_of_another() {
    let policy = Policy {
        principal: rate(60, 5),
        namespaces: [(
            Namespace::new("shop").unwrap(),
            NamespacePolicy { rate: rate(60, 20), concurrent: None },
        )]
        .into(),
        ..Policy::default()
    };
    let world = World::limited(policy).await;
    for _ in 0..50 {
        from(&world, "192.0.2.1", "Count").await;
    }
    // Fifty requests of the one took five places of the namespace: what was refused counts nowhere.
    for other in ["192.0.2.2", "192.0.2.3", "2001:db8:1:2:3::1"] {
        for _ in 0..5 {
            assert_eq!(from(&world, other, "Count").await.status, 200, "{other}");
        }
    }
    let shared = from(&world, "192.0.2.9", "Count").await;
    assert_eq!((shared.status, shared.header("retry-after")), (429, Some("1")), "the namespace is used up");
    // Addresses of one customer of IPv6 are one sender.
    assert_eq!(
        from(&world, "2001:db8:1:2:ffff::9", "Refund").await.header("ratelimit"),
        Some("\"principal\";r=0;t=1")
    );
}

#[tokio::test]
async fn an_operation_is_limited_for_each_caller_and_for_all_together() {
    let own = OperationPolicy { rate: rate(60, 2), total: rate(60, 3), concurrent: None };
    let policy = Policy { operations: [("Count".to_owned(), own)].into(), ..Policy::default() };
    let world = World::limited(policy).await;
    assert_eq!(from(&world, "192.0.2.1", "Count").await.status, 200);
    assert_eq!(from(&world, "192.0.2.1", "Count").await.status, 200);
    let own = from(&world, "192.0.2.1", "Count").await;
    assert_eq!(own.header("ratelimit"), Some("\"operation\";r=0;t=1"));
    assert_eq!(from(&world, "192.0.2.2", "Count").await.status, 200);
    let all = from(&world, "192.0.2.2", "Count").await;
    assert_eq!(all.status, 429);
    assert!(all.header("ratelimit").unwrap().contains("\"total\";r=0;t=1"));
    assert_eq!(from(&world, "192.0.2.1", "Refund").await.status, 409, "nothing else is limited");
}

#[tokio::test]
async fn as_many_calls_as_may_be_are_under_way_and_places_come_back() {
    let concurrent = Concurrent { principal: Some(1), ..Concurrent::default() };
    let world = World::limited(Policy { concurrent, ..Policy::default() }).await;
    let slow = async {
        let reply = from(&world, "192.0.2.1", "Slow").await;
        assert_eq!(reply.status, 200);
    };
    let meanwhile = async {
        world.begun.notified().await;
        let crowded = from(&world, "192.0.2.1", "Count").await;
        assert_eq!((crowded.status, code(&crowded).as_str()), (429, "NX-2072"));
        assert_eq!(crowded.header("retry-after"), Some("1"));
        assert_eq!(from(&world, "192.0.2.2", "Count").await.status, 200, "others have places of their own");
        world.gate.notify_one();
    };
    tokio::join!(slow, meanwhile);
    assert_eq!(from(&world, "192.0.2.1", "Count").await.status, 200);
}

#[tokio::test]
async fn who_asks_for_what_is_not_there_is_counted_too() {
    let world = World::limited(Policy { principal: rate(60, 3), ..Policy::default() }).await;
    for _ in 0..3 {
        assert_eq!(from(&world, "192.0.2.1", "Nothing").await.status, 404);
    }
    assert_eq!(from(&world, "192.0.2.1", "Nothing").await.status, 429);
}

#[tokio::test]
async fn a_clock_that_jumps_keeps_nobody_out() {
    let world = World::limited(Policy { principal: rate(60, 2), ..Policy::default() }).await;
    world.clock.advance(Duration::from_hours(24 * 365));
    for expected in [200, 200, 429] {
        assert_eq!(from(&world, "192.0.2.1", "Count").await.status, expected);
    }
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(from(&world, "192.0.2.1", "Count").await.status, 200);
}

#[tokio::test]
async fn messages_of_a_socket_and_of_agents_are_counted_one_by_one() {
    let world = World::limited(Policy { principal: rate(60, 3), ..Policy::default() }).await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        let call = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "Count", "arguments": {} },
        });
        let accept = ["content-type: application/json", "accept: application/json, text/event-stream"];
        let reply = world.send("POST", "/mcp", &accept, call.to_string().as_bytes()).await;
        let answer: Json = serde_json::from_slice(&reply.body).unwrap();
        let result = &answer["result"];
        seen.push(result["structuredContent"]["code"].as_str().unwrap_or("ok").to_owned());
        if result["isError"] == true {
            assert_eq!(result["structuredContent"]["retry_after"], 1);
        } else {
            assert!(reply.header("ratelimit").is_some(), "{answer}");
        }
    }
    assert_eq!(seen, ["ok", "ok", "ok", "NX-2071"]);
}

/// A workflow whose calls end as they are told to, behind a breaker.
async fn breaking() -> (World, Arc<Mutex<Result<(), &'static Code>>>) {
    let world = World::new().await;
    let health = Arc::new(Mutex::new(Ok(())));
    let shared = Arc::clone(&health);
    let any = || json!({ "type": "object" });
    let flaky = operation("shop/Flaky", Effect::Long, any(), any(), move |_, context| {
        let outcome = *shared.lock().unwrap();
        async move {
            outcome.map_err(|code| Error::new(code, "it failed"))?;
            let run = run_answer("Flaky", &context, RunStatus::Completed);
            Ok(Answer { output: Json::Null, run: Some(run), replayed: false, cached: None })
        }
    });
    let list = world.pipeline.breakers().unwrap().operations();
    world.catalogue.replace([flaky].into_iter().chain(list).collect()).unwrap();
    let settings = Settings { failures: 3, rest: Duration::from_secs(30), ..Settings::default() };
    let rule = Rule { settings, ..Rule::default() };
    world.pipeline.breakers().unwrap().follow(Rules { workflows: Some(rule), ..Rules::default() });
    (world, health)
}

#[tokio::test]
async fn what_fails_too_often_is_left_alone_and_tried_again() {
    let (world, health) = breaking().await;
    let call = || async { from(&world, "192.0.2.1", "Flaky").await };
    let state = || async {
        let reply = world.post("/v1/operations/breaker.list", &json!({})).await;
        serde_json::from_slice::<Json>(&reply.body).unwrap()["output"]["breakers"][0].clone()
    };
    // What callers do wrong opens nothing.
    *health.lock().unwrap() = Err(&code::INPUT_INVALID);
    for _ in 0..10 {
        assert_eq!(call().await.status, 422);
    }
    *health.lock().unwrap() = Err(&code::STORE_FAILED);
    for _ in 0..3 {
        assert_eq!(code(&call().await), "NX-4004");
    }
    let open = call().await;
    assert_eq!((open.status, code(&open).as_str(), open.header("retry-after")), (503, "NX-2075", Some("30")));
    assert_eq!((&state().await["state"], &state().await["retry_after_ms"]), (&json!("open"), &json!(30_000)));
    let health_page: Json = serde_json::from_slice(&world.get("/health").await.body).unwrap();
    assert_eq!((&health_page["status"], world.get("/readyz").await.status), (&json!("degraded"), 200));
    assert!(!health_page.to_string().contains("Flaky"), "whoever may ask for health need not know names");
    // The first after the rest tries it, and it is still broken.
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(code(&call().await), "NX-4004");
    assert_eq!(code(&call().await), "NX-2075");
    world.clock.advance(Duration::from_secs(30));
    *health.lock().unwrap() = Ok(());
    assert_eq!((call().await.status, call().await.status), (200, 200));
    assert_eq!(state().await["state"], "closed");
    let health_page: Json = serde_json::from_slice(&world.get("/health").await.body).unwrap();
    assert_eq!(health_page["status"], "healthy");
}
