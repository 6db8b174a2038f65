//! Waiting for runs from the shell: until the end, for a while, until Control-C; with events on the way.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use serde_json::Value as Json;

use crate::support::{Project, Ran, Server, command};

/// One that ends at once, one that waits for a message, one that fails.
const WORKFLOWS: &str = r#"
workflow Quick(n: int = 1) -> (int):
    close complete(n + 1)

workflow Patient() -> (any):
    signal Go(word: string):
        ...
    await signal Go
    close complete("done")

workflow Broken() -> (any):
    raise Sad("it is so")
"#;

fn project() -> Project {
    Project::with(&[("workflows/all.twf", WORKFLOWS)])
}

/// The run that an error in JSON is about.
fn run_of(ran: &Ran) -> String {
    let error: Json = serde_json::from_str(ran.stderr().lines().last().unwrap_or_default()).unwrap();
    error["error"]["run_id"].as_str().unwrap_or_else(|| panic!("{error}")).to_owned()
}

#[test]
fn the_wait_ends_and_the_run_goes_on() {
    let project = project();
    let _server: Server = project.serve();
    let line = ["run", "Patient", "--timeout", "200ms", "--format", "json"];
    let ran = project.nexus(&line);
    ran.refused(6, "NX-2702", "a wait that is over");
    let run = run_of(&ran);
    let shown = project.nexus(&["run", "show", &run, "--format", "json"]).ok().json();
    assert_eq!(shown["status"], "running");
    let text = project.nexus(&["run", "Patient", "--timeout", "10ms"]).stderr();
    assert!(text.contains("Patient goes on as run_") && text.contains("nexus run watch run_"), "{text}");
    project.nexus(&["run", "Patient", "--timeout", "soon"]).refused(2, "write it like 30s", "a wrong length");
}

#[test]
fn without_a_server_the_run_stands_still_and_goes_on_later() {
    let project = project();
    let ran = project.nexus(&["run", "Patient", "--timeout", "200ms", "--format", "json"]);
    ran.refused(6, "stands still", "embedded");
    let run = run_of(&ran);
    let _server = project.serve();
    project.nexus(&["run", "signal", &run, "Go", "--input", "{\"word\": \"go\"}"]).ok();
    let shown = project.nexus(&["run", "show", &run, "--wait", "20", "--format", "json"]).ok().json();
    assert_eq!(shown["result"], "done");
}

#[test]
fn control_c_stops_the_wait_and_not_the_run() {
    let project = project();
    let _server = project.serve();
    let mut process = command(project.path())
        .args(["run", "Patient", "--follow", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(process.stderr.take().unwrap());
    // The first event was told, so the process waits.
    let mut first = String::new();
    told.read_line(&mut first).unwrap();
    assert_eq!(serde_json::from_str::<Json>(&first).unwrap()["id"], 1, "{first}");
    let asked = Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap();
    assert!(asked.success());
    let mut rest = String::new();
    told.read_to_string(&mut rest).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(6), "{rest}");
    let error: Json = serde_json::from_str(rest.lines().last().unwrap()).unwrap();
    assert_eq!(error["error"]["code"], "NX-2703");
    let run = error["error"]["run_id"].as_str().unwrap();
    let shown = project.nexus(&["run", "show", run, "--format", "json"]).ok().json();
    assert_eq!(shown["status"], "running");
}

#[test]
fn events_are_told_beside_the_result() {
    let project = project();
    let ran = project.nexus(&["run", "Quick", "--follow", "--n", "4"]).ok();
    assert_eq!(ran.stdout().trim(), "5");
    let told = ran.stderr();
    assert!(
        told.contains("WorkflowExecutionStarted") && told.contains("WorkflowExecutionCompleted"),
        "{told}"
    );
    assert!(!told.contains('\u{1b}'), "no terminal, no colours and no progress: {told}");
    let quiet = project.nexus(&["run", "Quick", "--wait", "--format", "json"]).ok();
    assert_eq!((quiet.stdout().trim().to_owned(), quiet.json()), ("2".to_owned(), 2.into()));
}

#[test]
fn a_reader_that_goes_away_ends_the_output_in_silence() {
    let project = project();
    let _server = project.serve();
    project.nexus(&["event", "publish", "a.b"]).ok();
    let mut tail = command(project.path())
        .args(["event", "tail", "--from", "0", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(tail.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.contains("a.b"), "{first}");
    // Nobody reads any more: one of the next events tells it so.
    let ended = (0..50).find_map(|_| {
        project.nexus(&["event", "publish", "c.d"]).ok();
        tail.try_wait().unwrap()
    });
    assert_eq!(ended.and_then(|status| status.code()), Some(0));
    let mut told = String::new();
    tail.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(told, "");
}
