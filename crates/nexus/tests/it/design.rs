//! `nexus graph`, `parse`, `symbols` and the public envelope, through the real binary.

use crate::support::Project;

const DESIGN: &str = "\
workflow Hello(name: string) -> (string):
    activity Greet(name) -> text
    close complete(text)

activity Greet(name: string) -> (string):
    ...

activity Spare():
    ...
";

const WORKER: &str = "\
worker w:
    workflow Hello
    activity Greet

namespace n:
    worker w
        options:
            task_queue: \"q\"
";

fn design() -> Project {
    Project::with(&[("workflows/hello.twf", DESIGN), ("workflows/deploy.twf", WORKER)])
}

#[test]
fn a_project_is_one_graph_in_every_format() {
    let project = design();
    let text = project.nexus(&["graph"]).ok().stdout();
    assert!(text.contains("namespace n\n└─ worker w  (queue q)\n   ├─ workflow Hello"), "{text}");
    assert!(text.contains("workflows/hello.twf:2"), "{text}");
    assert!(project.nexus(&["graph", "--format", "dot"]).ok().stdout().starts_with("digraph"));
    assert!(project.nexus(&["graph", "--format", "mermaid"]).ok().stdout().starts_with("flowchart LR"));
    let json = project.nexus(&["graph", "--format", "json"]).ok().json();
    assert_eq!(json["version"], 1);
    assert_eq!(json["nodes"][0]["id"], "activity:Greet/worker:w/namespace:n");
    let public = project.nexus(&["graph", "--format", "twf-json"]).ok().json();
    assert_eq!(public["summary"]["workflows"], 1);
    assert_eq!(public["graph"]["summary"]["nodes"], 5);
    assert_eq!(public["graph"]["nodes"][0]["definition"], "activity:Greet");
}

#[test]
fn files_and_folders_may_be_named_and_count_once() {
    let project = design();
    let args = ["workflows/hello.twf", "workflows/deploy.twf", "workflows", "."];
    for paths in [&args[..2], &args[2..3], &args[3..], &args[..]] {
        let line = [&["graph", "--format", "json"][..], paths].concat();
        let json = project.nexus(&line).ok().json();
        assert_eq!(json["nodes"].as_array().unwrap().len(), 5, "{paths:?}");
    }
    let alone = project.nexus(&["graph", "workflows/hello.twf", "--format", "json"]).ok().json();
    assert_eq!(alone["nodes"][0]["id"], "activity:Greet/orphan");
}

#[test]
fn questions_are_answered_by_list_and_json() {
    let project = design();
    let callers = project.nexus(&["graph", "--callers", "Greet"]).ok().stdout();
    assert!(callers.contains("workflow Hello") && callers.contains("workflows/hello.twf:2:5"), "{callers}");
    let calls = project.nexus(&["graph", "--calls", "Hello", "--format", "json"]).ok().json();
    assert_eq!(calls["results"][0]["name"], "Greet");
    let unused = project.nexus(&["graph", "--unused", "--format", "json"]).ok().json();
    assert_eq!(unused["results"][0]["name"], "Spare");
    let missed = project.nexus(&["graph", "--unreachable"]).ok().stdout();
    assert!(missed.contains("activity Spare") && !missed.contains("Greet"), "{missed}");
    let focus = project.nexus(&["graph", "--focus", "Greet", "--depth", "0"]).ok().stdout();
    assert!(!focus.contains("Hello"), "{focus}");
}

#[test]
fn wrong_names_formats_and_paths_are_told() {
    let project = design();
    let ran = project.nexus(&["graph", "--callers", "Gret"]);
    assert_eq!(ran.code(), 4, "{}", ran.stderr());
    assert!(ran.stderr().contains("did you mean `Greet`?"), "{}", ran.stderr());
    assert_eq!(project.nexus(&["graph", "--unused", "--format", "dot"]).code(), 2);
    assert_eq!(project.nexus(&["run", "list", "--format", "mermaid"]).code(), 2);
    assert_eq!(project.nexus(&["graph", "nowhere.twf"]).code(), 4);
    assert_eq!(project.nexus(&["graph", "--callers", "A", "--unused"]).code(), 2);
    assert_eq!(Project::empty().nexus(&["graph"]).code(), 4);
}

#[test]
fn trees_and_symbols_are_shown() {
    let project = design();
    let tree = project.nexus(&["parse", "--format", "json"]).ok().json();
    assert_eq!(tree["version"], 1);
    let body = &tree["files"][1]["definitions"][0]["body"];
    assert_eq!(body[0]["call"]["callee"]["name"]["name"], "Greet");
    assert_eq!(body[0]["at"], serde_json::json!([2, 5, 2, 33]));
    assert!(project.nexus(&["parse"]).ok().stdout().contains("activity Greet(name) -> text"));
    let public = project.nexus(&["parse", "--format", "twf-json"]).ok().json();
    assert_eq!(public["definitions"][2]["body"][0]["resolved"]["line"], 5);
    let listed = project.nexus(&["symbols"]).ok().stdout();
    assert!(listed.contains("(name: string) -> (string)"), "{listed}");
    let listed = project.nexus(&["symbols", "--format", "json"]).ok().json();
    assert_eq!(listed["symbols"][2]["name"], "Hello");
    let listed = project.nexus(&["symbols", "--format", "twf-json"]).ok().json();
    assert_eq!(listed["symbols"][2]["params"], "name: string");
}

#[test]
fn broken_files_are_shown_as_far_as_they_can_be_read() {
    let project = design();
    project.write("workflows/hello.twf", &DESIGN.replace("close complete(text)", "close complete(text"));
    assert_eq!(project.nexus(&["graph"]).code(), 0);
    assert_eq!(project.nexus(&["symbols"]).code(), 0);
    let ran = project.nexus(&["parse", "--format", "json"]);
    assert_eq!(ran.code(), 2, "{}", ran.stderr());
    assert_eq!(ran.json()["files"][1]["definitions"][0]["name"], "Hello");
    assert_eq!(project.nexus(&["parse", "--format", "twf-json"]).code(), 0);
    assert_eq!(project.nexus(&["check"]).code(), 2);
    let ran = project.nexus(&["check", "--format", "twf-json"]);
    assert_eq!(ran.code(), 1);
    let found = ran.json();
    assert!(found["summary"]["errors"].as_u64().unwrap() > 0);
    let all = found["diagnostics"].as_array().unwrap();
    let first = all.iter().find(|it| it["code"] == "LEX").unwrap();
    assert_eq!(first["kind"], "parse");
    assert_eq!(first["file"], "workflows/hello.twf");
    assert_eq!(first["start"]["line"], 3);
}
