//! Canaries: secrets of every kind go through a server with everything switched on, and are looked for in all that it leaves.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use crate::encryption::holds;
use crate::hostile::channels::{Channel, Doors, Shown, Target};
use crate::support::{Project, Server, command, http, server_log};
use crate::telemetry::collector::Collector;

const WORKFLOWS: &str = "\
workflow Pay(card: string) -> (any):
    activity Charge(card) -> paid
        options:
            retry_policy:
                maximum_attempts: 1
    close complete(paid)

workflow Hold(card: string) -> (any):
    signal Note(text: string):
        pass
    await signal Note -> text
    close complete(text)

activity Charge(card: string) -> (any):
    ...

worker All:
    workflow Pay
    workflow Hold
    activity Charge

namespace shop:
    worker All
        options:
            task_queue: \"shop\"
";

const CHARGE: &str = "export async function Charge(card, ctx) {
  const key = await ctx.secret('bank'), file = await ctx.secret('file');
  ctx.log.info('charging with', key, file);
  await ctx.kv.put('last', card);
  await ctx.blob.put(card);
  await ctx.events?.publish?.('paid', { card });
  if (card.endsWith('!')) throw new ApplicationFailure(`no ${card} ${key}`, { details: [card], nonRetryable: true });
  return { card };
}";

/// What may be found nowhere, by what it is.
struct Canaries(BTreeMap<&'static str, String>);

impl Canaries {
    fn of(&self, what: &str) -> &str {
        &self.0[what]
    }

    /// None of them is in this text.
    fn are_not_in(&self, place: &str, text: &str) {
        for (what, canary) in &self.0 {
            let at = text.find(canary.as_str());
            let around = at.map(|at| text[at.saturating_sub(200)..text.len().min(at + 60)].to_owned());
            assert_eq!(around, None, "{what} is in {place}");
        }
    }
}

fn canaries(key: &str, master: &str) -> Canaries {
    let (_, secret) = key.split_once('.').unwrap();
    Canaries(BTreeMap::from([
        ("a key", secret.to_owned()),
        ("the master key", master.to_owned()),
        ("a wrong key", format!("nxk_000000000001.canary{}", "x".repeat(37))),
        ("a wrong token", "eyJhbGciOiJub25lIn0.canary-token.x".to_owned()),
        ("a secret of the environment", "canary-of-environment".to_owned()),
        ("a secret of a file", "canary-of-file".to_owned()),
        ("a stored secret", "canary-of-store".to_owned()),
        ("an input", "canary-of-input".to_owned()),
        ("a signal", "canary-of-signal".to_owned()),
        ("a memo", "canary-of-memo".to_owned()),
        ("an event", "canary-of-event".to_owned()),
        ("a session", "canary-of-session".to_owned()),
    ]))
}

fn config(collector: &str) -> String {
    format!(
        "[auth]\nenabled = true\n[audit]\ninputs = true\n[log]\nformat = \"json\"\n\
         [limits]\nfailed_auth = \"1000/s\"\n\
         [telemetry]\notlp_endpoint = \"{collector}\"\n\
         [encryption]\nkey = \"master\"\npayloads = true\n\
         [sandbox]\ncapabilities = [\"secret:read\", \"kv:read\", \"kv:write\", \"blob:write\", \"event:publish\"]\n\
         [secrets.master]\nfile = \"master\"\n[secrets.bank]\nstored = true\n[secrets.file]\nfile = \"private\"\n\
         [workflows.Pay]\nsensitive = [\"/card\"]\n[workflows.Hold]\nsensitive = [\"/card\"]\n"
    )
}

struct Caller<'a> {
    server: &'a Server,
    key: &'a str,
    runtime: tokio::runtime::Runtime,
}

impl Caller<'_> {
    fn verb(&self, name: &str, input: &Json) -> Json {
        let request = http()
            .post(format!("{}/v1/operations/{name}", self.server.url))
            .header("x-api-key", self.key)
            .json(input);
        let answer: Json =
            self.runtime.block_on(async { request.send().await.unwrap().json().await.unwrap() });
        answer.get("output").cloned().unwrap_or(answer)
    }

    fn text(&self, path: &str, credential: (&str, &str)) -> String {
        let request = http().get(format!("{}{path}", self.server.url)).header(credential.0, credential.1);
        self.runtime.block_on(async { request.send().await.unwrap().text().await.unwrap() })
    }
}

/// Calls a workflow on every channel, once so that it ends well and once so that it fails.
fn call(project: &Project, caller: &Caller<'_>, canaries: &Canaries) {
    for end in ["", "!"] {
        let input = json!({ "card": format!("{}{end}", canaries.of("an input")) }).to_string();
        let served = Channel::SERVED.into_iter();
        for channel in served.filter(|it| !matches!(it, Channel::Operation | Channel::Route)) {
            if !end.is_empty() && Channel::SHELL.contains(&channel) {
                continue; // a run that failed is the result of the command there
            }
            let mut doors =
                Doors::served(project, caller.server).showing(Shown::Bearer(caller.key.to_owned()));
            let answered = doors.input(channel, Target::Workflow("Pay"), input.as_bytes());
            assert_eq!(answered.is_ok(), end.is_empty(), "{channel:?}: {answered:?}");
        }
    }
}

/// Leaves something everywhere where something can be left, and tells of the run that has some of it.
fn fill(caller: &Caller<'_>, canaries: &Canaries) -> String {
    let start = json!({
        "workflow": "Hold", "workflow_id": "hold", "input": { "card": canaries.of("an input") },
        "memo": { "note": canaries.of("a memo") },
    });
    let run = caller.verb("run.start", &start)["run_id"].as_str().unwrap().to_owned();
    let signal = json!({ "run_id": run, "signal": "Note", "input": { "text": canaries.of("a signal") } });
    caller.verb("run.signal", &signal);
    caller.verb("run.result", &json!({ "run_id": run, "wait": "10s" }));
    let event = json!({ "namespace": "shop", "type": "paid", "data": { "card": canaries.of("an event") } });
    assert_eq!(caller.verb("event.publish", &event).get("code"), None);
    let session = json!({ "namespace": "shop", "state": { "card": canaries.of("a session") } });
    assert_eq!(caller.verb("session.create", &session).get("code"), None);
    run
}

/// What whoever shows a wrong credential is told.
fn show_wrong_credentials(project: &Project, caller: &Caller<'_>, canaries: &Canaries) -> String {
    let mut answers = String::new();
    for wrong in ["a wrong key", "a wrong token"] {
        let bearer = format!("Bearer {}", canaries.of(wrong));
        for shown in
            [("authorization", &*bearer), ("x-api-key", canaries.of(wrong)), ("cookie", canaries.of(wrong))]
        {
            let _ = write!(answers, "{}", caller.text("/v1/runs", shown));
        }
        let told = command(project.path())
            .args(["run", "list", "--server", &caller.server.url])
            .env("NEXUS_TOKEN", canaries.of(wrong))
            .output()
            .unwrap();
        let _ = write!(answers, "{told:?}");
    }
    answers
}

#[test]
fn no_secret_is_in_anything_that_a_server_leaves() {
    let mut collector = Collector::start();
    let project = Project::with(&[("workflows/a.twf", WORKFLOWS), ("activities/a.js", CHARGE)]);
    project.write("private", "canary-of-file");
    let master = project.nexus(&["encryption", "key"]).ok().stdout().trim().to_owned();
    project.write("master", &master);
    project.write("nexus.toml", &config(&collector.url));
    let server = project.serve_telling("debug");
    let key = project
        .nexus(&["key", "create", "test", "--role", "operator", "--namespace", "shop"])
        .ok()
        .stdout()
        .trim()
        .to_owned();
    let canaries = canaries(&key, &master);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let caller = Caller { server: &server, key: &key, runtime };

    let stored = json!({ "namespace": "shop", "name": "bank", "value": canaries.of("a stored secret") });
    assert_eq!(caller.verb("secret.set", &stored)["name"], "bank");
    call(&project, &caller, &canaries);
    let run = fill(&caller, &canaries);
    let answers = show_wrong_credentials(&project, &caller, &canaries);
    canaries.are_not_in("an answer to a wrong credential", &answers);
    canaries.are_not_in("the metrics", &caller.text("/metrics", ("x-api-key", &key)));
    canaries.are_not_in("the health", &caller.text("/health", ("x-api-key", &key)));
    canaries.are_not_in("the audit log", &project.nexus(&["audit", "export"]).ok().stdout());
    canaries.are_not_in("the list of secrets", &caller.verb("secret.list", &json!({})).to_string());
    let found = caller.verb("run.show", &json!({ "run_id": run }));
    assert!(found.to_string().contains("canary-of-memo"), "whoever may see it does: {found}");
    collector.span("run Pay");
    drop(caller);
    server.stop();
    collector.drain();
    canaries.are_not_in("the traces", &collector.seen);
    canaries.are_not_in("the log", &server_log(project.path()));
    for (what, canary) in &canaries.0 {
        assert_eq!(holds(&project.path().join(".nexus"), canary), None, "{what}");
    }
}
