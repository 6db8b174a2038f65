//! One workflow, four doors: the same input gives the same result embedded, over REST, from the shell and over MCP.

use serde_json::{Value as Json, json};

use crate::support::{Project, Server, http, root};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_result_through_every_door() {
    for file in ["01-single-line.json", "02-several-lines.json", "04-declined-card.json"] {
        let input: Json = serde_json::from_str(
            &std::fs::read_to_string(root().join("examples/shop/orders").join(file)).unwrap(),
        )
        .unwrap();
        // Every door gets a shop of its own, so that stock and ledgers begin alike.
        let embedded = shell(&Project::shop(), &input);
        let served = Project::shop();
        let server = served.serve();
        assert_eq!(shell(&served, &input), embedded, "{file}: shell with a server");
        drop(server);
        let served = Project::shop();
        assert_eq!(rest(&served.serve(), &input).await, embedded, "{file}: REST");
        let served = Project::shop();
        assert_eq!(mcp(&served.serve(), &input).await, embedded, "{file}: MCP");
    }
}

/// A result, or the type and message of the failure at the root.
type Outcome = Result<Json, (String, String)>;

fn shell(project: &Project, input: &Json) -> Outcome {
    let ran = project.nexus(&["run", "Checkout", "--format", "json", "--json", &input.to_string()]);
    if ran.code() == 0 {
        return Ok(ran.json());
    }
    let text = ran.stderr();
    let line = text.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("{text}"));
    let error: Json = serde_json::from_str(line).unwrap();
    Err(root_of(&error["error"]["failure"]))
}

async fn rest(server: &Server, input: &Json) -> Outcome {
    let url = format!("{}/workflows/Checkout/execute", server.url);
    let response = http().post(url).json(&json!({ "inputs": input })).send().await.unwrap();
    let ok = response.status().is_success();
    let body: Json = response.json().await.unwrap();
    if ok { Ok(body["outputs"].clone()) } else { Err(root_of(&body["failure"])) }
}

async fn mcp(server: &Server, input: &Json) -> Outcome {
    let request = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "Checkout", "arguments": input },
    });
    let response = http()
        .post(format!("{}/mcp", server.url))
        .header("Accept", "application/json, text/event-stream")
        .header("MCP-Protocol-Version", "2025-06-18")
        .json(&request)
        .send()
        .await
        .unwrap();
    let text = response.text().await.unwrap();
    // The transport may answer with an event stream of one message.
    let body = text
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(str::trim)
        .find(|data| data.contains("\"id\":1"))
        .unwrap_or(&text);
    let answer: Json = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {text}"));
    let result = &answer["result"];
    if result["isError"] == json!(true) {
        return Err(root_of(&result["structuredContent"]["failure"]));
    }
    Ok(result["structuredContent"].clone())
}

fn root_of(failure: &Json) -> (String, String) {
    let mut root = failure;
    while root["cause"].is_object() {
        root = &root["cause"];
    }
    let text = |name: &str| root[name].as_str().unwrap_or_else(|| panic!("{failure}")).to_owned();
    (text("type"), text("message"))
}
