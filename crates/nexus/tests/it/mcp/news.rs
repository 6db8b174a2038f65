//! News: lists that change with the project, resources that are followed, prompts and proposals.

use serde_json::{Value as Json, json};

use super::agent::{Agent, OLD};
use super::project::project;

/// The text of a resource, as JSON.
fn read(agent: &mut Agent, uri: &str) -> Json {
    let answer = agent.request("resources/read", json!({ "uri": uri }));
    let text = answer["result"]["contents"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"));
    serde_json::from_str(text).unwrap()
}

#[test]
fn workflows_runs_and_events_are_documents() {
    let project = project();
    let mut agent = Agent::old(&project, OLD[3], &json!({}));
    agent.call("Add", &json!({ "a": 1, "b": 2 }));
    let listed = agent.request("resources/list", json!({}))["result"]["resources"].clone();
    let uris: Vec<_> = listed.as_array().unwrap().iter().map(|it| it["uri"].as_str().unwrap()).collect();
    assert!(uris.contains(&"nexus://workflows/default/Add") && uris.contains(&"nexus://events/default"));
    let run = uris.iter().find(|uri| uri.starts_with("nexus://runs/")).unwrap();
    let workflow = read(&mut agent, "nexus://workflows/default/Add");
    assert_eq!(workflow["defined_at"], "workflows/a.twf:2:1", "{workflow}");
    assert_eq!(read(&mut agent, run)["result"], 3);
    let history = read(&mut agent, &format!("{run}/history"));
    assert_eq!(history["events"][0]["id"], 1, "{history}");
    assert_eq!(read(&mut agent, "nexus://events/default")["events"], json!([]));
    let templates =
        agent.request("resources/templates/list", json!({}))["result"]["resourceTemplates"].clone();
    assert_eq!(templates.as_array().unwrap().len(), 4);
    let cursor = agent.request("resources/list", json!({ "cursor": "elsewhere" }));
    assert_eq!(cursor["error"]["code"], -32602, "{cursor}");
}

#[test]
fn an_older_client_follows_a_run() {
    let project = project();
    let mut agent = Agent::old(&project, OLD[2], &json!({}));
    let begun = agent.begin("tools/call", json!({ "name": "Nap", "_meta": { "progressToken": 7 } }));
    agent.heard("notifications/progress");
    let listed = agent.request("tools/call", json!({ "name": "run_list" }));
    let run = listed["result"]["structuredContent"]["runs"][0]["run_id"].as_str().unwrap().to_owned();
    let uri = format!("nexus://runs/{run}");
    assert!(agent.request("resources/subscribe", json!({ "uri": uri }))["error"].is_null());
    let changed = agent.heard("notifications/resources/updated");
    assert_eq!(changed["params"]["uri"], uri.as_str());
    agent.end(begun);
    assert!(agent.request("resources/unsubscribe", json!({ "uri": uri }))["error"].is_null());
    let unknown = agent.request("resources/subscribe", json!({ "uri": "nexus://nothing" }));
    assert_eq!(unknown["error"]["code"], -32002);
}

#[test]
fn a_newer_client_listens_to_what_it_asked_for() {
    let project = project();
    let mut agent = Agent::new(&project, &json!({}));
    let wanted = json!({
        "toolsListChanged": true, "promptsListChanged": true, "resourceSubscriptions": ["nexus://events/default"],
    });
    let stream = agent.begin("subscriptions/listen", json!({ "notifications": wanted }));
    let accepted = agent.heard("notifications/subscriptions/acknowledged");
    assert_eq!(accepted["params"]["notifications"], wanted, "{accepted}");
    // What was published before the first look is no news, so it is said until it is heard.
    project.write("workflows/b.twf", "workflow New() -> (int):\n    return 1\n");
    let news = agent.heard("notifications/tools/list_changed");
    let id = &news["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"];
    assert_eq!(*id, json!(stream), "{news}");
    project.write("prompts/second.md", "Say hello.\n");
    agent.heard("notifications/prompts/list_changed");
    let prompts = agent.request("prompts/list", json!({}))["result"]["prompts"].clone();
    assert_eq!(prompts.as_array().unwrap().len(), 2, "{prompts}");
    assert_eq!(agent.close(), 0);
}

#[test]
fn prompts_are_filled_and_proposals_made() {
    let project = project();
    let mut agent = Agent::old(&project, OLD[3], &json!({}));
    agent.call("Add", &json!({ "a": 1, "b": 2 }));
    let prompts = agent.request("prompts/list", json!({}))["result"]["prompts"].clone();
    assert_eq!(
        (&prompts[0]["name"], &prompts[0]["arguments"][0]["required"]),
        (&json!("review"), &json!(true))
    );
    let filled = agent.request("prompts/get", json!({ "name": "review", "arguments": { "order": "o-1" } }));
    assert_eq!(filled["result"]["messages"][0]["content"]["text"], "Look at o-1.\n");
    for (arguments, message) in [
        (json!({}), "the prompt review needs the argument \"order\"; /order: the order's id"),
        (json!({ "odrer": "1" }), "the prompt review has no argument \"odrer\"; /odrer: is not known"),
    ] {
        let refused = agent.request("prompts/get", json!({ "name": "review", "arguments": arguments }));
        assert_eq!(
            (&refused["error"]["code"], &refused["error"]["message"]),
            (&json!(-32602), &json!(message))
        );
    }
    for (reference, argument, typed, expected) in [
        (json!({ "type": "ref/prompt", "name": "review" }), "order", "2", json!(["o-2"])),
        (resource("nexus://workflows/{namespace}/{name}"), "name", "a", json!(["Add", "Fail", "Nap"])),
        (resource("nexus://workflows/{namespace}/{name}"), "namespace", "", json!(["default"])),
    ] {
        let argument = json!({ "name": argument, "value": typed });
        let found = agent.request("completion/complete", json!({ "ref": reference, "argument": argument }));
        assert_eq!(found["result"]["completion"]["values"], expected, "{found}");
    }
    let argument = json!({ "name": "id", "value": "run_" });
    let runs = agent.request(
        "completion/complete",
        json!({ "ref": resource("nexus://runs/{id}"), "argument": argument }),
    );
    assert_eq!(runs["result"]["completion"]["total"], 1, "{runs}");
}

fn resource(uri: &str) -> Json {
    json!({ "type": "ref/resource", "uri": uri })
}

#[test]
fn a_prompt_that_cannot_be_used_is_found_before_anything_runs() {
    let project = project();
    project.write("prompts/bad.md", "---\narguments: [{ name: order }]\n---\nLook at {{odrer}}.\n");
    let ran = project.nexus(&["check"]);
    ran.refused(2, "error[PROMPT]: nothing is called odrer", "a prompt");
    ran.refused(2, "prompts/bad.md:4:9", "a prompt");
    project.write("prompts/bad.md", "Say hello.\n");
    project.write("nexus.toml", "[mcp.servers.a]\ntools = [\"Ad\"]\n");
    project.nexus(&["mcp", "list"]).refused(2, "did you mean \"Add\"?", "a subset");
}
