//! Signals, queries and updates as commands: flags from what a workflow declares, help, completion, and what is said
//! about wrong ones. The real binary, with a server and, where that can be, without.

use serde_json::json;

use crate::support::{Project, Server, offered};

const ORDER: &str = r#"
workflow Order(customer: string = "nobody") -> (any):
    state:
        items = []
        who = ""
        condition done
    # Puts something into the order.
    #
    # As often as is wanted.
    signal Put(item: string, count: int = 1, is_gift: bool = false, update_id: string?):
        append(items, {item: item, count: count, is_gift: is_gift, update_id: update_id})
    signal Approve(by: string):
        who = by
        set done
    # What is in it.
    query Items(only_gifts: bool = false) -> (any):
        return {items: items, only_gifts: only_gifts, customer: customer}
    update Rename(name: string, id: int?) -> (any):
        return {name: name, id: id}
    await done
    close complete({by: who, items: items})
"#;

fn project() -> Project {
    Project::with(&[("workflows/order.twf", ORDER)])
}

/// A served project with an open order of the workflow id `order-7`.
fn served(project: &Project) -> (Server, String) {
    let server = project.serve();
    let ran = project.nexus(&["run", "Order", "--id", "order-7", "--async"]).ok();
    (server, ran.stdout().trim().to_owned())
}

#[test]
fn parameters_are_flags() {
    let project = project();
    let (server, run) = served(&project);
    project.nexus(&["run", "signal", "order-7", "Put", "--item", "tea", "--count", "3", "--is-gift"]).ok();
    let mixed = ["run", "signal", &run, "Put", "--input", "{\"item\": \"jam\", \"count\": 9}", "--count=2"];
    project.nexus(&mixed).ok();
    let asked = ["run", "query", "order-7", "Items", "--only-gifts"];
    let expected = json!({
        "items": [
            { "item": "tea", "count": 3, "is_gift": true, "update_id": null },
            { "item": "jam", "count": 2, "is_gift": false, "update_id": null },
        ],
        "only_gifts": true, "customer": "nobody",
    });
    assert_eq!(project.nexus(&asked).ok().json(), expected);
    // `--update-id` and `--id` are the command's own or the parameter's, whichever the command has.
    let renamed = ["run", "update", "order-7", "Rename", "--name", "Ada", "--id", "-5", "--update-id", "u-1"];
    assert_eq!(project.nexus(&renamed).ok().json(), json!({ "name": "Ada", "id": -5 }));
    project.nexus(&["run", "signal", "order-7", "Put", "--item", "@@home", "--update-id", "mine"]).ok();
    project.nexus(&["run", "signal", "order-7", "Approve", "--by", "Ada"]).ok();
    let ended = project.nexus(&["run", "show", "order-7", "--wait", "60", "--format", "json"]).ok().json();
    assert_eq!(ended["result"]["by"], "Ada");
    let last = json!({ "item": "@home", "count": 1, "is_gift": false, "update_id": "mine" });
    assert_eq!(ended["result"]["items"][2], last);
    // A closed run still answers, without a server too.
    drop(server);
    let answer = project.nexus(&["run", "query", "order-7", "Items", "--no-only-gifts"]).ok().json();
    assert_eq!(answer["only_gifts"], false);
    let sent = project.nexus(&["run", "signal", "order-7", "Put", "--item", "tea"]);
    sent.refused(5, "no server runs this project", "a run without a server stands still");
}

#[test]
fn messages_that_start_their_run_take_flags_as_well() {
    let project = project();
    let _server = project.serve();
    let begin = ["run", "signal-with-start", "Order", "Put", "--id", "order-8", "--input", "customer=Eve"];
    project.nexus(&[&begin[..], &["--item", "rye", "--count", "2"]].concat()).ok();
    let renamed = ["run", "update-with-start", "Order", "Rename", "--id", "order-8", "--name", "Bo"];
    let renamed = project.nexus(&[&renamed[..], &["--message.id", "4"]].concat()).ok();
    assert_eq!(renamed.json(), json!({ "name": "Bo", "id": 4 }));
    let answer = project.nexus(&["run", "query", "order-8", "Items"]).ok().json();
    assert_eq!((&answer["customer"], &answer["items"][0]["count"]), (&json!("Eve"), &json!(2)));
    let help = project.nexus(&["run", "signal-with-start", "Order", "Put", "--help"]).ok().stdout();
    assert!(help.contains("Usage: nexus run signal-with-start Order Put --id <ID> --item <TEXT>"), "{help}");
}

#[test]
fn what_is_wrong_is_told_with_what_would_be_right() {
    let project = project();
    let (_server, _) = served(&project);
    let refused = |args: &[&str], code, words| {
        project.nexus(&[&["run"], args].concat()).refused(code, words, args);
    };
    refused(&["signal", "order-7", "Put", "--itm", "tea"], 2, "a similar argument exists: '--item'");
    refused(&["signal", "order-7", "Put", "--item", "tea", "--count", "many"], 2, "--count takes an integer");
    refused(&["signal", "order-7", "Put", "--count", "2"], 2, "--item: ");
    refused(&["signal", "order-7", "Put"], 2, "--item: ");
    refused(&["signal", "order-7", "Put"], 2, "`nexus run signal order-7 Put --help` shows what it takes");
    refused(&["signal", "order-7", "Putt", "--item", "tea"], 4, "did you mean \"Put\"?");
    refused(&["query", "order-7", "Put", "--help"], 4, "it declares Items");
    refused(&["signal", "order-9", "Put", "--item", "tea"], 4, "order-9");
    refused(&["signal", "order-7", "Put", "--input", "7", "--item", "tea"], 2, "--input is no object");
    refused(&["update", "order-7", "Rename", "--name", "-", "--id", "-"], 2, "more than one flag");
}

#[test]
fn the_help_of_a_signal_is_its_own() {
    let project = project();
    let (server, run) = served(&project);
    let help = |run: &str| project.nexus(&["run", "signal", run, "Put", "-h"]).ok().stdout();
    insta::assert_snapshot!(help("order-7"));
    assert_eq!(help(&run).replace(&run, "order-7"), help("order-7"));
    let long = project.nexus(&["run", "query", "order-7", "Items", "--help"]).ok().stdout();
    assert!(long.contains("What is in it.") && long.contains("--only-gifts"), "{long}");
    // A run is asked of the data folder when nobody serves the project.
    drop(server);
    assert_eq!(help(&run).replace(&run, "order-7"), help("order-7"));
    let general = project.nexus(&["run", "signal", "--help"]).ok().stdout();
    assert!(general.contains("nexus run signal") && !general.contains("--item"), "{general}");
}

#[test]
fn handlers_and_their_flags_are_offered() {
    let project = project();
    let (server, run) = served(&project);
    let at = |line: &[&str]| offered(&project, &[&["nexus", "run"], line].concat());
    assert!(at(&["signal", ""]).contains(&run), "runs are still offered");
    for served in [true, false] {
        let named =
            |words: &[&str]| at(words).into_iter().filter(|it| !it.starts_with('-')).collect::<Vec<_>>();
        assert_eq!(named(&["signal", &run, ""]), ["Put", "Approve"], "{served}");
        assert_eq!(named(&["query", "order-7", ""]), ["Items"], "{served}");
        assert_eq!(named(&["update", "order-7", "R"]), ["Rename"], "{served}");
        assert_eq!(named(&["signal-with-start", "Order", "A"]), ["Approve"], "{served}");
        assert_eq!(at(&["signal", "order-7", "Put", "--it"]), ["--item"], "{served}");
        assert_eq!(
            at(&["signal", "order-7", "Put", "--no-"]),
            ["--no-is-gift", "--no-update-id"],
            "{served}"
        );
        assert!(named(&["signal", "order-9", ""]).is_empty(), "{served}");
    }
    drop(server);
}

#[test]
fn a_run_tells_what_its_own_version_answers_to() {
    let project = project();
    let (server, run) = served(&project);
    server.stop();
    project.write(
        "workflows/order.twf",
        &ORDER
            .replace("signal Put(item: string,", "signal Put(thing: string,")
            .replace("{item: item,", "{item: thing,"),
    );
    let _server = project.serve();
    let told = |args: &[&str]| project.nexus(&[args, &["--format", "json"]].concat()).ok().json();
    let old = told(&["call", "run.handlers", "--run-id", &run]);
    assert!(old["signals"][0]["input"]["properties"]["item"].is_object(), "{old}");
    assert_eq!((&old["workflow"], &old["queries"][0]["name"]), (&json!("Order"), &json!("Items")));
    assert!(old["updates"][0]["output"].is_object() && old["signals"][0].get("output").is_none(), "{old}");
    let new = told(&["workflow", "show", "Order"]);
    assert!(new["signals"][0]["input"]["properties"]["thing"].is_object(), "{new}");
    let shown = project.nexus(&["workflow", "show", "Order"]).ok().stdout();
    assert!(shown.contains("--thing [--count]") && shown.contains("What is in it."), "{shown}");
    project.nexus(&["run", "signal", &run, "Put", "--item", "tea"]).ok();
}
