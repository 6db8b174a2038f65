//! Answers that are given again by the real server: nobody gets somebody else's through any door, other code is another answer,
//! and what was forgotten stays forgotten over a kill.

use serde_json::{Value as Json, json};

use crate::hostile::channels::{Channel, Doors, Shown, Target};
use crate::support::{Project, Server, http};

const WORKFLOWS: &str = "\
activity Roll(id: int) -> (string):
    ...

workflow Price(id: int) -> (string):
    activity Roll(id) -> rolled
    close complete(rolled)

workflow Rate(id: int) -> (string):
    activity Roll(id) -> rolled
    close complete(rolled)

workflow Plain(id: int) -> (string):
    activity Roll(id) -> rolled
    close complete(rolled)

workflow Fails(id: int) -> (string):
    close fail(\"no\")
";

/// No two runs answer the same.
const ROLL: &str = "export async function Roll(id) { return `a ${id} ${crypto.randomUUID()}`; }\n";

const CONFIG: &str = "\
[workflows.Price]
http = [\"GET /prices/{id}\"]

[workflows.Price.cache]
ttl = \"1h\"
tags = [\"product:{id}\"]

[workflows.Rate.cache]
ttl = \"1h\"
public = true

[workflows.Fails.cache]
ttl = \"1h\"
";

/// The doors whose calls wait for an answer, rather than for a run that they ask for.
const CHANNELS: [Channel; 8] = [
    Channel::Execute,
    Channel::Enveloped,
    Channel::Api,
    Channel::Start,
    Channel::Socket,
    Channel::McpOld,
    Channel::McpSession,
    Channel::McpNew,
];

fn project(config: &str) -> Project {
    Project::with(&[
        ("workflows/price.twf", WORKFLOWS),
        ("activities/roll.js", ROLL),
        ("nexus.toml", &format!("{config}{CONFIG}")),
    ])
}

struct Told {
    status: u16,
    output: Json,
    cache: String,
    age: Option<String>,
}

async fn execute(server: &Server, workflow: &str, id: u64, headers: &[(&str, &str)]) -> Told {
    let url = format!("{}/workflows/{workflow}/execute", server.url);
    let request = http().post(url).json(&json!({ "id": id }));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let answer = request.send().await.unwrap();
    let header = |name: &str| answer.headers().get(name).map(|it| it.to_str().unwrap().to_owned());
    let (cache, age) = (header("cache-status").unwrap_or_default(), header("age"));
    let status = answer.status().as_u16();
    let body: Json = answer.json().await.unwrap();
    Told { status, output: body["outputs"].clone(), cache, age }
}

#[tokio::test]
async fn answers_say_how_they_came_about() {
    let project = project("");
    let server = project.serve();
    let first = execute(&server, "Price", 1, &[]).await;
    assert_eq!((first.cache.as_str(), first.age), ("nexus; fwd=uri-miss; stored", None));
    let again = execute(&server, "Price", 1, &[]).await;
    assert!(again.cache.starts_with("nexus; hit; ttl=3"), "{}", again.cache);
    assert!(again.cache.ends_with("; detail=memory") && again.age.is_some());
    assert_eq!(again.output, first.output);
    assert_ne!(execute(&server, "Price", 2, &[]).await.output, first.output);

    let own = execute(&server, "Price", 1, &[("idempotency-key", "k")]).await;
    assert_eq!(own.cache, "nexus; fwd=bypass");
    assert_ne!(own.output, first.output);
    let none = execute(&server, "Price", 1, &[("cache-control", "no-store")]).await;
    assert_eq!(none.cache, "nexus; fwd=bypass");
    assert_eq!(execute(&server, "Price", 1, &[]).await.output, first.output, "neither was kept");
    let new = execute(&server, "Price", 1, &[("cache-control", "no-cache")]).await;
    assert_ne!(new.output, first.output);
    assert_eq!(execute(&server, "Price", 1, &[]).await.output, new.output, "a new one is");

    let at_path = http().get(format!("{}/prices/1", server.url)).send().await.unwrap();
    assert!(at_path.headers()["cache-status"].to_str().unwrap().contains("hit"));
    assert_eq!(at_path.json::<Json>().await.unwrap(), new.output, "every path of a workflow has the same");

    let plain = execute(&server, "Plain", 1, &[]).await;
    assert_eq!((plain.status, plain.cache.as_str()), (200, ""));
    for _ in 0..2 {
        let failed = execute(&server, "Fails", 1, &[]).await;
        assert!(failed.status >= 400 && failed.cache.is_empty(), "{} {}", failed.status, failed.cache);
    }
}

#[test]
fn nobody_gets_somebody_else_s_answer_through_any_door() {
    let project = project("[auth]\nenabled = true\n\n");
    let server = project.serve();
    let key = |name: &str| {
        project.nexus(&["key", "create", name, "--role", "caller"]).ok().stdout().trim().to_owned()
    };
    let [ada, bob] = [key("ada"), key("bob")];
    let ask = |channel: Channel, key: &str, workflow: &'static str| {
        let mut doors = Doors::served(&project, &server).showing(Shown::Bearer(key.to_owned()));
        let answer = doors
            .input(channel, Target::Workflow(workflow), br#"{"id":4}"#)
            .unwrap_or_else(|told| panic!("{channel:?}: {told:?}"));
        channel.output(&answer)
    };
    let own = ask(Channel::Execute, &ada, "Price");
    let public = ask(Channel::Execute, &ada, "Rate");
    let others = ask(Channel::Socket, &bob, "Price");
    assert_ne!(own, others);
    for channel in CHANNELS {
        assert_eq!(ask(channel, &ada, "Price"), own, "{channel:?}: one's own, whichever door it was made at");
        assert_eq!(ask(channel, &bob, "Price"), others, "{channel:?}");
        assert_eq!(ask(channel, &bob, "Rate"), public, "{channel:?}");
        assert_ne!(ask(channel, &bob, "Plain"), ask(channel, &bob, "Plain"), "{channel:?}");
    }
    // Who may not call it does not get what is kept of it either, also when it is public.
    let reader = project.nexus(&["key", "create", "eve", "--role", "viewer"]).ok().stdout().trim().to_owned();
    for channel in CHANNELS {
        let mut doors = Doors::served(&project, &server).showing(Shown::Bearer(reader.clone()));
        for workflow in ["Price", "Rate"] {
            let told = doors.input(channel, Target::Workflow(workflow), br#"{"id":4}"#).unwrap_err();
            assert_eq!(told.code, "NX-2016", "{channel:?}");
        }
    }
    // Every call has left its lines, and they say which were answered from memory.
    let lines =
        project.nexus(&["audit", "list", "--operation", "default/Price", "--format", "json"]).ok().json();
    let ends: Vec<&Json> =
        lines["lines"].as_array().unwrap().iter().filter(|line| line["kind"] == "end").collect();
    assert!(ends.iter().filter(|line| line["cached"] == "hit").count() >= 8, "{ends:?}");
}

#[tokio::test]
async fn a_kill_keeps_answers_and_what_was_forgotten() {
    let project = project("");
    let server = project.serve();
    let mut first = Vec::new();
    for id in 1..4 {
        first.push(execute(&server, "Price", id, &[]).await);
    }
    // They are on their way into the store; each is counted once it is there.
    let show = || project.nexus(&["cache", "show", "--format", "json"]).ok().json();
    let shown = (0..1_000).map(|_| show()).find(|shown| shown["levels"][1]["entries"] == 3).unwrap();
    assert_eq!(shown["counts"]["kept"], 3);
    project.nexus(&["cache", "invalidate", "--tag", "product:2"]).ok();
    server.kill();
    let server = project.serve();
    let kept = execute(&server, "Price", 1, &[]).await;
    assert!(kept.cache.ends_with("detail=store"), "{}", kept.cache);
    assert_eq!(kept.output, first[0].output);
    assert_ne!(execute(&server, "Price", 2, &[]).await.output, first[1].output);
    project.nexus(&["cache", "invalidate", "--operation", "Price"]).ok();
    assert_ne!(execute(&server, "Price", 3, &[]).await.output, first[2].output);
    server.stop();
    // Without a server the store is told, and the next server goes by it.
    let told = project.nexus(&["cache", "invalidate", "--everywhere"]).ok().stderr();
    assert!(told.contains("all answers of all namespaces"), "{told}");
    let server = project.serve();
    assert_ne!(execute(&server, "Price", 1, &[]).await.output, first[0].output);
    project.nexus(&["cache", "invalidate"]).refused(2, "--tag", "nothing is forgotten by accident");
}

#[tokio::test]
async fn what_other_code_answered_is_not_given() {
    let project = project("");
    let server = project.serve();
    let first = execute(&server, "Price", 1, &[]).await;
    server.stop();
    project.write("activities/roll.js", &ROLL.replace("`a ", "`b "));
    let server = project.serve();
    let other = execute(&server, "Price", 1, &[]).await;
    assert!(other.output.as_str().unwrap().starts_with("b "), "{}", other.output);
    server.stop();
    project.write("activities/roll.js", ROLL);
    let server = project.serve();
    assert_eq!(execute(&server, "Price", 1, &[]).await.output, first.output, "that of the code that is back");
}

#[test]
fn a_namespace_s_answers_are_forgotten_by_whoever_may_write_there() {
    let project = project("[auth]\nenabled = true\n\n[namespaces.other]\n\n");
    let server = project.serve();
    let key = |args: &[&str]| {
        let made = project.nexus(&[&["key", "create", "test"], args].concat()).ok();
        made.stdout().trim().to_owned()
    };
    let caller = key(&["--role", "caller"]);
    let own = key(&["--permission", "namespace:*", "--namespace", "default"]);
    let other = key(&["--permission", "namespace:*", "--namespace", "other"]);
    let forget = |key: &str, input: &Json| {
        let mut doors = Doors::served(&project, &server).showing(Shown::Bearer(key.to_owned()));
        doors.input(Channel::Operation, Target::Verb("cache.invalidate"), input.to_string().as_bytes())
    };
    let all = json!({ "namespace": "default" });
    assert_eq!(forget(&caller, &all).unwrap_err().code, "NX-2016");
    assert_eq!(forget(&other, &all).unwrap_err().code, "NX-2016");
    assert_eq!(forget(&own, &json!({ "everywhere": true })).unwrap_err().code, "NX-2016");
    assert!(forget(&own, &all).is_ok());
}

#[test]
fn a_rule_that_does_not_fit_its_workflow_is_an_error() {
    for (rule, words) in [
        ("key = [\"/ids\"]", "there is no \"ids\""),
        ("key = [\"id\"]", "the input has no place"),
        ("tags = [\"product:{nr}\"]", "there is no \"nr\""),
        ("stale = \"90d\"", "no time to keep answers for"),
    ] {
        let config = format!("[workflows.Price.cache]\nttl = \"1h\"\n{rule}\n");
        let project = Project::with(&[
            ("workflows/price.twf", WORKFLOWS),
            ("activities/roll.js", ROLL),
            ("nexus.toml", &config),
        ]);
        let ran = project.nexus(&["run", "Price", "--json", "{\"id\":1}"]);
        ran.refused(2, words, rule);
        assert!(ran.stderr().contains("NX-1206"), "{}", ran.stderr());
    }
}
