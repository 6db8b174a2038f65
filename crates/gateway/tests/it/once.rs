//! Idempotency keys: one request, however often it is sent; never two requests taken for one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nexus_kernel::call::{Answer, CallContext};
use nexus_kernel::id::Namespace;
use nexus_kernel::operation::Effect;
use nexus_kernel::port::kv::Kv as _;
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::task::Shutdown;
use serde_json::{Value as Json, json};

use crate::client::Reply;
use crate::world::{World, operation, run_answer};

/// A server with a verb and a workflow that count how often they were carried out.
async fn world() -> (World, Arc<AtomicU64>) {
    let world = World::new().await;
    let count = Arc::new(AtomicU64::new(0));
    let counter = || {
        let count = Arc::clone(&count);
        move |input: Json, _: CallContext| {
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            async move { Ok(Answer::of(json!({ "number": number, "input": input }))) }
        }
    };
    let running = counter();
    let object = || json!({ "type": "object" });
    let operations = vec![
        operation("run.count", Effect::Write, object(), object(), counter()),
        operation("run.look", Effect::Read, object(), object(), counter()),
        operation("shop/Work", Effect::Long, object(), object(), move |input, context: CallContext| {
            let done = running(input, context.clone());
            async move {
                let run = run_answer("Work", &context, RunStatus::Completed);
                Ok(Answer { run: Some(run), ..done.await? })
            }
        }),
    ];
    world.catalogue.replace(operations).unwrap();
    (world, count)
}

async fn keyed(world: &World, path: &str, key: &str, body: &Json) -> Reply {
    let key = format!("idempotency-key: {key}");
    world.send("POST", path, &["content-type: application/json", &key], body.to_string().as_bytes()).await
}

const COUNT: &str = "/v1/operations/run.count";

#[tokio::test]
async fn a_repetition_gets_the_same_answer_and_says_so() {
    let (world, count) = world().await;
    let first = keyed(&world, COUNT, "a", &json!({ "x": 1 })).await;
    let again = keyed(&world, COUNT, "a", &json!({ "x": 1 })).await;
    assert_eq!((first.status, again.status), (200, 200));
    assert_eq!(first.body, again.body);
    assert_eq!(
        (first.header("idempotency-replayed"), again.header("idempotency-replayed")),
        (None, Some("true"))
    );
    assert_eq!(count.load(Ordering::SeqCst), 1);
    keyed(&world, COUNT, "b", &json!({ "x": 1 })).await;
    world.post(COUNT, &json!({ "x": 1 })).await;
    assert_eq!(count.load(Ordering::SeqCst), 3, "other keys and no key are other requests");
}

#[tokio::test]
async fn a_key_stands_for_one_request() {
    let (world, count) = world().await;
    keyed(&world, COUNT, "a", &json!({ "x": 1 })).await;
    for (path, body) in [(COUNT, json!({ "x": 2 })), ("/v1/workflows/Work/runs", json!({ "x": 1 }))] {
        let reply = keyed(&world, path, "a", &body).await;
        assert_eq!((reply.status, reply.json()["code"].as_str().unwrap()), (422, "NX-2012"));
    }
    assert_eq!(count.load(Ordering::SeqCst), 1);
    // What only looks is carried out each time.
    keyed(&world, "/v1/operations/run.look", "a", &json!({})).await;
    keyed(&world, "/v1/operations/run.look", "a", &json!({})).await;
    assert_eq!(count.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn workflows_are_asked_again_because_their_runs_are_durable() {
    let (world, count) = world().await;
    let path = "/v1/workflows/Work/runs?wait=1s";
    let first = keyed(&world, path, "a", &json!({})).await;
    let again = keyed(&world, path, "a", &json!({})).await;
    assert_eq!(first.header("idempotency-replayed"), None);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(count.load(Ordering::SeqCst), 2, "the engine finds the run by the key");
}

#[tokio::test]
async fn a_request_under_way_is_not_carried_out_beside_itself() {
    let world = World::new().await;
    let path = "/v1/workflows/Slow/runs?wait=5m";
    let nothing = json!({});
    let first = keyed(&world, path, "a", &nothing);
    let other = async {
        world.begun.notified().await;
        let reply = keyed(&world, path, "a", &json!({})).await;
        world.gate.notify_one();
        reply
    };
    let (first, other) = tokio::join!(first, other);
    assert_eq!((other.status, other.json()["code"].as_str().unwrap()), (409, "NX-2013"));
    assert_eq!(first.status, 200);
    // The key is free once its request has ended.
    let again = async {
        world.begun.notified().await;
        world.gate.notify_one();
    };
    let (again, ()) = tokio::join!(keyed(&world, path, "a", &nothing), again);
    assert_eq!((again.status, again.header("idempotency-replayed")), (200, Some("true")));
}

#[tokio::test]
async fn keys_are_forgotten_after_a_day() {
    let (world, count) = world().await;
    keyed(&world, COUNT, "a", &json!({})).await;
    let shutdown = Shutdown::new();
    let sweeping = tokio::spawn(world.keys.clone().sweep(shutdown.clone()));
    world.clock.advance(Duration::from_hours(25));
    let left = || async {
        let system = Namespace::system();
        world.store.kv_list(&system, "idempotency/", None, 10).await.unwrap().len()
    };
    while left().await > 0 {
        world.clock.advance(Duration::from_mins(11));
        tokio::task::yield_now().await;
    }
    shutdown.begin();
    sweeping.await.unwrap();
    keyed(&world, COUNT, "a", &json!({ "other": true })).await;
    assert_eq!(count.load(Ordering::SeqCst), 2);
}
