//! Versions through the real binary: files change on the disk while runs are open.

use serde_json::{Value as Json, json};

use crate::support::{Project, Server, server_log};

fn program(version: u32) -> String {
    format!(
        "workflow Tell(n: int) -> (int):\n    signal Go():\n        pass\n    await signal Go\n    return {version}\n"
    )
}

/// Waits for the server to write a line once more than it has, which it does twice a second at the latest.
fn wait_for_log(project: &Project, line: &str, times: usize) {
    while server_log(project.path()).matches(line).count() < times {
        std::thread::yield_now();
    }
}

fn start(project: &Project, id: &str) {
    project.nexus(&["run", "Tell", "--input", "n=1", "--id", id, "--async"]).ok();
}

/// Lets a run go on, and gives its result.
fn end(project: &Project, id: &str) -> Json {
    project.nexus(&["run", "signal", id, "Go"]).ok();
    let found =
        project.nexus(&["run", "list", "--filter", &format!("WorkflowId = '{id}'"), "--format", "json"]);
    let run = found.ok().json()["runs"][0]["run_id"].as_str().unwrap().to_owned();
    project.nexus(&["run", "show", &run, "--wait", "10", "--format", "json"]).ok().json()["result"].clone()
}

fn current(project: &Project) -> Json {
    let versions = project.nexus(&["workflow", "versions", "Tell", "--format", "json"]).ok().json();
    let versions = versions["versions"].as_array().unwrap().clone();
    versions.into_iter().find(|version| version["current"] == true).unwrap()
}

/// A server with a second version, whose file has changed while it runs.
fn served(project: &Project) -> Server {
    let server = project.serve();
    start(project, "first");
    project.write("workflows/tell.twf", &program(2));
    wait_for_log(project, "reloaded", 1);
    server
}

#[test]
fn versions_are_listed_promoted_and_rolled_back_from_the_shell() {
    let project = Project::with(&[("workflows/tell.twf", &program(1))]);
    let server = served(&project);
    let listed = project.nexus(&["workflow", "versions"]).ok().stdout();
    assert!(listed.contains("~workflows/tell.twf") && listed.contains("+workflows/tell.twf"), "{listed}");
    assert_eq!((&current(&project)["version"], &current(&project)["open_runs"]), (&json!(2), &json!(0)));
    let told = project.nexus(&["workflow", "rollback"]).ok().stderr();
    assert!(told.contains("new runs get version 1") && told.contains("instead of version 2"), "{told}");
    start(&project, "second");
    assert_eq!((end(&project, "first"), end(&project, "second")), (json!(1), json!(1)));
    let by_version = project.nexus(&["run", "list", "--of-version", "1", "--format", "json"]).ok().json();
    assert_eq!(by_version["runs"].as_array().unwrap().len(), 2);
    server.kill();
    // Unchanged files keep the rollback over a restart; changed ones end it.
    let server = project.serve();
    assert_eq!(current(&project)["version"], 1);
    assert!(server_log(project.path()).contains("the files are version 2; new runs get version 1"));
    project.write("workflows/tell.twf", &program(3));
    wait_for_log(&project, "reloaded", 2);
    assert_eq!(current(&project)["version"], 3);
    let refused = project.nexus(&["workflow", "promote", "99"]);
    assert!(refused.code() == 4 && refused.stderr().contains("NX-2051"), "{}", refused.stderr());
    drop(server);
    // Without a server the same list is read, and nothing is written by looking.
    project.write("workflows/tell.twf", &program(4));
    assert_eq!(current(&project)["version"], 3);
}

#[test]
fn files_with_errors_are_no_version() {
    let project = Project::with(&[("workflows/tell.twf", &program(1))]);
    let _server = served(&project);
    project.write("workflows/tell.twf", "workflow Tell(");
    wait_for_log(&project, "serving what was served before", 1);
    assert_eq!(current(&project)["version"], 2);
    start(&project, "third");
    assert_eq!((end(&project, "first"), end(&project, "third")), (json!(1), json!(2)));
}
