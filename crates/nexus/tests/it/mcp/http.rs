//! Streamable HTTP: tasks that outlive a killed server, questions, and subsets.

use serde_json::{Value as Json, json};

use super::agent::{NEW, meta};
use super::project::project;
use crate::support::{Server, http};

/// A client of the newest revision that can do these things.
struct Caller {
    http: reqwest::Client,
    capabilities: Json,
}

impl Caller {
    fn new(capabilities: Json) -> Caller {
        Caller { http: http(), capabilities }
    }

    fn post(&self, url: &str, method: &str, mut params: Json) -> reqwest::RequestBuilder {
        params["_meta"] = meta(&self.capabilities);
        let name =
            ["name", "uri", "taskId"].iter().find_map(|key| params[key].as_str().map(ToOwned::to_owned));
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let mut request = self.http.post(url).json(&message).header("mcp-protocol-version", NEW);
        request =
            request.header("mcp-method", method).header("accept", "application/json, text/event-stream");
        match name {
            Some(name) => request.header("mcp-name", name),
            None => request,
        }
    }

    async fn at(&self, url: &str, method: &str, params: Json) -> Json {
        let text = self.post(url, method, params).send().await.unwrap().text().await.unwrap();
        let mut data = text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
        let last = data.rfind(|data| !data.is_empty()).unwrap_or(&text);
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    async fn ask(&self, server: &Server, method: &str, params: Json) -> Json {
        let answer = self.at(&format!("{}/mcp", server.url), method, params).await;
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }
}

fn tasks() -> Json {
    json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } })
}

/// Asks for a task until it has this status.
async fn until(caller: &Caller, server: &Server, task: &Json, status: &str) -> Json {
    loop {
        let shown = caller.ask(server, "tasks/get", json!({ "taskId": task })).await;
        if shown["status"] == status {
            return shown;
        }
        assert!(!matches!(shown["status"].as_str(), Some("completed" | "failed" | "cancelled")), "{shown}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_task_outlives_a_killed_server() {
    let (project, caller) = (project(), Caller::new(tasks()));
    let server = project.serve();
    let created =
        caller.ask(&server, "tools/call", json!({ "name": "Consent", "arguments": { "order": "7" } })).await;
    assert_eq!(
        (&created["resultType"], &created["status"]),
        (&json!("task"), &json!("working")),
        "{created}"
    );
    let task = created["taskId"].clone();
    server.kill();
    let server = project.serve();
    let waiting = until(&caller, &server, &task, "input_required").await;
    let (key, question) = waiting["inputRequests"].as_object().unwrap().iter().next().unwrap();
    assert_eq!(question["params"]["requestedSchema"]["required"], json!(["by"]), "{question}");
    let answers = json!({ key.as_str(): { "action": "accept", "content": { "by": "ann" } } });
    let update = json!({ "taskId": task, "inputResponses": answers });
    caller.ask(&server, "tasks/update", update.clone()).await;
    let done = until(&caller, &server, &task, "completed").await;
    assert_eq!(done["result"]["structuredContent"], json!({ "result": "approved by ann" }), "{done}");
    server.kill();
    let server = project.serve();
    assert_eq!(until(&caller, &server, &task, "completed").await["result"], done["result"]);
    let late = caller.at(&format!("{}/mcp", server.url), "tasks/update", update).await;
    assert_eq!(late["error"]["code"], -32602, "{late}");
}

#[tokio::test]
async fn a_cancelled_task_is_a_cancelled_run_and_a_failed_one_says_why() {
    let (project, caller) = (project(), Caller::new(tasks()));
    let server = project.serve();
    let call = json!({ "name": "Consent", "arguments": { "order": "7" } });
    let task = caller.ask(&server, "tools/call", call).await["taskId"].clone();
    caller.ask(&server, "tasks/cancel", json!({ "taskId": task })).await;
    let shown = until(&caller, &server, &task, "cancelled").await;
    assert!(shown["result"].is_null(), "{shown}");
    caller.ask(&server, "tasks/cancel", json!({ "taskId": task })).await;
    let failed =
        caller.ask(&server, "tools/call", json!({ "name": "Fail", "arguments": { "why": "no" } })).await;
    assert_eq!((&failed["isError"], &failed["structuredContent"]["code"]), (&json!(true), &json!("NX-3001")));
    let unknown = caller.at(&format!("{}/mcp", server.url), "tasks/get", json!({ "taskId": "run_x" })).await;
    assert_eq!(unknown["error"]["code"], -32602);
    let stranger = Caller::new(json!({}));
    let refused = stranger.at(&format!("{}/mcp", server.url), "tasks/get", json!({ "taskId": task })).await;
    assert_eq!(refused["error"]["code"], -32021, "only clients that know tasks have them: {refused}");
}

#[tokio::test]
async fn a_question_is_a_result_and_its_state_is_not_believed_unless_it_is_ours() {
    let (project, caller) = (project(), Caller::new(json!({ "elicitation": { "form": {} } })));
    let server = project.serve();
    let call = json!({ "name": "Consent", "arguments": { "order": "7" } });
    let asked = caller.ask(&server, "tools/call", call.clone()).await;
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let (key, question) = asked["inputRequests"].as_object().unwrap().iter().next().unwrap();
    assert_eq!(question["method"], "elicitation/create");
    let answers = json!({ key.as_str(): { "action": "accept", "content": { "by": "bob" } } });
    let again = |state: &str, order: &str| {
        let arguments = json!({ "order": order });
        json!({ "name": "Consent", "arguments": arguments, "inputResponses": answers, "requestState": state })
    };
    let state = asked["requestState"].as_str().unwrap();
    let run = run_of(state);
    for (forged, order) in [
        (state.replace("Consent", "Consemt"), "7"),
        (state.replace(&run, "run_0688ab1tdpv3h9m5x7cq2wnk4e"), "7"),
        ("nx1.00.[]".to_owned(), "7"),
        (state.to_owned(), "8"),
    ] {
        let refused = caller.ask(&server, "tools/call", again(&forged, order)).await;
        assert_eq!(refused["structuredContent"]["code"], "NX-2502", "{forged}: {refused}");
    }
    // A restart changes nothing about what was asked before it.
    server.kill();
    let server = project.serve();
    let done = caller.ask(&server, "tools/call", again(state, "7")).await;
    assert_eq!(done["structuredContent"], json!({ "result": "approved by bob" }), "{done}");
    let repeated = caller.ask(&server, "tools/call", again(state, "7")).await;
    assert_eq!(repeated["structuredContent"], done["structuredContent"], "an answer is given once");
    let runs = caller.ask(&server, "tools/call", json!({ "name": "run_list", "arguments": {} })).await;
    assert_eq!(runs["structuredContent"]["runs"].as_array().unwrap().len(), 1, "the call was one run");
}

/// The run in a state, which is signed but no secret.
fn run_of(state: &str) -> String {
    let from = state.find("run_").unwrap();
    state[from..].split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_declined_question_leaves_the_run_waiting() {
    let (project, caller) = (project(), Caller::new(json!({ "elicitation": {} })));
    let server = project.serve();
    let call = json!({ "name": "Consent", "arguments": { "order": "7" } });
    let asked = caller.ask(&server, "tools/call", call.clone()).await;
    let key = asked["inputRequests"].as_object().unwrap().keys().next().unwrap();
    let mut again = call;
    again["requestState"] = asked["requestState"].clone();
    let unanswered = caller.ask(&server, "tools/call", again.clone()).await;
    assert_eq!(unanswered["resultType"], "input_required", "without an answer it is asked again");
    again["inputResponses"] = json!({ key.as_str(): { "action": "decline" } });
    let told = caller.ask(&server, "tools/call", again).await;
    assert_eq!(told["structuredContent"]["waits_for_signals"], json!(["Approve"]), "{told}");
}

#[tokio::test]
async fn a_subset_has_its_tools_and_no_others() {
    let (project, caller) = (project(), Caller::new(json!({})));
    let server = project.serve();
    let sums = format!("{}/mcp/sums", server.url);
    let listed = caller.at(&sums, "tools/list", json!({})).await["result"]["tools"].clone();
    let names: Vec<_> =
        listed.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["run_result", "Add"]);
    let called =
        caller.at(&sums, "tools/call", json!({ "name": "Add", "arguments": { "a": 1, "b": 1 } })).await;
    assert_eq!(called["result"]["structuredContent"], json!({ "result": 2 }));
    for (method, params) in [
        ("tools/call", json!({ "name": "Nap" })),
        ("resources/read", json!({ "uri": "nexus://workflows/default/Nap" })),
        ("resources/read", json!({ "uri": "nexus://events/default" })),
    ] {
        let refused = caller.at(&sums, method, params).await;
        assert_eq!(refused["error"]["code"], -32602, "{method}: {refused}");
    }
    let unknown =
        caller.post(&format!("{}/mcp/smus", server.url), "tools/list", json!({})).send().await.unwrap();
    assert_eq!(unknown.status(), 404);
    assert_eq!(unknown.json::<Json>().await.unwrap()["help"], "did you mean \"sums\"?");
}

#[tokio::test]
async fn a_call_is_followed_and_a_cancelled_one_takes_its_run_along_when_it_should() {
    let (project, caller) = (project(), Caller::new(json!({})));
    let server = project.serve();
    let followed =
        nap(&caller, &server, &[("progressToken", "p")]).send().await.unwrap().text().await.unwrap();
    assert!(followed.contains("\"progressToken\":\"p\"") && followed.contains("rested"), "{followed}");
    for (meta, expected) in [("nexus/other", "completed"), ("nexus/cancel", "canceled")] {
        assert_eq!(hang_up(&caller, &server, &[(meta, "run")]).await, expected, "{meta}");
    }
}

#[tokio::test]
async fn a_workflow_may_declare_that_its_runs_are_cancelled_with_their_calls() {
    let (project, caller) = (project(), Caller::new(json!({})));
    project.write("nexus.toml", "[workflows.Nap]\non_disconnect = \"cancel\"\n");
    let server = project.serve();
    for meta in [&[][..], &[("progressToken", "p")]] {
        assert_eq!(hang_up(&caller, &server, meta).await, "canceled", "{meta:?}");
    }
}

/// A call of `Nap` with these fields in its `_meta`.
fn nap(caller: &Caller, server: &Server, more: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let mut body = json!({ "name": "Nap", "arguments": {} });
    body["_meta"] = meta(&json!({}));
    for (name, value) in more {
        body["_meta"][*name] = json!(value);
    }
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": body });
    let url = format!("{}/mcp", server.url);
    let request = caller.http.post(url).json(&message).header("mcp-protocol-version", NEW);
    let request = request.header("mcp-method", "tools/call").header("mcp-name", "Nap");
    request.header("accept", "application/json, text/event-stream")
}

/// Hangs up once the run is there, which is how a client of HTTP cancels, and says how the run ended.
async fn hang_up(caller: &Caller, server: &Server, more: &[(&str, &str)]) -> Json {
    let mut hung_up = nap(caller, server, more).send();
    let running = json!({ "name": "run_list", "arguments": { "status": "running" } });
    let run = loop {
        tokio::select! {
            answer = &mut hung_up => panic!("{answer:?}"),
            listed = caller.ask(server, "tools/call", running.clone()) => {
                if let Some(run) = listed["structuredContent"]["runs"][0]["run_id"].as_str() {
                    break run.to_owned();
                }
            }
        }
    };
    drop(hung_up);
    let show = json!({ "name": "run_show", "arguments": { "run_id": run, "wait_ms": 10_000 } });
    caller.ask(server, "tools/call", show).await["structuredContent"]["status"].clone()
}
