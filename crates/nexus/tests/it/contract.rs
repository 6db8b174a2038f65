//! What `nexus.toml` says of workflows: paths, examples, keywords of fields; and runs followed over HTTP.

use serde_json::{Value as Json, json};

use crate::events::Stream;
use crate::support::{Project, http};

const PROGRAM: &str = "\
# Looks an order up.
workflow Find(id: int, note: string?) -> (any):
    close complete({\"id\": id, \"note\": note})

workflow Wait(id: int) -> (int):
    signal Go():
        done = 1
    await signal Go
    close complete(id)
";

const CONTRACT: &str = "\
[workflows.Find]
title = \"Find an order\"
tags = [\"orders\"]
deprecated = \"use Search\"
http = [\"GET /orders/{id}\", { route = \"POST /find\", header = { X-Note = \"note\" } }]
fields.id = { description = \"the order's number\", minimum = 1 }
examples = [{ title = \"the first\", input = { id = 1 }, output = { id = 1 } }]
";

#[tokio::test]
async fn a_workflow_has_paths_examples_and_rules_of_its_own() {
    let project = Project::with(&[("workflows/find.twf", PROGRAM), ("nexus.toml", CONTRACT)]);
    let server = project.serve();
    let get = async |path: &str| {
        let answer = http().get(format!("{}{path}", server.url)).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Json>().await.unwrap())
    };
    assert_eq!(get("/orders/7?note=x").await, (200, json!({ "id": 7, "note": "x" })));
    let (status, problem) = get("/orders/0").await;
    assert_eq!((status, &problem["faults"][0]["at"]), (422, &json!("/id")));
    let posted = http().post(format!("{}/find", server.url)).header("x-note", "y").json(&json!({ "id": 3 }));
    assert_eq!(posted.send().await.unwrap().json::<Json>().await.unwrap(), json!({ "id": 3, "note": "y" }));
    let (_, listed) = get("/v1/operations").await;
    let find = listed["operations"].as_array().unwrap().iter().find(|it| it["name"] == "Find").unwrap();
    assert_eq!(
        (&find["title"], &find["deprecated"], &find["http"][0], &find["examples"][0]["title"]),
        (&json!("Find an order"), &json!("use Search"), &json!("GET /orders/{id}"), &json!("the first"))
    );
    let (_, document) = get("/openapi.json").await;
    assert_eq!(document["paths"]["/orders/{id}"]["get"]["deprecated"], true);
    assert_eq!(document["paths"]["/orders/{id}"]["get"]["parameters"][1]["schema"]["minimum"], 1);
}

#[test]
fn a_contract_that_does_not_fit_is_refused_with_its_place() {
    for (config, words) in [
        ("[workflows.Fnd]\n", "[workflows.Fnd]: there is no workflow \"Fnd\""),
        ("[workflows.Find]\nhttp = [\"GET /orders/{no}\"]\n", "the workflow has no input field \"no\""),
        ("[workflows.Find]\nhttp = [\"GET orders\"]\n", "has no path"),
        ("[workflows.Find]\nfields.id = { minimun = 1 }\n", "did you mean \"minimum\"?"),
        ("[workflows.Find]\nfields.id = { minimum = \"x\" }\n", "the schema is not valid"),
        (
            "[workflows.Find]\nexamples = [{ input = { id = \"x\" } }]\n",
            "the input of example 1 does not fit",
        ),
        ("[workflows.Find]\nexample = []\n", "unknown field `example`"),
        (
            "[workflows.Find]\nhttp = [\"GET /a/{id}\"]\n[workflows.Wait]\nhttp = [\"GET /a/{id}\"]\n",
            "GET /a/{id} would call both",
        ),
    ] {
        let project = Project::with(&[("workflows/find.twf", PROGRAM), ("nexus.toml", config)]);
        let ran = project.nexus(&["run", "Find", "--input", "id=1"]);
        assert!(ran.code() == 2 && ran.stderr().contains(words), "{config}: {}", ran.stderr());
    }
}

#[test]
fn a_run_is_followed_to_its_end_and_the_stream_resumes() {
    let project = Project::with(&[("workflows/find.twf", PROGRAM)]);
    let server = project.serve();
    let args = ["run", "Wait", "--input", "id=5", "--id", "w-1", "--async"];
    project.nexus(&args).ok();
    let mut stream = Stream::open(&server, "/v1/runs/w-1/events", "");
    assert!(stream.until("id: 1\nevent: WorkflowExecutionStarted\n"), "{}", stream.text);
    project.nexus(&["run", "signal", "w-1", "Go"]).ok();
    assert!(stream.until("event: end\ndata: {"), "{}", stream.text);
    assert!(stream.until("\"status\":\"completed\""), "{}", stream.text);
    let mut resumed = Stream::open(&server, "/v1/runs/w-1/events", "last-event-id: 2\r\n");
    assert!(resumed.until("event: end"), "{}", resumed.text);
    assert!(!resumed.text.contains("WorkflowExecutionStarted"), "{}", resumed.text);
    let mut unknown = Stream::open(&server, "/v1/runs/w-9/events", "");
    assert!(unknown.until("NX-2003"), "{}", unknown.text);
}
