//! Files under `schemas/` that say what the binary offers: written by this test when `NEXUS_UPDATE_SCHEMAS` is set,
//! and compared by it otherwise, so that a change of the surface shows in review.

use std::fmt::Write as _;

use nexus_kernel::code;
use serde_json::json;

use crate::support::{Project, root};

pub(crate) fn compare(name: &str, now: &str) {
    let path = root().join("schemas").join(name);
    if std::env::var_os("NEXUS_UPDATE_SCHEMAS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, now).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == now,
        "schemas/{name} is out of date: run the tests with NEXUS_UPDATE_SCHEMAS=1 and commit it"
    );
}

/// The commands whose help is kept.
const COMMANDS: &[&[&str]] = &[
    &[],
    &["up"],
    &["run"],
    &["run", "list"],
    &["run", "count"],
    &["run", "attributes"],
    &["run", "show"],
    &["run", "history"],
    &["run", "signal"],
    &["run", "query"],
    &["run", "update"],
    &["run", "cancel"],
    &["run", "terminate"],
    &["run", "pause"],
    &["run", "unpause"],
    &["run", "signal-with-start"],
    &["run", "update-with-start"],
    &["run", "reset"],
    &["run", "export"],
    &["run", "import"],
    &["run", "stack"],
    &["run", "delete"],
    &["call"],
    &["call", "run.list"],
    &["list"],
    &["describe"],
    &["schema"],
    &["validate"],
    &["bench"],
    &["shell"],
    &["auth"],
    &["auth", "explain"],
    &["auth", "whoami"],
    &["login"],
    &["logout"],
    &["audit"],
    &["audit", "list"],
    &["audit", "verify"],
    &["audit", "head"],
    &["audit", "export"],
    &["cache"],
    &["cache", "show"],
    &["cache", "invalidate"],
    &["session"],
    &["session", "create"],
    &["session", "show"],
    &["session", "set"],
    &["session", "list"],
    &["session", "delete"],
    &["profile"],
    &["profile", "add"],
    &["profile", "list"],
    &["profile", "show"],
    &["profile", "use"],
    &["profile", "remove"],
    &["completion"],
    &["man"],
    &["check"],
    &["graph"],
    &["fmt"],
    &["migrate"],
    &["parse"],
    &["symbols"],
    &["new"],
    &["workflow"],
    &["workflow", "list"],
    &["workflow", "show"],
    &["event"],
    &["event", "publish"],
    &["event", "list"],
    &["event", "show"],
    &["event", "tail"],
    &["batch"],
    &["batch", "start"],
    &["batch", "describe"],
    &["batch", "list"],
    &["batch", "stop"],
    &["queue"],
    &["queue", "list"],
    &["queue", "describe"],
    &["queue", "pause"],
    &["queue", "unpause"],
    &["queue", "limit"],
    &["config"],
    &["config", "check"],
    &["config", "print"],
    &["config", "schema"],
    &["config", "limits"],
    &["backup"],
    &["restore"],
    &["doctor"],
    &["activity"],
    &["activity", "complete"],
    &["activity", "fail"],
    &["activity", "heartbeat"],
    &["activity", "pause"],
    &["activity", "unpause"],
    &["activity", "reset"],
    &["activity", "update-options"],
    &["explain"],
    &["lsp"],
];

#[test]
fn the_command_line() {
    let project = Project::empty();
    let mut text = String::new();
    for command in COMMANDS {
        let line = [command, &["--help"][..]].concat();
        let ran = project.nexus(&line).ok();
        writeln!(text, "$ nexus {}\n{}", line.join(" "), ran.stdout()).unwrap();
    }
    compare("cli.txt", &text);
}

#[test]
fn the_error_codes() {
    let codes = code::ALL.iter().map(
        |code| json!({ "code": code.id, "title": code.title, "http": code.http, "exit": code.exit.number() }),
    );
    let text = serde_json::to_string_pretty(&codes.collect::<Vec<_>>()).unwrap();
    compare("errors.json", &format!("{text}\n"));
}

#[tokio::test]
async fn the_operations() {
    let project = Project::with(&[("workflows/none.twf", "")]);
    let server = project.serve();
    let url = format!("{}/v1/operations", server.url);
    let listed: serde_json::Value =
        crate::support::http().get(url).send().await.unwrap().json().await.unwrap();
    compare("operations.json", &format!("{}\n", serde_json::to_string_pretty(&listed).unwrap()));
}

/// The document of a server of the smallest useful project, so that the shape of a workflow is in it as well.
#[tokio::test]
async fn the_openapi_document() {
    let program = "# Greets somebody.\nworkflow Greet(name: string) -> (string):\n    close complete(name)\n";
    let project = Project::with(&[("workflows/greet.twf", program)]);
    let server = project.serve();
    let url = format!("{}/openapi.json", server.url);
    let document: serde_json::Value =
        crate::support::http().get(url).send().await.unwrap().json().await.unwrap();
    compare("openapi.json", &format!("{}\n", serde_json::to_string_pretty(&document).unwrap()));
}
