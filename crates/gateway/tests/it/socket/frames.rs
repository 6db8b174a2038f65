//! Frames that are no requests, and handshakes that are none.

use futures::{SinkExt, StreamExt};
use nexus_gateway::Options;
use nexus_kernel::Json;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::json;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{self, Message};

use super::{Client, handshake};
use crate::world::World;

fn status(refused: Result<Client, tungstenite::Error>) -> u16 {
    match refused {
        Err(tungstenite::Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
        Ok(_) => 101,
    }
}

#[tokio::test]
async fn a_handshake_is_refused_for_a_reason() {
    let world = World::new().await;
    assert_eq!(status(handshake(&world, &[("origin", "https://evil.test")]).await), 403);
    assert_eq!(status(handshake(&world, &[("host", "evil.test")]).await), 403);
    assert_eq!(status(handshake(&world, &[("sec-websocket-protocol", "graphql-ws, mqtt")]).await), 400);
    assert_eq!(status(handshake(&world, &[("x-nexus-session", "mine")]).await), 404);
    assert_eq!(status(handshake(&world, &[("sec-websocket-version", "8")]).await), 426);
    let plain = world.get("/ws").await;
    assert_eq!((plain.status, &plain.json()["code"]), (426, &json!("NX-2004")), "{}", plain.json());
    assert_eq!(world.post("/ws", &json!({})).await.status, 405);
}

#[tokio::test]
async fn what_is_no_request_is_answered_and_the_connection_goes_on() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    for (text, number) in [
        ("", -32700),
        ("{", -32700),
        ("[1]", -32600),
        (r#"{"id":1,"method":"ping","method":"call"}"#, -32700),
        (r#"{"method":"ping"}"#, -32600),
        (r#"{"id":1,"method":"ping","params":[]}"#, -32602),
    ] {
        client.stream.send(Message::text(text)).await.unwrap();
        let told = client.next().await;
        assert_eq!(told["error"]["code"], json!(number), "{text} {told}");
    }
    client.stream.send(Message::binary(vec![1_u8, 2])).await.unwrap();
    assert_eq!(client.next().await["error"]["code"], json!(-32600));
    let deep =
        format!(r#"{{"id":1,"method":"call","params":{}{}}}"#, "[".repeat(500_000), "]".repeat(400_000));
    client.stream.send(Message::text(deep)).await.unwrap();
    assert_eq!(client.next().await["error"]["code"], json!(-32700));
    assert!(client.ask(1, "ping", json!({})).await["result"].is_object());
}

#[tokio::test]
async fn frames_that_break_the_protocol_end_the_connection_with_a_reason() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    client.stream.send(Message::text("x".repeat(1024 * 1024 + 1))).await.unwrap();
    assert_eq!(client.closed().await, Some(1009));
    let mut client = Client::new(&world).await;
    let not_text = Frame::message(vec![0xff, 0xfe], OpCode::Data(Data::Text), true);
    client.stream.send(Message::Frame(not_text)).await.unwrap();
    assert_eq!(client.closed().await, Some(1007));
    let mut client = Client::new(&world).await;
    let stray = Frame::message(vec![1], OpCode::Data(Data::Continue), true);
    client.stream.send(Message::Frame(stray)).await.unwrap();
    assert_eq!(client.closed().await, Some(1002));
    assert_eq!(world.get("/health").await.status, 200);
}

#[tokio::test]
async fn a_client_that_closes_is_answered() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    client.stream.close(None).await.unwrap();
    assert_eq!(client.closed().await, None);
    assert!(client.stream.next().await.is_none());
}

#[tokio::test]
async fn a_flood_is_answered_in_full() {
    let world = World::new().await;
    let client = Client::new(&world).await;
    let (mut sink, mut stream) = client.stream.split();
    let sending = tokio::spawn(async move {
        for id in 0..3_000 {
            let request = json!({ "id": id, "method": "call", "params": { "operation": "run.list" } });
            sink.send(Message::text(request.to_string())).await.unwrap();
        }
        sink
    });
    let mut seen = vec![false; 3_000];
    for _ in 0..3_000 {
        let frame = stream.next().await.unwrap().unwrap().into_text().unwrap();
        let answer: Json = serde_json::from_str(frame.as_str()).unwrap();
        let id = usize::try_from(answer["id"].as_u64().unwrap()).unwrap();
        assert!(!std::mem::replace(&mut seen[id], true), "{id} was answered twice");
        assert!(answer["result"].is_object() || answer["error"]["data"]["status"] == json!(503), "{answer}");
    }
    drop(sending.await.unwrap());
}

/// Nearly a request, or nothing of the kind.
fn frame() -> impl Strategy<Value = Message> {
    let method = prop::sample::select(vec!["call", "cancel", "subscribe", "unsubscribe", "ping", "x"]);
    let param = prop::sample::select(vec![
        "id",
        "operation",
        "workflow",
        "input",
        "wait",
        "events",
        "run",
        "session",
    ]);
    let value = prop::sample::select(vec![
        "1",
        "null",
        "{}",
        "[]",
        "\"run.list\"",
        "\"Total\"",
        "{\"after\":0}",
        "-1e9",
    ]);
    let params = prop::collection::vec((param, value), 0..3).prop_map(|params| {
        let members: Vec<_> = params.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    });
    prop_oneof![
        (any::<i8>(), method, params).prop_map(|(id, method, params)| {
            Message::text(format!(r#"{{"id":{id},"method":"{method}","params":{params}}}"#))
        }),
        "\\PC{0,40}".prop_map(Message::text),
        r#"[\[\]{}",:0-9a-b. eu-]{0,30}"#.prop_map(Message::text),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Message::binary),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| Message::Ping(bytes.into())),
    ]
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_and_its_place_is_free_again_later() {
    let world = World::with(|options: Options| options.sockets_max(1)).await;
    let first = Client::new(&world).await;
    let mut second = handshake(&world, &[]).await.unwrap();
    assert_eq!(second.read().await, Err(Some(4013)));
    drop(first);
    // The server notices the end of a connection in its own time.
    while handshake(&world, &[]).await.unwrap().read().await.is_err() {}
}

#[test]
fn arbitrary_frames_do_no_harm() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(World::new());
    let config = ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&prop::collection::vec(frame(), 1..20), |frames| {
            let is_fine = runtime.block_on(async {
                let mut client = Client::new(&world).await;
                for frame in frames {
                    client.stream.feed(frame).await.unwrap();
                }
                client.send(&json!({ "id": "last", "method": "ping" })).await;
                loop {
                    let told = client.next().await;
                    assert_ne!(told["error"]["code"], json!(-32603), "{told}");
                    if told["id"] == json!("last") {
                        return told["result"].is_object();
                    }
                }
            });
            prop_assert!(is_fine);
            Ok(())
        })
        .unwrap();
}
