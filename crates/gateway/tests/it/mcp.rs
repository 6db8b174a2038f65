//! MCP over streamable HTTP, with raw JSON-RPC: older clients with `initialize`, newer ones without.

use nexus_gateway::{McpContent, McpShelf};
use nexus_kernel::Json;
use serde_json::json;

use crate::client::Reply;
use crate::world::{RUN, World};

const ACCEPT: &str = "accept: application/json, text/event-stream";
const OLD: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
const NEW: &str = "2026-07-28";

async fn send(world: &World, headers: &[&str], message: &Json) -> Reply {
    let headers = [&[ACCEPT, "content-type: application/json"], headers].concat();
    world.send("POST", "/mcp", &headers, message.to_string().as_bytes()).await
}

/// A request of the 2026-07-28 revision, which says everything about itself.
async fn new_request(world: &World, method: &str, mut params: Json) -> Reply {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": NEW,
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let (version, named) = (format!("mcp-protocol-version: {NEW}"), format!("mcp-method: {method}"));
    let name = params["name"].as_str().map(|name| format!("mcp-name: {name}"));
    let mut headers = vec![version.as_str(), named.as_str()];
    headers.extend(name.as_deref());
    send(world, &headers, &json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })).await
}

/// The names of all tools.
pub(crate) async fn list_names(world: &World) -> Vec<String> {
    let listed = new_request(world, "tools/list", json!({})).await.json();
    let tools = listed["result"]["tools"].as_array().unwrap_or_else(|| panic!("{listed}"));
    tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

/// Calls a tool and gives the JSON-RPC answer.
pub(crate) async fn call(world: &World, name: &str, arguments: &Json) -> Json {
    new_request(world, "tools/call", json!({ "name": name, "arguments": arguments })).await.json()
}

/// The message in an answer, which may be an event stream.
pub(crate) fn message(reply: &Reply) -> Json {
    if !reply.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")) {
        return reply.json();
    }
    let mut data = reply.text().lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
    let last = data.rfind(|data| !data.is_empty()).unwrap_or_else(|| panic!("{reply:?}"));
    serde_json::from_str(last).unwrap()
}

fn initialize(version: &str) -> Json {
    let client = json!({ "name": "test", "version": "1" });
    let params = json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": client });
    json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params })
}

async fn open_and_end(world: &World) {
    let hello = send(world, &[], &initialize(OLD[2])).await;
    let session = format!("mcp-session-id: {}", hello.header("mcp-session-id").unwrap());
    let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    assert_eq!(send(world, &[&session], &ready).await.status, 202);
    let ended = world.send("DELETE", "/mcp", &[ACCEPT, &session], b"").await;
    assert!(ended.status < 300, "{ended:?}");
}

/// A session that its client has ended leaves nothing behind, such as what tells it of lists.
#[tokio::test]
async fn a_session_that_has_ended_leaves_no_task_behind() {
    let world = World::new().await;
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    open_and_end(&world).await; // what the server starts once is there from here on
    let before = alive();
    for _ in 0..10 {
        open_and_end(&world).await;
    }
    // Whatever is still on its way out gets its turn; what stays for ever is seen as the end of patience.
    for _ in 0..100_000 {
        if alive() <= before {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{} tasks, and {before} before", alive());
}

#[tokio::test]
async fn older_clients_initialize_list_and_call() {
    let world = World::new().await;
    for version in OLD {
        let hello = send(&world, &[], &initialize(version)).await;
        let result = message(&hello)["result"].clone();
        assert_eq!(
            (&result["protocolVersion"], &result["serverInfo"]["name"]),
            (&json!(version), &json!("nexus"))
        );
        let session = format!("mcp-session-id: {}", hello.header("mcp-session-id").unwrap());
        let named = format!("mcp-protocol-version: {version}");
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        assert_eq!(send(&world, &[&session, &named], &ready).await.status, 202);
        for headers in [&[session.as_str(), named.as_str()][..], &[named.as_str()]] {
            let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" });
            let listed = message(&send(&world, headers, &list).await);
            assert_eq!(listed["result"]["tools"].as_array().unwrap().len(), 20, "{version}");
            let params = json!({ "name": "Total", "arguments": { "amount": 3 } });
            let call = json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": params });
            let called = message(&send(&world, headers, &call).await);
            assert_eq!(
                called["result"]["structuredContent"],
                json!({ "seen": { "amount": 3 } }),
                "{version}"
            );
            assert_eq!(called["result"]["content"][0]["text"], "{\"seen\":{\"amount\":3}}");
        }
    }
}

#[tokio::test]
async fn a_session_ends_when_its_client_says_so() {
    let world = World::new().await;
    let hello = send(&world, &[], &initialize(OLD[3])).await;
    let session = format!("mcp-session-id: {}", hello.header("mcp-session-id").unwrap());
    let headers = [session.as_str(), ACCEPT, "content-type: application/json"];
    let ended = world.send("DELETE", "/mcp", &headers, b"").await;
    assert!((200..300).contains(&ended.status), "{ended:?}");
    let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" });
    assert_eq!(send(&world, &[&session], &list).await.status, 404);
}

#[tokio::test]
async fn newer_clients_need_no_handshake() {
    let world = World::new().await;
    let discovered = new_request(&world, "server/discover", json!({})).await.json();
    let versions = discovered["result"]["supportedVersions"].as_array().unwrap();
    assert!(versions.contains(&json!(NEW)) && versions.contains(&json!(OLD[0])), "{discovered}");
    let listed = new_request(&world, "tools/list", json!({})).await;
    insta::assert_json_snapshot!("tools", listed.json()["result"]);
    let called = call(&world, "Total", &json!({ "amount": 3 })).await;
    assert_eq!(called["result"]["structuredContent"], json!({ "seen": { "amount": 3 } }));
    assert_eq!(called["result"]["resultType"], "complete");
}

#[tokio::test]
async fn outputs_that_are_no_objects_are_wrapped() {
    let world = World::new().await;
    let counted = call(&world, "Count", &json!({ "a": 1, "b": 2 })).await;
    assert_eq!(counted["result"]["structuredContent"], json!({ "result": 2 }));
}

#[tokio::test]
async fn a_run_that_takes_long_answers_with_a_handle() {
    let world = World::new().await;
    let result = call(&world, "Slow", &json!({})).await["result"].clone();
    let handle = json!({ "run_id": RUN, "workflow_id": "made-up", "status": "running" });
    assert_eq!((&result["structuredContent"], &result["isError"]), (&handle, &json!(false)));
}

#[tokio::test]
async fn a_failed_run_and_a_bad_input_are_results_an_agent_can_read() {
    let world = World::new().await;
    let declined = call(&world, "Decline", &json!({})).await["result"].clone();
    assert_eq!(declined["isError"], true);
    let content = &declined["structuredContent"];
    assert_eq!((&content["code"], &content["run"]), (&json!("NX-3001"), &json!(RUN)));
    assert_eq!(content["failure"]["cause"]["type"], "CardDeclined");
    insta::assert_snapshot!(declined["content"][0]["text"].as_str().unwrap());
    let bad = call(&world, "Total", &json!({ "amuont": 1 })).await["result"].clone();
    assert_eq!((&bad["isError"], &bad["structuredContent"]["code"]), (&json!(true), &json!("NX-2001")));
    insta::assert_snapshot!(bad["content"][0]["text"].as_str().unwrap());
}

#[tokio::test]
async fn an_unknown_tool_and_a_broken_message_are_protocol_errors() {
    let world = World::new().await;
    let unknown = call(&world, "Totl", &json!({})).await;
    assert_eq!(unknown["error"]["code"], -32602);
    assert_eq!(unknown["error"]["data"]["help"], "did you mean \"Total\"?");
    let method = new_request(&world, "tools/destroy", json!({})).await.json();
    assert_eq!(method["error"]["code"], -32601);
    let not_rpc = send(&world, &[], &json!({ "hello": "world" })).await;
    assert!((400..500).contains(&not_rpc.status), "{not_rpc:?}");
    assert!(not_rpc.header("x-request-id").is_some());
    assert_eq!(world.get("/mcp").await.status, 405);
}

#[tokio::test]
async fn calls_carry_the_correlation_id_and_the_channel() {
    let world = World::new().await;
    let params = json!({ "name": "test_context", "arguments": {} });
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    let reply = send(&world, &["x-request-id: agent-1"], &message).await;
    assert_eq!(reply.header("x-request-id"), Some("agent-1"));
    let seen = reply.json()["result"]["structuredContent"].clone();
    assert_eq!((&seen["channel"], &seen["request_id"]), (&json!("mcp"), &json!("agent-1")));
}

#[tokio::test]
async fn structured_content_fits_the_schema_its_tool_declares() {
    let world = World::new().await;
    let listed = new_request(&world, "tools/list", json!({})).await.json();
    for (name, arguments) in [
        ("Total", json!({ "amount": 3 })),
        ("Count", json!({ "a": 1 })),
        ("Slow", json!({})),
        ("bank.Refund", json!({ "any": [1] })),
        ("run_list", json!({ "limit": 2 })),
        ("run_cancel", json!({ "run_id": RUN })),
    ] {
        let tools = listed["result"]["tools"].as_array().unwrap();
        let tool = tools.iter().find(|tool| tool["name"] == name).unwrap();
        let result = call(&world, name, &arguments).await["result"].clone();
        let schema = jsonschema::validator_for(&tool["outputSchema"]).unwrap();
        assert!(schema.is_valid(&result["structuredContent"]), "{name}: {result}");
        assert_eq!(result["isError"], false, "{name}");
    }
}

#[tokio::test]
async fn too_many_tools_are_searched_for() {
    let shelf = McpShelf::new(b"secret");
    shelf.put(McpContent { tools_max: 5, ..McpContent::default() });
    let world = World::with(|options| options.mcp(shelf)).await;
    let listed = new_request(&world, "tools/list", json!({})).await.json()["result"]["tools"].clone();
    let names: Vec<_> =
        listed.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names[..3], ["search_tools", "describe_tool", "execute_tool"]);
    assert!(names[3..].iter().all(|name| name.starts_with("run_")), "{names:?}");
    let found = call(&world, "search_tools", &json!({ "query": "TOTAL", "limit": 1 })).await;
    assert_eq!(found["result"]["structuredContent"]["tools"][0]["name"], "Total", "{found}");
    let shown = call(&world, "describe_tool", &json!({ "name": "Total" })).await;
    assert_eq!(shown["result"]["structuredContent"]["inputSchema"]["required"], json!(["amount"]));
    let total = json!({ "name": "Total", "arguments": { "amount": 3 } });
    let called = call(&world, "execute_tool", &total).await;
    assert_eq!(called["result"]["structuredContent"], json!({ "seen": { "amount": 3 } }));
    let direct = call(&world, "Total", &json!({ "amount": 3 })).await;
    assert_eq!(direct["result"]["structuredContent"], called["result"]["structuredContent"]);
    let unknown = call(&world, "execute_tool", &json!({ "name": "Totl" })).await;
    assert_eq!(unknown["error"]["data"]["help"], "did you mean \"Total\"?");
    let long = call(&world, "search_tools", &json!({ "query": "x".repeat(2_000) })).await;
    assert_eq!(long["result"]["structuredContent"]["code"], "NX-2001");
}

#[tokio::test]
async fn a_post_with_the_old_header_is_mcp_at_any_path() {
    let world = World::new().await;
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }).to_string();
    for (path, header) in
        [("/", "x-mcp-version: 1.0"), ("/api/anything", "x-mcp-version: 1"), ("/mcp/", "a: b")]
    {
        let headers = [ACCEPT, "content-type: application/json", header];
        let reply = world.send("POST", path, &headers, list.as_bytes()).await;
        assert!(message(&reply)["result"]["tools"].is_array(), "{path}: {reply:?}");
    }
}
