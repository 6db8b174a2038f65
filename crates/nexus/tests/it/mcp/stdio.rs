//! Standard input and output: a process of its own, and a bridge to a server.

use serde_json::json;

use super::agent::{Agent, NEW, OLD};
use super::project::project;

#[test]
fn every_older_revision_is_served_in_the_process() {
    for version in OLD {
        let project = project();
        let mut agent = Agent::old(&project, version, &json!({}));
        let tools = agent.request("tools/list", json!({}));
        let names: Vec<_> =
            tools["result"]["tools"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
        assert!(names.contains(&&json!("Add")) && names.contains(&&json!("run_result")), "{names:?}");
        assert_eq!(
            agent.call("Add", &json!({ "a": 1, "b": 2 }))["structuredContent"],
            json!({ "result": 3 })
        );
        let unknown = agent.request("resources/read", json!({ "uri": "nexus://workflows/default/Nothing" }));
        assert_eq!(unknown["error"]["code"], -32002, "{unknown}");
        assert!(agent.request("ping", json!({}))["result"].is_object());
        assert_eq!(agent.close(), 0);
    }
}

#[test]
fn the_newest_revision_needs_no_handshake() {
    let project = project();
    let mut agent = Agent::new(&project, &json!({}));
    let discovered = agent.request("server/discover", json!({}))["result"].clone();
    assert!(discovered["supportedVersions"].as_array().unwrap().contains(&json!(NEW)), "{discovered}");
    let listed = agent.request("tools/list", json!({}))["result"].clone();
    assert_eq!((&listed["resultType"], &listed["cacheScope"]), (&json!("complete"), &json!("private")));
    assert!(listed["ttlMs"].is_u64());
    assert_eq!(agent.call("Add", &json!({ "a": 1, "b": 2 }))["structuredContent"], json!({ "result": 3 }));
    let unknown = agent.request("resources/read", json!({ "uri": "nexus://workflows/default/Nothing" }));
    assert_eq!(unknown["error"]["code"], -32602, "{unknown}");
    assert_eq!(agent.request("ping", json!({}))["error"]["code"], -32601);
    assert_eq!(agent.close(), 0);
}

#[test]
fn a_run_of_a_closed_agent_is_found_by_the_next_one() {
    let project = project();
    let mut agent = Agent::new(&project, &json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } }));
    let task = agent.call("Consent", &json!({ "order": "o-1" }));
    assert_eq!(task["resultType"], "task", "{task}");
    agent.close();
    let mut agent = Agent::old(&project, OLD[3], &json!({}));
    let run = json!({ "run_id": task["taskId"], "name": "Approve", "input": { "by": "ann" } });
    agent.call("run_signal", &run);
    let result = agent.call("run_result", &json!({ "run_id": task["taskId"] }));
    assert_eq!(result["structuredContent"], json!({ "result": "approved by ann" }));
}

#[test]
fn a_bridge_passes_everything_both_ways() {
    let project = project();
    let server = project.serve();
    let mut agent = Agent::old(&project, OLD[3], &json!({ "elicitation": {} }));
    assert_eq!(agent.call("Add", &json!({ "a": 1, "b": 2 }))["structuredContent"], json!({ "result": 3 }));
    agent.answer = json!({ "action": "accept", "content": { "by": "ann" } });
    let consent = agent.call("Consent", &json!({ "order": "o-1" }));
    assert_eq!(consent["structuredContent"], json!({ "result": "approved by ann" }));
    assert_eq!(agent.asked[0]["method"], "elicitation/create");
    project.write("workflows/b.twf", "workflow New() -> (int):\n    return 1\n");
    agent.heard("notifications/tools/list_changed");
    assert_eq!(agent.call("New", &json!({}))["structuredContent"], json!({ "result": 1 }));
    // A server that was killed and is there again has lost the session, and the agent does not notice.
    let port = server.url.rsplit(':').next().unwrap().to_owned();
    server.kill();
    let server = project.serve_at(&port);
    assert_eq!(agent.call("Add", &json!({ "a": 2, "b": 2 }))["structuredContent"], json!({ "result": 4 }));
    drop(server);
    let dead = agent.request("tools/call", json!({ "name": "Add", "arguments": {} }));
    assert_eq!(dead["error"]["code"], -32603, "{dead}");
    assert_eq!(agent.close(), 0);
}

#[test]
fn a_bridge_speaks_the_newest_revision_too() {
    let project = project();
    let server = project.serve();
    let mut agent = Agent::start(&project, &["--server", &server.url, "--subset", "sums"]);
    agent.speak_newest(&json!({}));
    let listed = agent.request("tools/list", json!({}))["result"].clone();
    assert_eq!(listed["tools"].as_array().unwrap().len(), 2, "{listed}");
    assert_eq!(agent.call("Add", &json!({ "a": 1, "b": 2 }))["structuredContent"], json!({ "result": 3 }));
    let unknown = agent.request("tools/call", json!({ "name": "Nap" }));
    assert_eq!(unknown["error"]["code"], -32602, "{unknown}");
}

#[test]
fn what_is_not_mcp_is_told_on_standard_error() {
    let project = project();
    let ran = project.nexus(&["mcp", "stdio", "--subset", "smus"]);
    ran.refused(4, "did you mean \"sums\"?", "a subset");
    assert_eq!(ran.stdout(), "");
}
