//! Requests that are wrong in one way each: all get a 4xx problem that says how.

use nexus_gateway::limits::{BODY_BYTES_MAX, BODY_DISCARD_BYTES_MAX, BODY_SECONDS_MAX};
use nexus_kernel::Json;
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{self, Reply};
use crate::world::World;

const EXECUTE: &str = "/workflows/Total/execute";

async fn refused(world: &World, headers: &[&str], body: &[u8]) -> (u16, String) {
    let reply = world.send("POST", EXECUTE, headers, body).await;
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{reply:?}");
    (reply.status, reply.json()["detail"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn bodies_that_are_not_json_are_refused_with_the_place() {
    let world = World::new().await;
    let deep = ["[".repeat(100_000), "]".repeat(100_000)].concat();
    for (body, expected) in [
        (b"{\"amount\": \n 7,}".as_slice(), "trailing comma at line 2 column 4"),
        (b"{\"amount\": 1, \"amount\": 2}", "the key \"amount\" appears twice at line 1 column 22"),
        (b"{\"note\": \"\xff\xfe\"}", "invalid unicode code point at line 1 column 11"),
        (b"{\"amount\": 1e999}", "number out of range at line 1 column 16"),
        (deep.as_bytes(), "recursion limit exceeded at line 1 column 128"),
        (b"{} {}", "trailing characters at line 1 column 4"),
        (b"\xef\xbb\xbf{}", "expected value at line 1 column 1"),
    ] {
        let (status, detail) = refused(&world, &[], body).await;
        assert_eq!((status, detail), (400, format!("the body cannot be read as JSON: {expected}")));
    }
}

#[tokio::test]
async fn bodies_of_other_types_are_refused() {
    let world = World::new().await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        let (status, _) = refused(&world, &[&format!("content-type: {kind}")], b"{}").await;
        assert_eq!(status, 415, "{kind:?}");
    }
    let json = ["content-type: application/vnd.shop+json; charset=utf-8"];
    assert_eq!(world.send("POST", EXECUTE, &json, b"{\"amount\":1}").await.status, 200);
}

#[tokio::test]
async fn oversized_bodies_are_refused_however_they_come() {
    let world = World::new().await;
    let large = vec![b' '; BODY_BYTES_MAX + 1];
    assert_eq!(refused(&world, &[], &large).await.0, 413);
    let chunk = format!("{:x}\r\n", large.len());
    let chunked = [chunk.as_bytes(), &large, b"\r\n0\r\n\r\n"].concat();
    assert_eq!(refused(&world, &["transfer-encoding: chunked"], &chunked).await.0, 413);
    let endless = format!("content-length: {}", u64::MAX / 2);
    let sent = vec![b' '; BODY_BYTES_MAX + BODY_DISCARD_BYTES_MAX + 2 * 1024 * 1024];
    let reply = endless_body(&world, &endless, &sent).await;
    assert!(reply.is_none_or(|reply| reply.status == 413));
    assert_eq!(world.get("/health").await.status, 200);
}

/// A body that never ends may lose its answer with the connection, but not the server.
async fn endless_body(world: &World, length: &str, sent: &[u8]) -> Option<Reply> {
    let mut stream = TcpStream::connect(world.address()).await.unwrap();
    let _ = stream.write_all(&client::request("POST", EXECUTE, &[length], sent)).await;
    let mut head = vec![0; 64];
    let read = stream.read(&mut head).await.unwrap_or(0);
    let status = std::str::from_utf8(&head[..read]).unwrap().split(' ').nth(1)?.parse().ok()?;
    Some(Reply { status, headers: Vec::new(), body: Vec::new() })
}

#[tokio::test]
async fn a_payload_within_the_body_limit_may_still_be_too_large() {
    let world = World::new().await;
    let note = "x".repeat(BODY_BYTES_MAX - 100);
    let (status, detail) = refused(&world, &[], json!({ "note": note }).to_string().as_bytes()).await;
    assert_eq!((status, detail.as_str()), (413, "the input is larger than 2097152 bytes"));
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up() {
    let world = World::new().await;
    let mut stream = TcpStream::connect(world.address()).await.unwrap();
    stream.write_all(&client::request("POST", EXECUTE, &["content-length: 10"], b"{")).await.unwrap();
    while world.clock.next_wake().is_none() {
        tokio::task::yield_now().await;
    }
    world.clock.advance(Duration::from_secs(BODY_SECONDS_MAX));
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn inputs_that_do_not_fit_are_told_field_by_field() {
    let world = World::new().await;
    let input = json!({
        "amount": "7", "nots": "x", "status": "opened", "items": [{ "sku": "a" }, { "count": 1, "skuu": "b" }],
    });
    let headers = ["x-request-id: seen-7"];
    let reply = world.send("POST", EXECUTE, &headers, input.to_string().as_bytes()).await;
    assert_eq!(reply.status, 422);
    insta::assert_json_snapshot!("invalid_input", reply.json());
}

#[tokio::test]
async fn unknown_names_get_a_suggestion() {
    let world = World::new().await;
    let get = |path: &'static str| world.get(path);
    for (reply, status, help) in [
        (world.post("/workflows/Totl/execute", &json!({})).await, 404, "did you mean \"Total\"?"),
        (
            world.post("/workflow/Total/execute", &json!({})).await,
            404,
            "did you mean /workflows/Total/execute?",
        ),
        (world.post("/v1/operations/run.lst", &json!({})).await, 404, "did you mean \"run.list\"?"),
        (get("/v1/runs/x/histroy").await, 404, "did you mean \"run.history\"?"),
        (get("/v1/runs/x?wat=1s").await, 422, "`GET /v1/operations` shows the schema"),
        (get("/health?verbose=1").await, 400, "no query parameters are taken here"),
        (world.post("/v1/workflows/Total/runs?wat=1s", &json!({})).await, 400, "did you mean \"wait\"?"),
        (get("/v1/runs/x?wait=soon").await, 400, "write 30s, 500ms or 2m, for example"),
    ] {
        assert_eq!((reply.status, &reply.json()["help"]), (status, &json!(help)), "{reply:?}");
    }
}

#[tokio::test]
async fn wrong_methods_are_told_the_right_one() {
    let world = World::new().await;
    for (method, path, allow) in [
        ("GET", "/workflows/Total/execute", "POST"),
        ("DELETE", "/health", "GET,HEAD"),
        ("PUT", "/v1/runs/run_1/cancel", "GET,HEAD,POST"),
        ("GET", "/v1/runs/run_1/cancel", "POST"),
        ("POST", "/v1/runs/run_1/history", "GET"),
    ] {
        let reply = world.send(method, path, &[], b"").await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some(allow)), "{method} {path}");
        assert_eq!(reply.json()["code"], "NX-2010");
    }
}

#[tokio::test]
async fn headers_that_say_two_things_are_refused() {
    let world = World::new().await;
    for headers in [
        ["idempotency-key: a", "idempotency-key: b"],
        ["x-workflow-id: a", "x-workflow-id: b"],
        ["idempotency-key:", "a: b"],
    ] {
        let reply = world.send("POST", "/workflows/Total/execute", &headers, b"{\"amount\":1}").await;
        assert_eq!(reply.status, 400, "{headers:?}");
    }
    let both = world.send("POST", "/v1/workflows/Total/runs?workflow_id=a", &["x-workflow-id: b"], b"").await;
    assert_eq!(both.status, 400);
    let long = "k".repeat(256);
    let long = world.send("POST", EXECUTE, &[&format!("idempotency-key: {long}")], b"{\"amount\":1}").await;
    assert_eq!(long.status, 400);
}

#[tokio::test]
async fn headers_beyond_the_limit_and_broken_requests_are_refused() {
    let world = World::new().await;
    let large = format!("x-large: {}", "x".repeat(70_000));
    assert_eq!(world.send("GET", "/health", &[&large], b"").await.status, 431);
    assert_eq!(client::raw(world.address(), b"NONSENSE\r\n\r\n").await.status, 400);
    let path = world.get("/v1/runs/%ff%fe").await;
    assert_eq!((path.status, &path.json()["detail"]), (400, &json!("the path is not UTF-8")));
}

#[tokio::test]
async fn every_problem_names_a_page_that_is_served() {
    let world = World::new().await;
    for path in ["/nowhere", "/v1/runs/x?wait=soon", "/v1/workflows/Nope", "/v1/runs/a/cancel"] {
        let problem = world.get(path).await.json();
        let Json::String(page) = &problem["type"] else { panic!("{problem}") };
        assert_eq!(world.get(page).await.status, 200, "{page}");
    }
}
