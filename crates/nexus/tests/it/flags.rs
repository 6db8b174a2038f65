//! Operations as commands: flags from their schemas, help, and what is said about wrong values. The real binary,
//! with a server and without.

use serde_json::json;

use crate::support::{Project, command};

/// One field of every kind.
const GREET: &str = r#"
# Where somebody lives.
type Address:
    # the town
    city: string
    zip_code: string?

# Greets somebody.
#
# The whole of the documentation,
# over several lines.
workflow Greet(order_id: int, name: string = "you", polite: bool = true, tags: []string = [], address: Address?, id: int?, amount: decimal?) -> (any):
    close complete({order_id: order_id, name: name, polite: polite, tags: tags, address: address, id: id, amount: amount})
"#;

fn project() -> Project {
    Project::with(&[("workflows/greet.twf", GREET)])
}

#[test]
fn fields_are_flags_with_a_server_and_without() {
    let project = project();
    let line = [
        "run",
        "Greet",
        "--order-id",
        "7",
        "--no-polite",
        "--tags",
        "a",
        "--tags=-b",
        "--address.city",
        "Rome",
        "--no-address.zip-code",
        "--input.id",
        "-5",
        "--amount",
        "1.50",
    ];
    let expected = json!({
        "order_id": 7, "name": "you", "polite": false, "tags": ["a", "-b"],
        "address": { "city": "Rome", "zip_code": null }, "id": -5, "amount": "1.50",
    });
    assert_eq!(project.nexus(&line).ok().json(), expected);
    let server = project.serve();
    assert_eq!(project.nexus(&line).ok().json(), expected);
    // From anywhere, when the server is named.
    let elsewhere = Project::empty();
    let line = [&line[..], &["--server", &server.url]].concat();
    assert_eq!(elsewhere.nexus(&line).ok().json(), expected);
}

#[test]
fn flags_win_over_pairs_and_these_over_json() {
    let project = project();
    project.write("base.json", r#"{"order_id": 1, "name": "json", "amount": "1"}"#);
    project.write("name.txt", "from a file\n");
    let ran = project.nexus(&[
        "run",
        "Greet",
        "--json",
        "@base.json",
        "--input",
        "name=pair",
        "--input",
        "amount=2",
        "--name",
        "@name.txt",
    ]);
    let made = ran.ok().json();
    assert_eq!(
        (&made["order_id"], &made["name"], &made["amount"]),
        (&json!(1), &json!("from a file"), &json!("2"))
    );
    let made = project.nexus(&["run", "Greet", "--order-id", "1", "--name", "@@home"]).ok().json();
    assert_eq!(made["name"], "@home");
}

#[test]
fn standard_input_is_read_for_one_field() {
    let project = project();
    let mut process = command(project.path())
        .args(["run", "Greet", "--order-id", "1", "--name", "-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut process.stdin.take().unwrap(), b"typed\n").unwrap();
    let ran = crate::support::Ran::of(process.wait_with_output().unwrap(), &project).ok();
    assert_eq!(ran.json()["name"], "typed");
    project.nexus(&["run", "Greet", "--name", "-", "--tags", "-", "--order-id", "1"]).refused(
        2,
        "more than one flag",
        "twice",
    );
}

#[test]
fn wrong_values_and_names_are_told_with_what_would_be_right() {
    let project = project();
    project.nexus(&["run", "Greet", "--order-id", "many"]).refused(
        2,
        "--order-id takes an integer, not \"many\"",
        "",
    );
    project.nexus(&["run", "Greet", "--order-id=1", "--polite=yes"]).refused(2, "did you mean \"true\"?", "");
    project.nexus(&["run", "Greet", "--ordr-id", "1"]).refused(
        2,
        "a similar argument exists: '--order-id'",
        "",
    );
    project.nexus(&["run", "Gret", "--order-id", "1"]).refused(4, "did you mean \"Greet\"?", "");
    project.nexus(&["run", "Greet", "--name", "Ada"]).refused(
        2,
        "--order-id: is required",
        "a pointer is no flag",
    );
    Project::empty().nexus(&["run", "Greet", "--order-id", "1"]).refused(4, "is not a project", "");
}

#[test]
fn the_help_of_a_workflow_is_its_own() {
    let project = project();
    let help = project.nexus(&["run", "Greet", "-h"]).ok().stdout();
    insta::assert_snapshot!(help);
    let long = project.nexus(&["run", "Greet", "--help"]).ok().stdout();
    assert!(long.contains("The whole of the documentation, over several lines."), "{long}");
}

#[test]
fn every_verb_can_be_called() {
    let project = project();
    project.nexus(&["run", "Greet", "--order-id", "1", "--id", "first"]).ok();
    project.nexus(&["run", "Greet", "--order-id", "2", "--id", "second"]).ok();
    let listed = project.nexus(&["call", "run.list", "--limit", "1", "--format", "json"]).ok().json();
    assert_eq!(listed["runs"].as_array().map(Vec::len), Some(1));
    let table = project.nexus(&["call", "run.list", "--workflow", "Greet"]).ok().stdout();
    assert!(table.starts_with("RUN ID") && table.contains("first"), "{table}");
    project.nexus(&["call", "run.list", "--limit", "none"]).refused(2, "--limit takes an integer", "");
    project.nexus(&["call", "run.lst", "--limit", "1"]).refused(4, "did you mean \"run.list\"?", "");
    let help = Project::empty().nexus(&["call", "run.list", "--help"]).ok().stdout();
    assert!(help.contains("--version <STRING|INTEGER>") && help.contains("most runs to list"), "{help}");
    let all = Project::empty().nexus(&["call"]).ok().stdout();
    assert!(all.contains("schedule.create"), "{all}");
    // What changes something is carried out, with a server or without.
    let server = project.serve();
    let published =
        project.nexus(&["call", "event.publish", "--type", "order.paid", "--data", "{\"n\": 1}"]).ok();
    drop(server);
    let events = project.nexus(&["call", "event.list", "--format", "json"]).ok().json();
    assert_eq!(events["events"][0]["data"], json!({ "n": 1 }), "{}", published.stdout());
}
