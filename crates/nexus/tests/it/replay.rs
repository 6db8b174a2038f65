//! Looking at runs from the shell: followed while they go on, stepped through afterwards.

use serde_json::json;

use crate::support::Project;

const PROGRAM: &str = "\
workflow Wait(n: int) -> (int):
    total = n
    await timer(300ms)
    total += 1
    close complete(total)
";

#[test]
fn a_run_is_followed_and_stepped_through() {
    let project = Project::with(&[("nexus.toml", "[project]\nname = \"w\"\n"), ("workflows/w.twf", PROGRAM)]);
    let server = project.serve();
    let run = project.nexus(&["run", "Wait", "--input", "n=4", "--async"]).ok().stdout().trim().to_owned();
    let watched = project.nexus(&["run", "watch", &run]).ok().stdout();
    assert!(watched.contains("TimerFired") && watched.contains("WorkflowExecutionCompleted"), "{watched}");
    let lines = project.nexus(&["run", "watch", &run, "--format", "json"]).ok().stdout();
    let last: serde_json::Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!(last["type"], json!("WorkflowExecutionCompleted"));

    let whole = project.nexus(&["run", "replay", &run]).ok().stdout();
    assert!(whole.contains("total = 5") && whole.contains("waits for a timer"), "{whole}");
    let early = project.nexus(&["run", "replay", &run, "--to", "2", "--format", "json"]).ok().json();
    assert_eq!(early["variables"], json!({ "n": 4, "total": 4 }));
    let beyond = project.nexus(&["run", "replay", &run, "--to", "99"]);
    assert!(beyond.code() == 2 && beyond.stderr().contains("its events go from 1 to"), "{}", beyond.stderr());
    drop(server);
}
