//! `nexus shell` from a pipe, sessions, `nexus bench`, and the short forms that run nothing.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::json;

use crate::support::{Project, Ran, command};

const WORKFLOWS: &str = r"
# Adds.
workflow Add(a: int, b: int = 1) -> (int):
    close complete(a + b)

workflow Sad(why: string) -> (any):
    raise Sadness(why)
";

const CONFIG: &str = r#"
[workflows.Add]
examples = [{ title = "two numbers", input = { a = 1, b = 2 }, output = 3 }]

[workflows.Sad]
deprecated = "be glad"
"#;

fn project() -> Project {
    Project::with(&[("workflows/all.twf", WORKFLOWS), ("nexus.toml", CONFIG)])
}

/// A shell that is piped these lines.
fn shell(project: &Project, args: &[&str], lines: &str) -> Ran {
    let mut process = command(project.path())
        .arg("shell")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    process.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    Ran::of(process.wait_with_output().unwrap(), project)
}

#[test]
fn a_script_runs_line_by_line_and_ends_at_what_fails() {
    let project = project();
    let _server = project.serve();
    let ran =
        shell(&project, &[], "# sums\nrun Add --a 1\n\nrun Add --a 2 --b '3'\nexit\nrun Add --a 9\n").ok();
    assert_eq!(ran.stdout(), "2\n5\n");
    let ran = shell(&project, &[], "run Add --a 1\nrun Sad --why rain\nrun Add --a 2\n");
    ran.refused(1, "line 2 failed: run Sad --why rain", "a run that fails");
    assert_eq!(ran.stdout(), "2\n");
    let going = shell(
        &project,
        &["--keep-going"],
        "run Nowhere --x 1\nrun Sad --why rain\nrun Add --a 2\nrun Add --a\n",
    );
    going.refused(4, "line 1 failed", "the code of the first");
    assert_eq!(going.stdout(), "3\n");
    shell(&project, &[], "run Add 'a").refused(2, "NX-2707", "a quote that is not closed");
    shell(&project, &[], "run Add --aa 1").refused(2, "a similar argument exists: '--a'", "a mistyped flag");
    let json = shell(&project, &["--format", "json"], "run list --limit 1\n").ok().json();
    assert_eq!(json["runs"].as_array().map(Vec::len), Some(1));
}

#[test]
fn sessions_are_kept_between_commands() {
    let project = project();
    let _server = project.serve();
    let id =
        project.nexus(&["session", "create", "--state", r#"{"cart": 1}"#]).ok().stdout().trim().to_owned();
    assert!(id.starts_with("ses_"), "{id}");
    project.nexus(&["session", "set", "cart=2", "name=Ada", "--session", &id]).ok();
    let shown = project.nexus(&["session", "show", &id, "--format", "json"]).ok().json();
    assert_eq!(shown["state"], json!({ "cart": 2, "name": "Ada" }));
    project
        .nexus(&["session", "set", "cart=3", "--at-version", "1", "--id", &id])
        .refused(2, "NX-2402", "changed");
    assert_eq!(
        shell(&project, &["--session", &id, "--format", "json"], "session show").ok().json()["session_id"],
        id
    );
    project.nexus(&["session", "delete", &id]).ok();
    project.nexus(&["session", "show", &id]).refused(4, "NX-2401", "ended");
    project.nexus(&["session", "show"]).refused(4, "names no session", "none");
}

#[test]
fn runs_are_measured() {
    let project = project();
    let line = ["bench", "Add", "--a", "1", "--count", "30", "--concurrency", "3", "--format", "json"];
    for served in [false, true] {
        let _server = served.then(|| project.serve());
        let told = project.nexus(&line).ok().json();
        assert_eq!((&told["runs"], &told["failures"]), (&json!(30), &json!({})), "{told}");
        assert_eq!(told["through"], if served { "server" } else { "this process" });
        let latency = |name: &str| told["latency_us"][name].as_u64().unwrap();
        assert!(
            latency("p50") > 0 && latency("p50") <= latency("p99") && latency("p99") <= latency("max"),
            "{told}"
        );
    }
    let listed = project.nexus(&["run", "count", "--format", "json"]).ok().json();
    assert_eq!(listed["count"], 60, "they were real runs: {listed}");
    let failing = project.nexus(&["bench", "Sad", "--why", "rain", "--count", "5", "--format", "json"]);
    failing.refused(1, "NX-3001", "each one failed");
    assert_eq!(failing.json()["failures"], json!({ "NX-3001": 5 }));
    let table = project.nexus(&["bench", "Add", "--a", "1", "--count", "4", "--rate", "1000"]).ok().stdout();
    assert!(table.contains("latency p99") && table.contains(" ms"), "{table}");
    project.nexus(&["bench", "Add", "--a", "1", "--rate", "0"]).refused(2, "a number above 0", "no rate");
}

#[test]
fn what_can_be_run_is_told_without_running_it() {
    let project = project();
    insta::assert_snapshot!("list", project.nexus(&["list"]).ok().stdout());
    insta::assert_snapshot!("describe", project.nexus(&["describe", "Add"]).ok().stdout());
    let schema = project.nexus(&["schema", "Add", "--of", "input"]).ok().json();
    assert_eq!(schema["required"], json!(["a"]));
    assert!(project.nexus(&["schema", "run.list"]).ok().json()["input"]["properties"]["limit"].is_object());
    assert_eq!(project.nexus(&["validate", "Add", "--a", "1"]).ok().json(), json!({ "a": 1 }));
    project.nexus(&["validate", "Add", "--b", "1"]).refused(2, "--a: is required", "a field that is missing");
    project.nexus(&["validate", "Add", "--json", r#"{"a": "x"}"#]).refused(2, "/a: is a string", "JSON");
    project.nexus(&["describe", "Ad"]).refused(4, "did you mean \"Add\"?", "mistyped");
    assert!(!project.path().join(".nexus").exists(), "nothing was run");
    let help = project.nexus(&["run", "Sad", "--help"]).ok().stdout();
    assert!(help.starts_with("Deprecated: be glad"), "{help}");
    let help = project.nexus(&["run", "Add", "--help"]).ok().stdout();
    assert!(help.contains("two numbers:\n  $ nexus run Add --a 1 --b 2"), "{help}");
}
