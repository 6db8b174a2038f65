//! Encryption at rest and secrets of the store, through the whole binary.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::json;

use crate::support::{Project, Ran, command};

const WORKFLOWS: &str = "\
workflow Pay(card: string) -> (any):
    activity Charge(card) -> paid
        options:
            retry_policy:
                maximum_attempts: 1
    close complete(paid)

activity Charge(card: string) -> (any):
    ...

worker All:
    workflow Pay
    activity Charge

namespace default:
    worker All
        options:
            task_queue: \"all\"

namespace shop:
    worker All
        options:
            task_queue: \"shop\"
";

const CHARGE: &str = "export async function Charge(card, ctx) {
  const key = await ctx.secret('bank');
  await ctx.kv.put('last', card);
  return { card, blob: await ctx.blob.put(card), length: key.length };
}";

const SECRETS: &str = "[sandbox]\ncapabilities = [\"secret:read\", \"kv:read\", \"kv:write\", \"blob:write\"]\n[secrets.bank]\nstored = true\n";

const ENCRYPTION: &str =
    "[encryption]\nkey = \"master\"\npayloads = true\n[secrets.master]\nenv = \"MASTER\"\n";

const CANARY: &str = "canary-71c3";

fn project() -> Project {
    let config = format!("{SECRETS}{ENCRYPTION}");
    Project::with(&[("workflows/a.twf", WORKFLOWS), ("activities/a.js", CHARGE), ("nexus.toml", &config)])
}

/// A new master key.
fn master(project: &Project) -> String {
    project.nexus(&["encryption", "key"]).ok().stdout().trim().to_owned()
}

/// The binary with this master key, and this on its standard input.
fn with(project: &Project, key: &str, input: &str, args: &[&str]) -> Ran {
    let mut command = command(project.path());
    command.args(args).env("MASTER", key).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let _ = process.stdin.take().unwrap().write_all(input.as_bytes()); // who refuses early need not read on
    Ran::of(process.wait_with_output().unwrap(), project)
}

/// Whether any file of a folder holds this text.
pub(crate) fn holds(folder: &Path, text: &str) -> Option<String> {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            if let Some(found) = holds(&path, text) {
                return Some(found);
            }
        } else if std::fs::read(&path)
            .is_ok_and(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
        {
            return Some(path.display().to_string());
        }
    }
    None
}

#[test]
fn a_secret_of_the_store_is_sealed_used_and_given_back_to_nobody() {
    let project = project();
    let key = master(&project);
    let run = |input: &str, args: &[&str]| with(&project, &key, input, args);
    let pay = |workflow: &str| run("", &["run", workflow, "--json", r#"{"card":"visa-canary-71c3"}"#]);
    pay("default/Pay").refused(1, "nobody set it", "it is not there yet");
    run("open-canary-71c3\n", &["secret", "set", "bank"]).ok();
    run("of-shop\n", &["secret", "set", "bank", "--namespace", "shop"]).ok();
    assert_eq!(pay("default/Pay").ok().json()["length"], 16);
    assert_eq!(pay("shop/Pay").ok().json()["length"], 7);
    let listed = run("", &["secret", "list", "--format", "json"]).ok();
    assert_eq!(listed.json()["secrets"][0]["name"], "bank");
    assert!(!listed.stdout().contains(CANARY), "{}", listed.stdout());
    assert_eq!(holds(&project.path().join(".nexus"), CANARY), None, "what was given lies open");
    run("abc", &["secret", "set", "bank"]).refused(2, "NX-2001", "too short");
    run("", &["secret", "delete", "bnk"]).refused(1, "did you mean \"bank\"?", "not there");
    run("", &["secret", "delete", "bank"]).ok();
    pay("default/Pay").refused(1, "nobody set it", "taken away");
    assert_eq!(pay("shop/Pay").ok().json()["length"], 7);
}

#[test]
fn keys_rotate_and_without_the_right_one_nothing_opens() {
    let project = project();
    let (first, second) = (master(&project), master(&project));
    with(&project, &first, "open-sesame", &["secret", "set", "bank"]).ok();
    let paid = with(&project, &first, "", &["run", "default/Pay", "--json", r#"{"card":"1"}"#]);
    assert_eq!(paid.ok().json()["length"], 11);
    let list = ["run", "list"];
    with(&project, &second, "", &list).refused(5, "NX-2093", "another key");
    with(&project, "", "", &list).refused(5, "NX-5052", "no key");
    with(&project, "short", "", &list).refused(2, "NX-1210", "no master key");
    let config = format!(
        "{SECRETS}{}",
        ENCRYPTION.replace("env = \"MASTER\"", "file = \"new\"\n[secrets.old]\nenv = \"MASTER\"")
    );
    let config = config.replace("payloads", "previous = [\"old\"]\npayloads");
    project.write("nexus.toml", SECRETS);
    with(&project, &first, "", &list).refused(5, "names no key", "no section");

    // The first one hands over to the second, and is not needed any more.
    project.write("new", &second);
    project.write("nexus.toml", &config);
    with(&project, &first, "", &["encryption", "rotate"]).ok();
    project.write("nexus.toml", &format!("{SECRETS}{ENCRYPTION}"));
    let shown = with(&project, &second, "", &["encryption", "show", "--format", "json"]).ok().json();
    let keys = shown["keys"].as_array().unwrap();
    assert!(keys.len() >= 2 && keys.iter().all(|key| key["current"] == 2 && key["keys"] == 2), "{shown}");
    assert_eq!(shown["payloads"], json!(["*"]));
    let found = with(&project, &second, "", &["run", "list", "--format", "json"]).ok().json();
    let run = found["runs"][0]["run_id"].as_str().unwrap().to_owned();
    let result =
        with(&project, &second, "", &["call", "run.result", "--json", &json!({ "run_id": run }).to_string()])
            .ok();
    assert!(result.stdout().contains("length"), "{}", result.stdout());
    with(&project, &first, "", &list).refused(5, "NX-2093", "the first one");
}

#[test]
fn without_a_key_nothing_is_kept_and_no_function_is_given_a_master_key() {
    let project = project();
    project.write("nexus.toml", SECRETS);
    with(&project, "", "open-sesame", &["secret", "set", "bank"]).refused(2, "NX-2094", "no key");
    let shown = project.nexus(&["encryption", "show"]).ok();
    assert!(shown.stderr().contains("nothing is sealed"), "{}", shown.stderr());
    let key = master(&project);
    project.write("nexus.toml", &format!("{SECRETS}{ENCRYPTION}"));
    project.write("activities/a.js", &CHARGE.replace("'bank'", "'master'"));
    let ran = with(&project, &key, "", &["run", "default/Pay", "--json", r#"{"card":"1"}"#]);
    ran.refused(1, "there is no secret \"master\"", "the master key is no secret of functions");
}
