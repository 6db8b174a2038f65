//! Examples as somebody finds them who has just copied one: checked, served, called through every door.

use serde_json::{Value as Json, json};

use crate::support::{Project, http, server_log};

const TEXT: &str = "to be or not to be";

#[tokio::test]
async fn the_component_is_served_as_it_was_checked_in() {
    let project = Project::example("component");
    project.nexus(&["check"]).ok();
    let alone = project.nexus(&["fn", "run", "CountWords", "--json", &json!(TEXT).to_string()]).ok();
    assert_eq!(alone.json(), json!({ "words": 6, "longest": "not" }));
    assert!(alone.stderr().contains("activities/words.wasm  ok"), "{}", alone.stderr());
    let of_file = ["fn", "run", "activities/words.wasm:RememberTotal", "--json", "5"];
    assert_eq!(project.nexus(&of_file).ok().json(), json!(5), "a store of its own, empty at first");
    assert!(project.nexus(&["fn", "list"]).ok().stdout().contains("RememberTotal"));
    project.nexus(&["test"]).ok();

    let server = project.serve();
    let url = format!("{}/v1/workflows/Words/runs?wait=30s", server.url);
    let run = || async {
        let answer = http().post(&url).json(&json!({ "text": TEXT })).send().await.unwrap();
        answer.json::<Json>().await.unwrap()["output"].clone()
    };
    assert_eq!(run().await, json!({ "words": 6, "longest": "not", "total": 6 }));
    let shell = project.nexus(&["run", "Words", "--input", "text=two words"]).ok().json();
    assert_eq!(shell, json!({ "words": 2, "longest": "words", "total": 8 }));

    // A component that cannot be read is told, and the one before goes on.
    let bytes = std::fs::read(project.path().join("activities/words.wasm")).unwrap();
    std::fs::write(project.path().join("activities/words.wasm"), &bytes[..bytes.len() / 2]).unwrap();
    let until_told = |what: &str| {
        while !server_log(project.path()).contains(what) {
            std::thread::yield_now();
        }
    };
    until_told("serving what was served before");
    let log = server_log(project.path());
    assert!(log.contains("NX-5061") && !log.contains("UNBOUND_ACTIVITY"), "{log}");
    assert_eq!(run().await["total"], json!(14));
    std::fs::write(project.path().join("activities/words.wasm"), bytes).unwrap();
    until_told("reloaded");
    assert_eq!(run().await["total"], json!(20));
}
