//! Task queues from the shell: paused, limited, counted, kept through a restart.

use serde_json::json;

use crate::support::Project;

const PROGRAM: &str = "\
workflow Order(n: int) -> (int):
    activity Charge(n) -> charged
    close complete(charged)

activity Charge(n: int) -> (int):
    options:
        start_to_close_timeout: 10s
    ...
";

#[test]
fn a_queue_is_paused_limited_and_kept_through_a_restart() {
    let project = Project::with(&[
        ("nexus.toml", "[project]\nname = \"orders\"\n"),
        ("workflows/order.twf", PROGRAM),
        ("activities/charge.js", "export function Charge(n) { return n; }\n"),
    ]);
    let nexus = |args: &[&str]| {
        let args: Vec<&str> = ["queue"].iter().chain(args).chain(&["--format", "json"]).copied().collect();
        project.nexus(&args)
    };
    let offline = nexus(&["pause", "default"]);
    assert_eq!(offline.code(), 5, "{}", offline.stderr());
    let server = project.serve();
    let paused = nexus(&["pause", "default", "--reason", "the bank is closed"]).ok().json();
    assert_eq!(
        (&paused["state"], &paused["paused"]["reason"]),
        (&json!("paused"), &json!("the bank is closed"))
    );
    let started = project.nexus(&["run", "Order", "--input", "n=7", "--async"]).ok().stdout();
    let run = started.lines().next().unwrap().to_owned();
    let seen = loop {
        let seen = nexus(&["describe", "default"]).ok().json();
        if seen["backlog"]["count"] == json!(1) {
            break seen;
        }
    };
    assert_eq!(seen["backlog"]["by_priority"][0]["priority"], json!(3));
    let limited =
        nexus(&["limit", "default", "--rate", "20", "--burst", "5", "--weight", "a=2.5", "--reason", "slow"]);
    let limited = limited.ok().json();
    assert_eq!(
        (&limited["rate_limit"]["per_second"], &limited["rate_limit"]["burst"]),
        (&json!(20.0), &json!(5))
    );
    drop(server);

    let server = project.serve();
    let listed = nexus(&["list"]).ok().json();
    assert_eq!(
        (&listed["queues"][0]["state"], &listed["queues"][0]["fairness_weights"]["a"]),
        (&json!("paused"), &json!(2.5))
    );
    let table = project.nexus(&["queue", "list"]);
    assert!(table.stdout().contains("20.0/s, 5 at once (slow)"), "{}", table.stdout());
    let table = project.nexus(&["queue", "describe", "default"]);
    assert!(table.stdout().contains("the bank is closed"), "{}", table.stdout());
    nexus(&["unpause", "default"]).ok();
    let shown = project.nexus(&["run", "show", &run, "--wait", "20", "--format", "json"]).ok().json();
    assert_eq!((&shown["status"], &shown["result"]), (&json!("completed"), &json!(7)));
    let free = nexus(&["limit", "default", "--rate", "none", "--weight", "a=none"]).ok().json();
    assert_eq!((&free["rate_limit"], &free["fairness_weights"]), (&json!(null), &json!({})));

    for (args, code, words) in [
        (vec!["describe", "defualt"], 4, "did you mean"),
        (vec!["limit", "default", "--rate", "many"], 2, "neither a number nor `none`"),
        (vec!["limit", "default", "--rate=-1"], 2, "NX-2001"),
        (vec!["limit", "default", "--weight", "a=5000"], 2, "NX-2001"),
    ] {
        nexus(&args).refused(code, words, &args);
    }
    drop(server);
}
