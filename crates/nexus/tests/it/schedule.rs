//! Schedules from the shell: made, listed, acted on, removed; what makes no sense is refused with a hint.

use serde_json::{Value as Json, json};

use crate::support::Project;

const PROGRAM: &str = "\
workflow Report(n: int) -> (int):
    close complete(n)
";

#[test]
fn a_schedule_is_made_acts_and_goes() {
    let project = Project::with(&[
        ("nexus.toml", "[project]\nname = \"reports\"\n"),
        ("workflows/report.twf", PROGRAM),
    ]);
    let offline =
        project.nexus(&["schedule", "create", "nightly", "Report", "--cron", "@daily", "--input", "n=7"]);
    assert_eq!(offline.code(), 5, "{}", offline.stderr());
    let server = project.serve();
    let nexus = |args: &[&str]| {
        let args: Vec<&str> = ["schedule"].iter().chain(args).chain(&["--format", "json"]).copied().collect();
        project.nexus(&args)
    };
    let zone = ["--time-zone", "Europe/Berlin"];
    let create: Vec<&str> = ["create", "nightly", "Report", "--cron", "0 3 * * *", "--input", "n=7"]
        .iter()
        .chain(&zone)
        .copied()
        .collect();
    let made = nexus(&create).ok().json();
    assert_eq!((&made["version"], &made["spec"]["time_zone"]), (&json!(1), &json!("Europe/Berlin")));
    assert_eq!(made["upcoming"].as_array().map(Vec::len), Some(10));

    nexus(&["pause", "nightly", "--note", "moving house"]).ok();
    let changed = nexus(&["update", "nightly", "--every", "90m/5m", "--overlap", "buffer_one"]).ok().json();
    assert_eq!(
        changed["spec"],
        json!({ "intervals": [{ "every": "90m", "phase": "5m" }], "time_zone": "Europe/Berlin" })
    );
    assert_eq!((&changed["paused"], &changed["note"]), (&json!(true), &json!("moving house")));
    let run =
        triggered(|| nexus(&["trigger", "nightly"]).ok().json(), || nexus(&["show", "nightly"]).ok().json());
    let shown = project.nexus(&["run", "show", &run, "--wait", "20", "--format", "json"]).ok().json();
    assert_eq!((&shown["status"], &shown["result"]), (&json!("completed"), &json!(7)));
    assert_eq!(nexus(&["list"]).ok().json()["schedules"].as_array().map(Vec::len), Some(1));

    for (args, code, words) in [
        (vec!["create", "nightly", "Report", "--cron", "@daily", "--input", "n=1"], 2, "NX-2104"),
        (vec!["create", "b", "Report", "--cron", "0 25 * * *", "--input", "n=1"], 2, "`25` is no hour"),
        (vec!["create", "b", "Report", "--cron", "0 0 30 2 *", "--input", "n=1"], 2, "it would never act"),
        (vec!["create", "b", "Raport", "--cron", "@daily"], 4, "NX-2002"),
        (vec!["create", "b", "Report", "--cron", "@daily", "--input", "n=x"], 2, "NX-2001"),
        (vec!["update", "nightly", "--cron", "@daily", "--if-version", "1"], 2, "NX-2103"),
        (vec!["backfill", "nightly", "--from", "yesterday", "--to", "2026-01-01T00:00:00Z"], 2, "yesterday"),
        (vec!["show", "nigthly"], 4, "NX-2101"),
    ] {
        nexus(&args).refused(code, words, &args);
    }
    nexus(&["delete", "nightly"]).ok();
    assert_eq!(nexus(&["show", "nightly"]).code(), 4);
    drop(server);
}

/// Takes the action now; gives the run that it has started once it is known.
fn triggered(trigger: impl Fn() -> Json, show: impl Fn() -> Json) -> String {
    let mut shown = trigger();
    loop {
        if let Some(run) = shown["recent"][0]["run_id"].as_str() {
            return run.to_owned();
        }
        shown = show();
    }
}
