//! `/ws`: calls, subscriptions, cancellations, bad frames, slow clients, and the end of a server.

mod feeds;
mod frames;

use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use nexus_gateway::{Target, problem};
use nexus_kernel::Json;
use nexus_kernel::call::{Answer, Channel};
use nexus_kernel::operation::Effect;
use nexus_kernel::port::runs::RunStatus;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::{Mutex, Notify};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::world::{World, operation, run_answer};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection of a test.
pub(crate) struct Client {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

async fn handshake(world: &World, headers: &[(&'static str, &str)]) -> Result<Client, tungstenite::Error> {
    let mut request = format!("ws://{}/ws", world.address()).into_client_request()?;
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let (stream, _) = tokio_tungstenite::connect_async(request).await?;
    Ok(Client { stream })
}

impl Client {
    /// A connection that has been greeted.
    pub(crate) async fn new(world: &World) -> Client {
        let mut client = handshake(world, &[]).await.unwrap();
        assert_eq!(client.next().await["event"], json!("connected"));
        client
    }

    pub(crate) async fn send(&mut self, message: &Json) {
        self.stream.send(Message::text(message.to_string())).await.unwrap();
    }

    /// The next message that is text; what closes the connection otherwise.
    pub(crate) async fn read(&mut self) -> Result<Json, Option<u16>> {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("a frame in time");
            match frame {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(text.as_str()).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    pub(crate) async fn next(&mut self) -> Json {
        self.read().await.expect("a message")
    }

    /// Sends a request and reads what comes next.
    pub(crate) async fn ask(&mut self, id: impl Into<Json>, method: &str, params: Json) -> Json {
        self.send(&json!({ "id": id.into(), "method": method, "params": params })).await;
        self.next().await
    }

    /// The code that the connection is closed with, past whatever comes before.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        loop {
            if let Err(code) = self.read().await {
                return code;
            }
        }
    }
}

#[tokio::test]
async fn a_client_is_greeted_and_calls_operations_and_workflows() {
    let world = World::new().await;
    let mut client = handshake(&world, &[("sec-websocket-protocol", "other, nexus.v1")]).await.unwrap();
    let greeting = client.next().await;
    assert_eq!(
        (&greeting["data"]["protocol"], &greeting["data"]["version"]),
        (&json!("nexus.v1"), &json!("9.9.9"))
    );
    assert_eq!(greeting["data"]["limits"]["message_bytes"], json!(1024 * 1024));
    let pong = client.ask("p", "ping", json!({})).await;
    assert_eq!((&pong["id"], &pong["result"]["time"]), (&json!("p"), &json!("2027-01-15T08:00:00.000Z")));
    let listed = client.ask(1, "call", json!({ "operation": "run.list", "input": { "limit": 3 } })).await;
    assert_eq!(listed, json!({ "id": 1, "result": { "output": { "limit": 3 } } }));
    let total = client.ask(2, "call", json!({ "workflow": "Total", "input": { "amount": 7 } })).await;
    assert_eq!(total["result"]["output"], json!({ "seen": { "amount": 7 } }));
    assert_eq!(
        (&total["result"]["status"], &total["result"]["workflow"]),
        (&json!("completed"), &json!("Total"))
    );
    let open = client.ask(3, "call", json!({ "workflow": "shop/Slow", "wait": "accepted" })).await;
    assert_eq!((&open["result"]["status"], &open["result"]["output"]), (&json!("running"), &Json::Null));
    let context = client
        .ask(
            4,
            "call",
            json!({ "operation": "test.context", "wait": "2s", "workflow_id": "w", "idempotency_key": "k" }),
        )
        .await;
    let seen = &context["result"]["output"];
    assert_eq!(
        (&seen["channel"], &seen["wait"], &seen["workflow_id"]),
        (&json!("websocket"), &json!(2000), &json!("w"))
    );
    assert!(seen["request_id"].as_str().unwrap().starts_with("req_"));
}

#[tokio::test]
async fn errors_have_a_number_and_are_problems() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    for (params, number, code) in [
        (json!({ "workflow": "Total", "input": { "amount": "x" } }), -32602, "NX-2001"),
        (json!({ "workflow": "Totl" }), -32000, "NX-2002"),
        (json!({ "operation": "run.lst" }), -32000, "NX-2006"),
        (json!({ "workflow": "Decline" }), -32000, "NX-3001"),
        (json!({ "operation": "test.panic" }), -32603, "NX-9001"),
        (json!({ "operation": "run.list", "workflow": "Total" }), -32602, "NX-2004"),
        (json!({ "operation": "run.list", "wait": "soon" }), -32602, "NX-2004"),
        (json!({ "operation": "run.list", "wiat": "1s" }), -32602, "NX-2004"),
        (json!({ "operation": "run.list", "idempotency_key": "" }), -32602, "NX-2004"),
        (json!({ "operation": "run.list", "session": "ses_0688ab1tdpv3h9m5x7cq2wnk4e" }), -32000, "NX-2401"),
        (json!({}), -32602, "NX-2004"),
    ] {
        let told = client.ask(1, "call", params.clone()).await;
        assert_eq!((&told["id"], &told["error"]["code"]), (&json!(1), &json!(number)), "{params} {told}");
        assert_eq!(told["error"]["data"]["code"], json!(code), "{params} {told}");
        assert!(told["error"]["data"]["request_id"].as_str().unwrap().starts_with("req_"), "{told}");
    }
    let unknown = client.ask(2, "cal", json!({})).await;
    assert_eq!(
        (&unknown["error"]["code"], &unknown["error"]["data"]["help"]),
        (&json!(-32601), &json!("did you mean \"call\"?"))
    );
}

#[tokio::test]
async fn a_connection_or_a_call_can_belong_to_a_session() {
    let world = World::new().await;
    let made = world.post("/v1/sessions", &json!({ "namespace": "shop" })).await.json();
    let id = made["session_id"].as_str().unwrap();
    let mut client = handshake(&world, &[("x-nexus-session", id)]).await.unwrap();
    client.next().await;
    let seen = client.ask(1, "call", json!({ "operation": "test.context" })).await;
    assert_eq!(seen["result"]["output"]["session"], json!(id));
    let mut other = Client::new(&world).await;
    let seen = other.ask(1, "call", json!({ "operation": "test.context", "session": id })).await;
    assert_eq!(seen["result"]["output"]["session_namespace"], json!("shop"));
}

#[tokio::test]
async fn calls_run_beside_each_other_and_so_many_at_most() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    let slow = |id: u64| json!({ "id": id, "method": "call", "params": { "workflow": "Slow" } });
    for id in 0..64 {
        client.send(&slow(id)).await;
    }
    let taken = client.ask(5, "call", json!({ "operation": "run.list" })).await;
    assert_eq!(
        (&taken["error"]["code"], &taken["error"]["data"]["code"]),
        (&json!(-32602), &json!("NX-2004")),
        "{taken}"
    );
    let full = client.ask(64, "call", json!({ "operation": "run.list" })).await;
    assert_eq!(full["error"]["data"]["status"], json!(503), "{full}");
    assert_eq!(client.ask("p", "ping", json!({})).await["id"], json!("p"), "nothing waits for them");
    let mut ended = Vec::new();
    for _ in 0..64 {
        world.gate.notify_one();
        let answer = client.next().await;
        assert_eq!(answer["result"]["output"], json!("done"));
        ended.push(answer["id"].as_u64().unwrap());
    }
    ended.sort_unstable();
    assert_eq!(ended, (0..64).collect::<Vec<_>>());
    assert!(
        client.ask(5, "call", json!({ "operation": "run.list" })).await["result"].is_object(),
        "the id is free"
    );
}

#[tokio::test]
async fn a_call_can_be_cancelled_and_its_id_is_free_again() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    client.send(&json!({ "id": "a", "method": "call", "params": { "workflow": "Slow" } })).await;
    world.begun.notified().await;
    client.send(&json!({ "id": "b", "method": "cancel", "params": { "id": "a" } })).await;
    let (mut first, mut second) = (client.next().await, client.next().await);
    if first["id"] == json!("a") {
        std::mem::swap(&mut first, &mut second);
    }
    assert_eq!(first, json!({ "id": "b", "result": { "cancelled": "a" } }));
    assert_eq!((&second["id"], &second["error"]["code"]), (&json!("a"), &json!(-32800)));
    assert_eq!(second["error"]["data"]["code"], json!("NX-2501"));
    let gone = client.ask("c", "cancel", json!({ "id": "a" })).await;
    assert_eq!(gone["error"]["code"], json!(-32602));
    let again = client.ask("a", "call", json!({ "operation": "run.list" })).await;
    assert!(again["result"].is_object());
}

/// Operations that tell which runs were asked to end.
fn cancellable(world: &World) -> (Arc<Notify>, tokio::sync::mpsc::UnboundedReceiver<Json>) {
    let (begun, (asked, heard)) = (Arc::new(Notify::new()), tokio::sync::mpsc::unbounded_channel());
    let told = Arc::clone(&begun);
    let long = operation("shop/Long", Effect::Long, json!({}), json!({}), move |_, context| {
        let begun = Arc::clone(&told);
        async move {
            context.started.note(&run_answer("Long", &context, RunStatus::Running));
            begun.notify_one();
            std::future::pending::<()>().await;
            Ok(Answer::of(Json::Null))
        }
    });
    let cancel = operation("run.cancel", Effect::Write, json!({}), json!({}), move |input, _| {
        asked.send(input.clone()).unwrap();
        async { Ok(Answer::of(input)) }
    });
    world.catalogue.replace(vec![long, cancel]).unwrap();
    (begun, heard)
}

#[tokio::test]
async fn a_run_is_cancelled_with_its_call_or_its_connection_when_that_is_wanted() {
    let world = World::new().await;
    let (begun, mut heard) = cancellable(&world);
    let long = |more: Json| {
        let mut params = json!({ "workflow": "Long" });
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "id": 1, "method": "call", "params": params })
    };
    let mut client = Client::new(&world).await;
    client.send(&long(json!({}))).await;
    begun.notified().await;
    client.send(&json!({ "id": 2, "method": "cancel", "params": { "id": 1, "run": true } })).await;
    assert_eq!(heard.recv().await.unwrap(), json!({ "run_id": crate::world::RUN }));
    let answers = [client.next().await, client.next().await];
    let told = answers.iter().find(|answer| answer["id"] == json!(1)).unwrap();
    assert_eq!(told["error"]["data"]["run"], json!(crate::world::RUN));
    // One connection leaves its run alone, the other takes it along.
    client.send(&long(json!({}))).await;
    begun.notified().await;
    drop(client);
    let mut client = Client::new(&world).await;
    client.send(&long(json!({ "on_disconnect": "cancel" }))).await;
    begun.notified().await;
    drop(client);
    assert_eq!(heard.recv().await.unwrap(), json!({ "run_id": crate::world::RUN }));
    assert!(heard.try_recv().is_err());
}

#[tokio::test]
async fn calls_end_and_subscriptions_stop_when_the_server_does() {
    let mut world = World::new().await;
    let mut client = Client::new(&world).await;
    let mut idle = Client::new(&world).await;
    client.send(&json!({ "id": 1, "method": "call", "params": { "workflow": "Slow" } })).await;
    world.begun.notified().await;
    world.shutdown.begin();
    assert_eq!(idle.closed().await, Some(1001));
    world.gate.notify_one();
    assert_eq!(client.next().await["result"]["output"], json!("done"));
    assert_eq!(client.closed().await, Some(1001));
    drop((client, idle));
    let running = std::mem::replace(&mut world.running, tokio::spawn(async { Ok(()) }));
    tokio::time::timeout(PATIENCE, running).await.unwrap().unwrap().unwrap();
}

#[test]
fn a_socket_answers_as_the_pipeline_does() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(World::new());
    let client = Mutex::new(runtime.block_on(Client::new(&world)));
    let config = ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&crate::agreement::input(), |input| {
            let (direct, told) = runtime.block_on(async {
                let context = world.pipeline.context(Channel::Embedded);
                let direct = world.pipeline.call(Target::Workflow("Total"), input.clone(), context).await;
                let params = json!({ "workflow": "Total", "input": input });
                let told = client.lock().await.ask(1, "call", params).await;
                (direct, told)
            });
            match direct {
                Ok(answer) => prop_assert_eq!(&told["result"]["output"], &answer.output),
                Err(error) => {
                    let mut expected = Json::Object(problem::details(&error, error.code().http, ""));
                    expected["request_id"] = told["error"]["data"]["request_id"].clone();
                    prop_assert_eq!(&told["error"]["data"], &expected);
                }
            }
            Ok(())
        })
        .unwrap();
}
