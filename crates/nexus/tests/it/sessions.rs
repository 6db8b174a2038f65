//! Sessions with the real binary: they go from channel to channel, workflows use them, and a killed server keeps them.

use serde_json::{Value as Json, json};
use tokio_tungstenite::tungstenite::{Message, connect};

use crate::mcp::agent::Agent;
use crate::support::{Project, Server, http};

const PROGRAM: &str = "\
workflow Visit(page: string) -> (any):
    activity Remember(page) -> seen
    close complete(seen)

activity Remember(page: string) -> (any):
    options:
        start_to_close_timeout: 30s
    ...
";

const SCRIPT: &str = "\
export async function Remember(page, { session }) {
  const { state, version } = await session.get();
  const pages = [...(state.pages ?? []), page];
  const changed = await session.update({ pages }, { version });
  return { session: session.id, pages: changed.state.pages };
}
";

const CONFIG: &str = "[sandbox.functions.Remember]\ncapabilities = [\"session:read\", \"session:write\"]\n";

fn project() -> Project {
    Project::with(&[
        ("nexus.toml", CONFIG),
        ("workflows/visit.twf", PROGRAM),
        ("activities/visit.js", SCRIPT),
    ])
}

async fn post(server: &Server, path: &str, session: Option<&str>, body: Json) -> (u16, Json) {
    let mut request = http().post(format!("{}{path}", server.url)).json(&body);
    if let Some(session) = session {
        request = request.header("X-Nexus-Session", session);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn visit(server: &Server, session: Option<&str>, page: &str) -> (u16, Json) {
    post(server, "/workflows/Visit/execute", session, json!({ "inputs": { "page": page } })).await
}

async fn state(server: &Server, session: &str) -> (u16, Json) {
    let response = http().get(format!("{}/v1/sessions/{session}", server.url)).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn make(server: &Server, input: Json) -> String {
    let (status, made) = post(server, "/v1/sessions", None, input).await;
    assert_eq!(status, 201, "{made}");
    made["session_id"].as_str().unwrap().to_owned()
}

/// Over a WebSocket: a call with a session.
fn over_socket(server: &Server, session: &str, page: &str) -> Json {
    let (mut socket, _) = connect(format!("{}/ws", server.url.replacen("http", "ws", 1))).unwrap();
    let params = json!({ "workflow": "Visit", "input": { "page": page }, "wait": "20s", "session": session });
    let call = json!({ "id": 1, "method": "call", "params": params }).to_string();
    socket.send(Message::text(call)).unwrap();
    loop {
        let Message::Text(text) = socket.read().unwrap() else { continue };
        let message: Json = serde_json::from_str(&text).unwrap();
        if message["id"] == 1 {
            return message["result"]["output"].clone();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_begins_on_rest_goes_on_in_the_shell_and_on_a_socket_and_ends_with_an_agent() {
    let project = project();
    let server = project.serve();
    let id = make(&server, json!({})).await;
    visit(&server, Some(&id), "/rest").await;
    let args = ["run", "Visit", "--page", "/shell", "--session", &id, "--format", "json"];
    assert_eq!(project.nexus(&args).ok().json()["pages"], json!(["/rest", "/shell"]));
    let pages = tokio::task::block_in_place(|| over_socket(&server, &id, "/socket"));
    assert_eq!(pages["pages"], json!(["/rest", "/shell", "/socket"]));
    let mut agent = Agent::start(&project, &["--server", &server.url]);
    agent.speak_newest(&json!({}));
    let told = agent.call("Visit", &json!({ "page": "/agent", "session_id": id }));
    let expected = json!(["/rest", "/shell", "/socket", "/agent"]);
    assert_eq!(told["structuredContent"]["result"]["pages"], expected, "{told}");
    let by_meta = agent.request(
        "tools/call",
        json!({
            "name": "Visit", "arguments": { "page": "/meta" }, "_meta": { "nexus/session": id },
        }),
    );
    assert_eq!(by_meta["result"]["structuredContent"]["result"]["pages"][4], "/meta", "{by_meta}");
    let foreign =
        agent.call("Visit", &json!({ "page": "/x", "session_id": "ses_00000000000000000000000000" }));
    assert_eq!(foreign["structuredContent"]["code"], "NX-2401", "{foreign}");
    let (_, kept) = state(&server, &id).await;
    assert_eq!(kept["version"], json!(6));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workflow_uses_the_session_of_its_call_and_a_killed_server_keeps_it() {
    let project = project();
    let server = project.serve();
    let id = make(&server, json!({ "state": { "pages": ["/"] } })).await;
    let (status, first) = visit(&server, Some(&id), "/shoes").await;
    assert_eq!(
        (status, &first["outputs"]),
        (200, &json!({ "session": id, "pages": ["/", "/shoes"] })),
        "{first}"
    );
    let run = first["run_id"].as_str().unwrap();
    let shown: Json =
        http().get(format!("{}/v1/runs/{run}", server.url)).send().await.unwrap().json().await.unwrap();
    assert_eq!(shown["session_id"], json!(id));
    server.kill();
    let server = project.serve();
    let (_, kept) = state(&server, &id).await;
    assert_eq!((&kept["state"], &kept["version"]), (&json!({ "pages": ["/", "/shoes"] }), &json!(2)));
    let (_, again) = visit(&server, Some(&id), "/hats").await;
    assert_eq!(again["outputs"]["pages"], json!(["/", "/shoes", "/hats"]));
    // The shell with a server, and then without one.
    let show = ["call", "session.show", "--session-id", &id, "--format", "json"];
    assert_eq!(project.nexus(&show).ok().json()["version"], json!(3));
    server.stop();
    assert_eq!(project.nexus(&show).ok().json()["state"]["pages"][2], json!("/hats"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_session_does_not_allow_starts_nothing() {
    let project = project();
    let server = project.serve();
    let (status, refused) = visit(&server, Some("ses_0688ab1tdpv3h9m5x7cq2wnk4e"), "/").await;
    assert_eq!((status, &refused["code"]), (404, &json!("NX-2401")), "{refused}");
    let elsewhere = make(&server, json!({ "namespace": "bank" })).await;
    let (status, refused) = visit(&server, Some(&elsewhere), "/").await;
    assert_eq!((status, &refused["code"]), (409, &json!("NX-2404")), "{refused}");
    let (status, refused) = post(
        &server,
        "/v1/operations/run.start",
        Some(&elsewhere),
        json!({ "workflow": "Visit", "input": { "page": "/" } }),
    )
    .await;
    assert_eq!((status, &refused["code"]), (409, &json!("NX-2404")), "{refused}");
    let runs: Json =
        http().get(format!("{}/v1/runs", server.url)).send().await.unwrap().json().await.unwrap();
    assert_eq!(runs["runs"], json!([]));
    let (status, failed) = visit(&server, None, "/").await;
    assert_eq!(status, 422, "{failed}");
    let cause = &failed["failure"]["cause"];
    assert_eq!((&cause["type"], &cause["non_retryable"]), (&json!("SessionError"), &json!(true)), "{failed}");
}
