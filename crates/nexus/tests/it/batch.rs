//! Batches from the shell: started, followed, listed, refused at the place of an error.

use serde_json::json;

use crate::support::Project;

const PROGRAM: &str = "\
workflow Box(n: int) -> (int):
    state:
        condition full
    signal Put(x: int):
        last = x
        set full
    await full
    close complete(n)
";

#[test]
fn many_runs_are_signalled_and_what_is_wrong_is_told() {
    let project =
        Project::with(&[("nexus.toml", "[project]\nname = \"boxes\"\n"), ("workflows/box.twf", PROGRAM)]);
    let nexus = |args: &[&str]| {
        let args: Vec<&str> = ["batch"].iter().chain(args).chain(&["--format", "json"]).copied().collect();
        project.nexus(&args)
    };
    let box_filter = ["--filter", "WorkflowType = 'Box'"];
    assert_eq!(nexus(&["start", "cancel", box_filter[0], box_filter[1]]).code(), 5, "no server works on it");
    let server = project.serve();
    for n in 0..4 {
        project.nexus(&["run", "Box", "--input", &format!("n={n}"), "--async"]).ok();
    }
    let put = ["start", "signal", "--signal", "Put", "--json", "[1]", "--id", "first", "--wait"];
    let put: Vec<&str> = put.iter().chain(&box_filter).copied().collect();
    let over = nexus(&put).ok().json();
    assert_eq!((&over["state"], &over["total"], &over["done"]), (&json!("completed"), &json!(4), &json!(4)));
    let again = nexus(&put).ok().json();
    assert_eq!(again["started_at"], over["started_at"], "equal ids are one batch");
    let table = project.nexus(&["batch", "describe", "first"]).ok();
    assert!(table.stdout().contains("100 %  4 done  0 failed  0 left"), "{}", table.stdout());
    let lines = project.nexus(&["batch", "start", "delete", "--wait", box_filter[0], box_filter[1]]).ok();
    assert!(lines.stderr().contains("100 %"), "{}", lines.stderr());
    let listed = nexus(&["list"]).ok().json();
    assert_eq!(listed["batches"].as_array().map(Vec::len), Some(2));

    for (args, code, words) in [
        (vec!["start", "cancel", "--filter", "WorkflowTipe = 'Box'"], 2, "NX-2020"),
        (vec!["start", "cancel", "--filter", ""], 2, "NX-2001"),
        (vec!["start", "cancel"], 2, "give either `filter` or `run_ids`"),
        (vec!["start", "signal", "--filter", "WorkflowType = 'Box'"], 2, "names the signal"),
        (vec!["start", "sing", "--filter", "WorkflowType = 'Box'"], 2, "NX-2001"),
        (vec!["describe", "secnd"], 4, "NX-2024"),
        (vec!["stop", "secnd"], 4, "NX-2024"),
    ] {
        nexus(&args).refused(code, words, &args);
    }
    nexus(&["stop", "first"]).ok();
    drop(server);
}
