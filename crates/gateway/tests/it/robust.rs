//! Whatever arrives, the server answers with a refusal at most, and goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nexus_kernel::Json;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client;
use crate::world::World;

/// Requests that are nearly right: real paths and headers mixed with arbitrary text and bytes.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let method = prop::sample::select(vec!["GET", "POST", "PUT", "HEAD", "OPTIONS", "get", "B\u{fc}"]);
    let real = prop::sample::select(nexus_gateway::PATHS.to_vec()).prop_map(str::to_owned);
    let path = prop_oneof![4 => real, 1 => "/[ -~]{0,30}", 1 => "[a-z0-9%/?&=.]{0,40}"];
    let query =
        prop_oneof![2 => Just(String::new()), 1 => r"\?[a-z_]{1,9}=[!-~]{0,12}", 1 => r"\?[!-~]{0,20}"];
    let header = prop_oneof![
        "content-type: [a-z/+;= ]{0,30}",
        "(host|origin|x-request-id|idempotency-key|x-workflow-id|accept|mcp-protocol-version): [ -~]{0,30}",
        "[a-z-]{1,12}: [ -~]{0,30}",
    ];
    let json = prop::sample::select(vec![
        "{}",
        "{\"inputs\":{\"amount\":1}}",
        "[]",
        "{\"amount\":",
        "null",
        "\u{0}",
    ]);
    let body = prop_oneof![
        json.prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..200)
    ];
    (method, path, query, prop::collection::vec(header, 0..4), body).prop_map(
        |(method, path, query, headers, body)| {
            let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
            client::request(method, &format!("{path}{query}"), &headers, &body)
        },
    )
}

async fn status(world: &World, bytes: &[u8]) -> Option<u16> {
    let mut stream = TcpStream::connect(world.address()).await.unwrap();
    let _ = stream.write_all(bytes).await;
    stream.shutdown().await.ok()?;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok()
}

#[test]
fn arbitrary_requests_are_refused_at_worst() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::new());
    let config = ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&request(), |bytes| {
            let status = runtime.block_on(status(&world, &bytes));
            prop_assert!(status.is_none_or(|status| status < 500), "{status:?}");
            Ok(())
        })
        .unwrap();
    assert_eq!(runtime.block_on(world.get("/health")).status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_catalogue_that_changes_under_load_loses_no_request() {
    let world = Arc::new(World::new().await);
    let done = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> =
        (0..4).map(|_| tokio::spawn(call_until(Arc::clone(&world), Arc::clone(&done)))).collect();
    let tools = crate::mcp::list_names(&world).await;
    for _ in 0..100 {
        let same = world.catalogue.snapshot().iter().map(|operation| (**operation).clone()).collect();
        world.catalogue.replace(same).unwrap();
        assert_eq!(crate::mcp::list_names(&world).await, tools);
    }
    done.store(true, Ordering::Release);
    for caller in callers {
        assert!(caller.await.unwrap() > 0);
    }
}

async fn call_until(world: Arc<World>, done: Arc<AtomicBool>) -> usize {
    let expected: Json = json!({ "seen": { "amount": 7 } });
    let mut calls = 0;
    while calls == 0 || !done.load(Ordering::Acquire) {
        let reply = world.post("/workflows/Total/execute", &json!({ "amount": 7 })).await;
        assert_eq!((reply.status, &reply.json()["outputs"]), (200, &expected));
        calls += 1;
    }
    calls
}
