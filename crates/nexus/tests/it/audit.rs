//! The audit log of the real server: every door leaves lines, nobody sees those of others, no secret is in them, and no change
//! of the files goes unnoticed.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value as Json, json};

use crate::hostile::channels::{Channel, Doors, Shown, Target};
use crate::support::{Project, Server, http};

const WORKFLOWS: &str = "\
type Card:
    number: string
    month: int

workflow Double(n: int) -> (int):
    close complete(n * 2)

workflow Pay(card: Card, note: string) -> (int):
    close complete(card.month)

worker Both:
    workflow Double
    workflow Pay

namespace shop:
    worker Both
        options:
            task_queue: \"shop\"

namespace bank:
    worker Both
        options:
            task_queue: \"bank\"
";

const CONFIG: &str = "\
[auth]
enabled = true

[audit]
inputs = true

[workflows.Pay]
sensitive = [\"/card/number\"]
";

const DOUBLE: Target = Target::Workflow("Double");

/// Every kind of door that calls a workflow by its own name.
const CHANNELS: [Channel; 11] = [
    Channel::Execute,
    Channel::Enveloped,
    Channel::Api,
    Channel::Start,
    Channel::Socket,
    Channel::Argument,
    Channel::Input,
    Channel::Stdio,
    Channel::McpOld,
    Channel::McpSession,
    Channel::McpNew,
];

fn project() -> Project {
    Project::with(&[("workflows/a.twf", WORKFLOWS), ("nexus.toml", CONFIG)])
}

fn key(project: &Project, args: &[&str]) -> String {
    project.nexus(&[&["key", "create", "test"], args].concat()).ok().stdout().trim().to_owned()
}

fn folder(project: &Project) -> PathBuf {
    project.path().join(".nexus/audit")
}

/// All that is in the files.
fn text(project: &Project) -> String {
    let mut files: Vec<_> =
        std::fs::read_dir(folder(project)).unwrap().map(|it| it.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

/// Lines as the owner sees them, the newest first.
fn lines(project: &Project, filter: &[&str]) -> Vec<Json> {
    let args = [&["audit", "list", "--format", "json", "--limit", "1000"], filter].concat();
    project.nexus(&args).ok().json()["lines"].as_array().unwrap().clone()
}

struct Caller<'a> {
    server: &'a Server,
    key: &'a str,
    runtime: tokio::runtime::Runtime,
}

impl<'a> Caller<'a> {
    fn new(server: &'a Server, key: &'a str) -> Caller<'a> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Caller { server, key, runtime }
    }

    /// The status and the body of an answer, to a request of this id.
    fn verb(&self, name: &str, input: &Json, id: &str) -> Option<(u16, Json)> {
        let url = format!("{}/v1/operations/{name}", self.server.url);
        self.runtime.block_on(async {
            let request = http().post(url).header("x-api-key", self.key).header("x-request-id", id);
            let answer = request.json(input).send().await.ok()?;
            Some((answer.status().as_u16(), answer.json().await.ok()?))
        })
    }

    fn health(&self) -> Json {
        let url = format!("{}/health", self.server.url);
        self.runtime.block_on(async { http().get(url).send().await.unwrap().json().await.unwrap() })
    }
}

#[test]
fn every_door_leaves_a_line_before_and_after() {
    let project = project();
    let server = project.serve();
    let good = key(&project, &["--role", "caller", "--namespace", "shop"]);
    let identity = format!("key:{}", &good[4..16]);
    let mut known = BTreeSet::new();
    for channel in CHANNELS {
        let mut doors = Doors::served(&project, &server).showing(Shown::Bearer(good.clone()));
        let answer = doors
            .input(channel, DOUBLE, br#"{"n":4}"#)
            .unwrap_or_else(|told| panic!("{channel:?}: {told:?}"));
        assert_eq!(channel.output(&answer), json!(8), "{channel:?}");
        let found = lines(&project, &["--operation", "shop/Double", "--caller", &identity]);
        let new: Vec<&Json> =
            found.iter().filter(|line| known.insert(line["seq"].as_u64().unwrap())).collect();
        let kinds: Vec<&str> = new.iter().map(|line| line["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["end", "begin"], "{channel:?}: {new:?}");
        let [end, begin] = new[..] else { panic!("{channel:?}") };
        assert_eq!(end["request_id"], begin["request_id"], "{channel:?}");
        assert_eq!((&end["status"], &end["namespace"]), (&json!("ok"), &json!("shop")), "{channel:?}");
        assert_eq!((&begin["input"], &begin["proof"]), (&json!({ "n": 4 }), &json!("key")), "{channel:?}");
        assert!(end["run_id"].is_string() && end["micros"].is_u64(), "{channel:?}: {end}");
        assert_eq!(begin["address"], "127.0.0.1", "{channel:?}");
    }
    project.nexus(&["audit", "verify"]).ok();
}

#[test]
fn whoever_is_turned_away_is_in_it_and_cannot_fill_the_disk() {
    let project = project();
    // What is to be seen here is told more often than a server with its usual limits would answer.
    project.write("nexus.toml", &format!("{CONFIG}[limits]\nfailed_auth = \"1000/s\"\n"));
    let server = project.serve();
    let viewer = key(&project, &["--role", "viewer", "--namespace", "shop"]);
    for (shown, code) in [
        (Shown::Nothing, "NX-2014"),
        (Shown::Bearer("nonsense".into()), "NX-2015"),
        (Shown::Bearer(viewer), "NX-2016"),
    ] {
        for channel in [Channel::Execute, Channel::Socket, Channel::McpOld] {
            let mut doors = Doors::served(&project, &server).showing(shown.clone());
            assert_eq!(doors.input(channel, DOUBLE, br#"{"n":4}"#).unwrap_err().code, code, "{channel:?}");
        }
        let caller = Caller::new(&server, "nonsense");
        for _ in 0..20 {
            assert_eq!(caller.verb("run.list", &json!({}), "r").unwrap().0, 401);
        }
        server_is_over(&project, code);
    }
    server.stop();
    let total: u64 = text(&project).lines().filter_map(|line| told(line, "NX-2015")).sum();
    assert!(total >= 60, "{total} are told of");
}

/// How many refusals for this reason a line tells of.
fn told(line: &str, code: &str) -> Option<u64> {
    let line: Json = serde_json::from_str(line).unwrap();
    let is_refusal = line["kind"].as_str()?.starts_with("refused") && line["status"] == code;
    is_refusal.then(|| line["count"].as_u64().unwrap_or(1))
}

/// Asks for lines, which are written before the answer, and looks for one of this status.
fn server_is_over(project: &Project, code: &str) {
    let found = lines(project, &["--status", code]);
    assert!(
        found.iter().any(|line| line["kind"] == "refused" && line["address"] == "127.0.0.1"),
        "{code}: {found:?}"
    );
}

#[test]
fn nobody_sees_what_others_did_elsewhere() {
    let project = project();
    let server = project.serve();
    let keys =
        ["shop", "bank"].map(|namespace| key(&project, &["--role", "operator", "--namespace", namespace]));
    let [shop, bank] = keys.each_ref().map(|key| Caller::new(&server, key));
    for caller in [&shop, &bank] {
        let start = json!({ "workflow": "Double", "input": { "n": 4 } });
        assert_eq!(caller.verb("run.start", &start, "start").unwrap().0, 202);
    }
    for (caller, own, other) in [(&shop, "shop", &keys[1]), (&bank, "bank", &keys[0])] {
        for input in [json!({}), json!({ "namespace": own }), json!({ "request_id": "start" })] {
            let (status, answer) = caller.verb("audit.list", &input, "list").unwrap();
            assert_eq!(status, 200, "{answer}");
            let found = answer["output"]["lines"].as_array().unwrap();
            assert!(
                !found.is_empty() && found.iter().all(|line| line["namespace"] == own),
                "{input}: {answer}"
            );
            assert!(!answer.to_string().contains(&other[4..16]), "{answer}");
        }
        for verb in ["audit.verify", "audit.head", "audit.export"] {
            assert_eq!(caller.verb(verb, &json!({}), "r").unwrap().0, 403, "{verb}");
        }
    }
    let (status, _) = shop.verb("audit.list", &json!({ "namespace": "bank" }), "r").unwrap();
    assert_eq!(status, 403);
    let plain = key(&project, &["--role", "caller", "--namespace", "shop"]);
    assert_eq!(Caller::new(&server, &plain).verb("audit.list", &json!({}), "r").unwrap().0, 403);
}

#[test]
fn no_secret_is_in_it() {
    let project = project();
    let server = project.serve();
    let good = key(&project, &["--role", "operator", "--namespace", "shop"]);
    let caller = Caller::new(&server, &good);
    let pay = |card: Json| json!({ "workflow": "Pay", "input": { "card": card, "note": "readable-note" } });
    for (name, input) in [
        ("run.start", pay(json!({ "number": "canary-1", "month": 3 }))),
        ("run.start", pay(json!({ "number": "canary-2", "month": "canary-3" }))),
        ("run.start", pay(json!({ "nmber": "canary-4", "month": 3 }))),
        ("run.start", pay(json!("canary-5"))),
        ("event.publish", json!({ "type": "a", "data": { "token": "canary-6" } })),
        ("run.signal", json!({ "run_id": "canary", "name": "x", "args": { "pin": "canary-7" } })),
        ("session.create", json!({ "state": { "pin": "canary-8" } })),
        (
            "schedule.create",
            json!({
                "schedule_id": "s", "spec": { "intervals": [{ "every": "1h" }] },
                "action": { "workflow": "Pay", "input": { "card": { "number": "canary-9", "month": 3 }, "note": "" } },
            }),
        ),
    ] {
        caller.verb(name, &input, "r").unwrap();
    }
    let mut doors = Doors::served(&project, &server).showing(Shown::Bearer(good.clone()));
    for channel in CHANNELS {
        let input = br#"{"card":{"number":"canary-10","month":3},"note":"readable-note"}"#;
        doors.input(channel, Target::Workflow("Pay"), input).unwrap();
    }
    let rotated = project.nexus(&["key", "rotate", &good[4..16]]).ok().stdout();
    server.stop();
    let found = text(&project);
    assert!(!found.contains("canary-"), "{found}");
    for key in [&good, rotated.trim()] {
        let (_, secret) = key.split_once('.').unwrap();
        assert!(!found.contains(secret), "{key}");
    }
    assert!(found.contains("\"number\":\"[sensitive]\"") && found.contains("readable-note"), "{found}");
    let owner = std::fs::read_to_string(project.path().join("server.log")).unwrap();
    assert!(!owner.contains("canary-"), "{owner}");
}

#[test]
fn what_administrators_do_is_in_it_with_its_input() {
    let project = Project::with(&[
        ("workflows/a.twf", WORKFLOWS),
        ("nexus.toml", "[auth]\nenabled = true\n[audit]\nrecord = \"admin\"\n"),
    ]);
    // Without a server too: the owner's own command line is a door like others.
    key(&project, &["--role", "viewer"]);
    let server = project.serve();
    key(&project, &["--role", "caller"]);
    project.nexus(&["run", "list"]).ok();
    let found = lines(&project, &[]);
    let calls: Vec<&Json> = found.iter().filter(|line| line["operation"].is_string()).collect();
    assert!(calls.iter().all(|line| line["operation"] == "key.create"), "{calls:?}");
    let roles: Vec<&Json> =
        calls.iter().filter(|line| line["kind"] == "begin").map(|it| &it["input"]["roles"]).collect();
    assert_eq!(roles, [&json!(["caller"]), &json!(["viewer"])]);
    server.stop();
    project.nexus(&["audit", "verify"]).ok();
}

#[test]
fn a_change_of_the_files_is_found_and_named() {
    let project = project();
    project.serve().stop();
    key(&project, &["--role", "viewer"]);
    let head = project.nexus(&["audit", "head"]).ok().stdout().trim().to_owned();
    project.nexus(&["audit", "verify", "--head", &head]).ok();
    let copy = text(&project);
    let exported = project.nexus(&["audit", "export"]).ok().stdout();
    assert_eq!(exported, copy, "an export is what was written");
    let file = folder(&project).join(format!("{:020}.jsonl", 0));
    let count = copy.lines().count();
    assert!(count > 4, "{copy}");
    for line in 0..count {
        let kept: Vec<&str> =
            copy.lines().enumerate().filter(|(at, _)| *at != line).map(|(_, it)| it).collect();
        std::fs::write(&file, kept.join("\n") + "\n").unwrap();
        let ran = project.nexus(&["audit", "verify"]);
        ran.refused(1, "NX-2082", line);
        let place = format!("{:020}.jsonl:{}", 0, line + 1);
        assert!(ran.stderr().contains(&place), "{place}: {}", ran.stderr());
    }
    let forged = copy.replace("\"roles\":[\"viewer\"]", "\"roles\":[\"caller\"]");
    assert_ne!(forged, copy);
    std::fs::write(&file, forged).unwrap();
    project.nexus(&["audit", "verify"]).refused(1, "its hash is that of another text", "a role");
    project.nexus(&["audit", "verify", ".nexus"]).refused(1, "NX-2082", "files alone");
    std::fs::write(&file, &copy).unwrap();
    project.nexus(&["audit", "verify", ".nexus", "--head", &head]).ok();
    let csv = project.nexus(&["audit", "export", "--csv"]).ok().stdout();
    assert!(csv.starts_with("seq,at,kind,") && csv.lines().count() == count + 1, "{csv}");
}

#[test]
fn changes_are_refused_while_it_cannot_be_written() {
    let project = project();
    let server = project.serve();
    let good = key(&project, &["--role", "operator", "--namespace", "shop"]);
    let caller = Caller::new(&server, &good);
    let event = json!({ "type": "a" });
    assert_eq!(caller.verb("event.publish", &event, "before").unwrap().0, 200);
    for file in std::fs::read_dir(folder(&project)).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    let (status, answer) = caller.verb("event.publish", &event, "refused").unwrap();
    assert_eq!((status, &answer["code"]), (503, &json!("NX-2081")), "{answer}");
    assert_eq!(caller.verb("run.list", &json!({}), "r").unwrap().0, 200, "others go on");
    // Health is looked at once in a while.
    while caller.health()["checks"]["audit"]["status"] == "healthy" {}
    let (_, listed) = caller.verb("event.list", &json!({}), "r").unwrap();
    assert_eq!(listed["output"]["events"].as_array().unwrap().len(), 1, "{listed}");
    server.stop();
    let server = project.serve();
    assert_eq!(Caller::new(&server, &good).verb("event.publish", &event, "after").unwrap().0, 200);
    let found = text(&project);
    assert!(found.contains("\"kind\":\"missing\",\"from\":0"), "{found}");
    project.nexus(&["audit", "verify"]).refused(1, "are missing", "files that were removed");
}

#[test]
fn a_killed_server_leaves_a_log_that_holds() {
    let project = project();
    let good = key(&project, &["--role", "operator", "--namespace", "shop"]);
    let mut promised = Vec::new();
    for round in 0..3 {
        let server = project.serve();
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4)
                .map(|worker| {
                    let (server, good, is_over) = (&server, &good, &is_over);
                    scope.spawn(move || {
                        let caller = Caller::new(server, good);
                        let mut done = Vec::new();
                        while !is_over.load(Ordering::SeqCst) {
                            let id = format!("kill-{round}-{worker}-{}", done.len());
                            match caller.verb("event.publish", &json!({ "type": "a" }), &id) {
                                Some((200, _)) => done.push(id),
                                _ => break,
                            }
                            if done.len() == 20 && worker == 0 {
                                kill(server.pid());
                                is_over.store(true, Ordering::SeqCst);
                            }
                        }
                        done
                    })
                })
                .collect();
            promised.extend(workers.into_iter().flat_map(|worker| worker.join().unwrap()));
        });
        drop(server);
        project.nexus(&["audit", "verify"]).ok();
    }
    let server = project.serve();
    project.nexus(&["audit", "verify"]).ok();
    let found = text(&project);
    for id in &promised {
        assert!(found.contains(&format!("\"request_id\":\"{id}\"")), "{id} was done and is not in the log");
    }
    assert!(promised.len() >= 60);
    drop(server);
}

fn kill(pid: u32) {
    assert!(std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}
