//! Events from the shell: published with and without a server, listed, followed, pruned as `nexus.toml` says.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::{Value as Json, json};

use crate::support::{Project, command};

fn project() -> Project {
    let program = "workflow Nothing() -> (int):\n    close complete(1)\n";
    Project::with(&[
        ("nexus.toml", "[events]\nretention = \"30d\"\n[namespaces.team.events]\nmax = 10\n"),
        ("workflows/nothing.twf", program),
    ])
}

fn json_of(project: &Project, args: &[&str]) -> Json {
    let args: Vec<&str> = ["event"].iter().chain(args).chain(&["--format", "json"]).copied().collect();
    project.nexus(&args).ok().json()
}

fn types(page: &Json) -> Vec<&str> {
    page["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[test]
fn events_are_published_listed_and_followed() {
    let project = project();
    let alone = json_of(&project, &["publish", "order.placed", "--id", "o-1", "--subject", "order-1"]);
    assert_eq!(alone["events"][0], json!({ "id": "o-1", "sequence": 1, "is_new": true }));

    let server = project.serve();
    let again = json_of(&project, &["publish", "order.placed", "--id", "o-1"]);
    assert_eq!(again["events"][0], json!({ "id": "o-1", "sequence": 1, "is_new": false }));
    let mut tail = command(project.path())
        .args(["event", "tail", "--from", "0", "--type", "order.*", "--format", "json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines().map(|line| line.unwrap());
    let first: Json = serde_json::from_str(&lines.next().unwrap()).unwrap();
    assert_eq!((&first["specversion"], &first["id"], &first["subject"]), (&json!("1.0"), &json!("o-1"), &json!("order-1")));
    json_of(&project, &["publish", "user.left"]);
    json_of(&project, &["publish", "order.paid", "--data", "{\"amount\": 5}"]);
    let second: Json = serde_json::from_str(&lines.next().unwrap()).unwrap();
    assert_eq!((&second["type"], &second["data"], &second["sequence"]), (&json!("order.paid"), &json!({ "amount": 5 }), &json!(3)));
    tail.kill().unwrap();
    tail.wait().unwrap();

    let page = json_of(&project, &["list", "--limit", "2"]);
    assert_eq!((types(&page), &page["next"], &page["last"]), (vec!["order.placed", "user.left"], &json!(2), &json!(3)));
    assert_eq!(types(&json_of(&project, &["list", "--after", "2"])), ["order.paid"]);
    assert_eq!(types(&json_of(&project, &["list", "--namespace", "team"])), [""; 0]);
    let table = project.nexus(&["event", "list", "--limit", "1"]).ok();
    assert!(table.stdout().contains("order.placed") && table.stderr().contains("more: --after 1"), "{}", table.stdout());
    drop(server);

    // What was published is there without a server, too.
    assert_eq!(types(&json_of(&project, &["list", "--type", "user.*"])), ["user.left"]);
    assert_eq!(json_of(&project, &["show", "o-1"])["subject"], json!("order-1"));
    let examined = project.nexus(&["doctor"]).ok();
    assert!(examined.stdout().contains("3 events follow each other"), "{}", examined.stdout());
}

#[test]
fn what_is_wrong_is_told() {
    let project = project();
    for (args, code, words) in [
        (vec!["publish", "order paid"], 2, "NX-2301"),
        (vec!["publish", "nexus.mine"], 2, "only Nexus publishes"),
        (vec!["publish", "a", "--data", "{"], 2, "--data is no JSON"),
        (vec!["publish", "a", "--namespace", "-"], 2, "namespace"),
        (vec!["list", "--after", "9"], 2, "NX-2303"),
        (vec!["show", "none"], 4, "NX-2302"),
        (vec!["tail"], 5, "no server serves this project"),
    ] {
        let args: Vec<&str> = ["event"].iter().chain(&args).copied().collect();
        let ran = project.nexus(&args);
        assert!(ran.stderr().contains(words) && ran.code() == code, "{args:?}: {} {}", ran.code(), ran.stderr());
    }
}
