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
fn a_version_ramps_from_the_shell() {
    let project = Project::with(&[("workflows/tell.twf", &program(1))]);
    let server = served(&project);
    let refused = project.nexus(&["workflow", "ramp", "2", "--percentage", "25"]);
    assert!(refused.code() == 2 && refused.stderr().contains("NX-2055"), "{}", refused.stderr());
    project.nexus(&["workflow", "rollback"]).ok();
    let refused = project.nexus(&["workflow", "ramp", "2", "--percentage", "125"]);
    assert!(refused.code() == 2 && refused.stderr().contains("100"), "{}", refused.stderr());
    let told = project.nexus(&["workflow", "ramp", "2", "--percentage", "100"]).ok().stderr();
    assert!(told.contains("100 % of workflow ids get version 2, the others version 1"), "{told}");
    let listed = project.nexus(&["workflow", "versions"]).ok().stdout();
    assert!(listed.contains("ramping, 100 %") && listed.contains("current"), "{listed}");
    start(&project, "ramped");
    assert_eq!(end(&project, "ramped"), 2);
    project.write("workflows/tell.twf", &program(3));
    wait_for_log(&project, "reloaded", 2);
    let log = server_log(project.path());
    assert!(
        log.contains("the files are version 3; new runs get version 1, and 100 % of workflow ids version 2, until another"),
        "{log}"
    );
    let told = project.nexus(&["workflow", "rollback"]).ok().stderr();
    assert!(told.contains("new runs get version 1") && told.contains("none version 2 any more"), "{told}");
    start(&project, "back");
    assert_eq!(end(&project, "back"), 1);
    drop(server);
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

/// Workflows in flight, in a namespace whose runs keep their version or not.
fn calling(parameters: &str, versioning: &str) -> String {
    format!(
        "workflow Tell(n: int) -> (any):\n    signal Go():\n        pass\n    await signal Go\n    \
         activity Echo(n, 2) -> told\n    workflow Late(told) -> late\n    return late\n\n\
         workflow Late(told: any) -> (any):\n    return told\n\nactivity Echo({parameters}) -> (any):\n    ...\n\n\
         worker All:\n    workflow Tell\n    workflow Late\n    activity Echo\n\n\
         namespace default:\n    worker All\n        options:\n            task_queue: \"default\"\n            \
         versioning: {versioning}\n"
    )
}

const ECHO: &str = "export function Echo(input) { return input; }\n";

#[test]
fn files_are_edited_in_hostile_ways_under_open_runs() {
    let first = calling("a: int, b: int", "build_id");
    let project = Project::with(&[("workflows/tell.twf", &first), ("activities/echo.js", ECHO)]);
    let server = project.serve();
    let edits = [
        Some(calling("count: int, other: int", "build_id")),
        Some("workflow Other(n: string) -> (string):\n    return n\n".to_owned()),
        Some(String::new()),
        None,
    ];
    for (at, edit) in edits.iter().enumerate() {
        project.write("workflows/tell.twf", &first);
        wait_for_log(&project, "reloaded", 2 * at);
        let id = format!("run-{at}");
        start(&project, &id);
        match edit {
            Some(text) => project.write("workflows/tell.twf", text),
            None => std::fs::remove_file(project.path().join("workflows/tell.twf")).unwrap(),
        }
        wait_for_log(&project, "reloaded", 2 * at + 1);
        assert_eq!(end(&project, &id), json!({ "a": 1, "b": 2 }), "edit {at}");
    }
    drop(server);
}

#[test]
fn runs_without_versioning_follow_changed_files_and_say_when_they_cannot() {
    let first = calling("a: int, b: int", "none");
    let project = Project::with(&[("workflows/tell.twf", &first), ("activities/echo.js", ECHO)]);
    let server = project.serve();
    start(&project, "first");
    let longer = first.replacen("    await signal Go\n", "    await timer(1h)\n    await signal Go\n", 1);
    project.write("candidate/workflows/tell.twf", &longer);
    let checked = project.nexus(&["check", "candidate", "--runs", "--server", &server.url]).ok().stdout();
    assert!(checked.contains("1 open runs: 0 could go on with these files, 1 could not"), "{checked}");
    assert!(checked.contains("event 3"), "{checked}");
    project.write("workflows/tell.twf", &longer);
    wait_for_log(&project, "open runs: 0 follow, 1 keep their version", 1);
    let stayed =
        project.nexus(&["run", "list", "--filter", "TemporalReportedProblems IS NOT NULL"]).ok().stdout();
    assert!(stayed.contains("first"), "{stayed}");
    let listed = project.nexus(&["run", "list", "--format", "json"]).ok().json();
    let run = listed["runs"][0]["run_id"].as_str().unwrap();
    let shown = project.nexus(&["run", "show", run]).ok().stdout();
    assert!(shown.contains("not version 2: Nondeterminism"), "{shown}");
    let refused = project.nexus(&["run", "upgrade", "first", "--to", "2"]);
    assert!(refused.code() == 1 && refused.stderr().contains("NX-2054"), "{}", refused.stderr());
    project.write("workflows/tell.twf", &calling("count: int, other: int", "none"));
    wait_for_log(&project, "open runs: 1 follow, 0 keep their version", 1);
    assert_eq!(end(&project, "first"), json!({ "count": 1, "other": 2 }));
}
