//! Sessions over REST: the header, the routes, and what a call within a session is.

use std::time::Duration;

use nexus_kernel::Json;
use serde_json::json;

use crate::client::Reply;
use crate::world::World;

async fn make(world: &World, input: Json) -> String {
    let made = world.post("/v1/sessions", &input).await;
    assert_eq!(made.status, 201, "{}", made.json());
    made.json()["session_id"].as_str().unwrap().to_owned()
}

async fn within(world: &World, session: &str, method: &str, path: &str) -> Reply {
    world.send(method, path, &[&format!("x-nexus-session: {session}")], b"{}").await
}

#[tokio::test]
async fn a_session_is_made_and_every_call_can_carry_it() {
    let world = World::new().await;
    let made = world.post("/v1/sessions", &json!({ "namespace": "shop", "state": { "cart": [] } })).await;
    let id = made.json()["session_id"].as_str().unwrap().to_owned();
    assert_eq!(made.header("x-nexus-session"), Some(id.as_str()));
    assert_eq!(made.header("location"), Some(format!("/v1/sessions/{id}").as_str()));
    let called = within(&world, &id, "POST", "/v1/operations/test.context").await;
    assert_eq!(called.header("x-nexus-session"), Some(id.as_str()));
    let context = called.json()["output"].clone();
    assert_eq!((&context["session"], &context["session_namespace"]), (&json!(id), &json!("shop")));
    let shown = within(&world, &id, "POST", "/v1/operations/session.show").await;
    assert_eq!(shown.json()["output"]["state"], json!({ "cart": [] }), "the session of the call is meant");
    let without = world.get("/v1/runs").await;
    assert_eq!(without.header("x-nexus-session"), None, "nobody gets a session unasked");
}

#[tokio::test]
async fn a_state_is_changed_with_patches_and_versions() {
    let world = World::new().await;
    let id = make(&world, json!({ "state": { "a": 1, "b": 2 } })).await;
    let path = format!("/v1/sessions/{id}");
    let merge = "content-type: application/merge-patch+json";
    let patched = world.send("PATCH", &path, &[merge, "if-match: \"1\""], br#"{"a":null,"c":{"d":3}}"#).await;
    assert_eq!((patched.status, patched.header("etag")), (200, Some("\"2\"")), "{}", patched.json());
    assert_eq!(patched.json()["state"], json!({ "b": 2, "c": { "d": 3 } }));
    let late = world.send("PATCH", &path, &[merge, "if-match: \"1\""], b"{}").await;
    assert_eq!((late.status, &late.json()["code"]), (412, &json!("NX-2402")));
    let replaced = world.send("PATCH", &path, &[], br#"{"state":{"x":1},"version":2}"#).await;
    assert_eq!(
        (replaced.json()["state"].clone(), replaced.json()["version"].clone()),
        (json!({ "x": 1 }), json!(3))
    );
    let conflict = world.send("PATCH", &path, &[], br#"{"state":{},"version":2}"#).await;
    assert_eq!(conflict.status, 409);
    assert_eq!(world.send("PATCH", &path, &["if-match: W/x"], br#"{"state":{}}"#).await.status, 400);
    assert_eq!(world.get(&path).await.header("etag"), Some("\"3\""));
    assert_eq!(world.get("/v1/sessions").await.json()["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(world.send("DELETE", &path, &[], b"").await.status, 200);
    assert_eq!(world.get(&path).await.status, 404);
}

#[tokio::test]
async fn a_session_that_cannot_be_used_stops_the_call() {
    let world = World::new().await;
    let id = make(&world, json!({ "ttl": "10s" })).await;
    world.clock.advance(Duration::from_secs(9));
    assert_eq!(within(&world, &id, "POST", "/v1/operations/test.context").await.status, 200);
    world.clock.advance(Duration::from_secs(9));
    assert_eq!(within(&world, &id, "POST", "/v1/operations/test.context").await.status, 200, "it was used");
    world.clock.advance(Duration::from_secs(12));
    for unusable in [id.as_str(), "ses_0688ab1tdpv3h9m5x7cq2wnk4e", "x", ""] {
        let refused = within(&world, unusable, "POST", "/v1/operations/test.context").await;
        assert_eq!((refused.status, &refused.json()["code"]), (404, &json!("NX-2401")), "{unusable}");
        assert_eq!(refused.header("x-nexus-session"), None);
    }
    let twice = ["x-nexus-session: a", "x-nexus-session: b"];
    assert_eq!(world.send("GET", "/v1/runs", &twice, b"").await.status, 400);
}

#[tokio::test]
async fn what_a_session_cannot_hold_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let id = make(&world, json!({ "state": { "a": 1 } })).await;
    let path = format!("/v1/sessions/{id}");
    let large = json!({ "patch": { "b": "x".repeat(64 * 1024) } }).to_string();
    let deep = format!("{{\"state\":{}1{}}}", "{\"a\":".repeat(65), "}".repeat(65));
    for (body, status) in [
        (large.as_str(), 422),
        (deep.as_str(), 422),
        (r#"{"state":[]}"#, 422),
        (r#"{"patch":null}"#, 422),
        (r#"{"ttl":"99d"}"#, 422),
        (r#"{"state":{"a":1,"a":2}}"#, 400),
        (r#"{"sate":{}}"#, 422),
        ("[]", 400),
        ("{", 400),
    ] {
        let reply = world.send("PATCH", &path, &[], body.as_bytes()).await;
        assert_eq!(reply.status, status, "{} {}", &body[..body.len().min(40)], reply.json());
    }
    let shown = world.get(&path).await.json();
    assert_eq!((&shown["state"], &shown["version"]), (&json!({ "a": 1 }), &json!(1)));
}
