//! The log of the real server.

use std::process::Stdio;

use serde_json::{Value as Json, json};

use crate::support::{Project, command, http};

const WORKFLOWS: &str = "\
workflow Take(text: string) -> (string):
    close complete(text)

worker One:
    workflow Take

namespace default:
    worker One
        options:
            task_queue: \"one\"
";

/// What nobody may ever see.
const CANARY: &str = "canary-51c0e";

fn project(config: &str) -> Project {
    Project::with(&[("workflows/a.twf", WORKFLOWS), ("nexus.toml", config)])
}

/// Does all of this with a server, and gives the lines of its log.
fn logged(project: &Project, args: &[&str], requests: impl AsyncFn(String)) -> Vec<String> {
    let mut server = command(project.path());
    let server =
        server.args(["up", ".", "--port", "0"]).args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut server = server.spawn().unwrap();
    let mut url = String::new();
    let mut out = std::io::BufReader::new(server.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut url).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(requests(url.trim().to_owned()));
    assert!(std::process::Command::new("kill").arg(server.id().to_string()).status().unwrap().success());
    let ended = server.wait_with_output().unwrap();
    String::from_utf8(ended.stderr).unwrap().lines().map(ToOwned::to_owned).collect()
}

async fn calls(url: String) {
    let client = http();
    let secret = json!({ "text": CANARY });
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for path in
        ["workflows/Take/execute", "v1/operations/a%0A%0D%1b[31mb%E2%80%A8c", "workflows/x%22%5C%0A/execute"]
    {
        let request = client.post(format!("{url}/{path}")).header("traceparent", parent);
        let request = request.header("authorization", format!("Bearer {CANARY}"));
        request.header("x-request-id", "mine-1").json(&secret).send().await.unwrap();
    }
}

#[test]
fn a_log_of_objects_has_one_for_each_request() {
    let lines = logged(&project("[log]\nformat = \"json\"\n"), &[], calls);
    let objects: Vec<Json> = lines
        .iter()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let calls: Vec<&Json> = objects.iter().filter(|it| it["message"] == "call").collect();
    assert_eq!(calls.len(), 3, "{lines:#?}");
    let first = calls[0];
    for (field, value) in [
        ("level", json!("info")),
        ("channel", json!("rest")),
        ("operation", json!("Take")),
        ("namespace", json!("default")),
        ("status", json!("ok")),
        ("request_id", json!("mine-1")),
        ("caller", json!("local")),
    ] {
        assert_eq!(first[field], value, "{field}: {first}");
    }
    assert!(first["run"].as_str().unwrap().starts_with("run_") && first["micros"].is_u64(), "{first}");
    let time = first["time"].as_str().unwrap();
    assert!(time.len() >= 20 && time.contains('T') && time.ends_with('Z'), "RFC 3339: {time}");
    assert_eq!(calls[1]["operation"], "a\n\r\u{1b}[31mb\u{2028}c");
    assert!(calls[1]["status"].as_str().unwrap().starts_with("NX-"), "{}", calls[1]);
    assert!(!lines.concat().contains(CANARY), "{lines:#?}");
}

#[test]
fn no_name_breaks_a_line_for_people() {
    let lines = logged(&project(""), &["--log-format", "pretty"], calls);
    let calls: Vec<&String> = lines.iter().filter(|line| line.contains(": call ")).collect();
    assert_eq!(calls.len(), 3, "{lines:#?}");
    assert!(calls[1].contains(r#"operation="a\n\r\u{1b}[31mb\u{2028}c""#), "{}", calls[1]);
    assert!(calls[2].contains(r#"operation="x\"\\\n""#), "{}", calls[2]);
    let text = lines.concat();
    assert!(!text.contains(CANARY) && !text.contains(['\u{1b}', '\u{2028}']), "{lines:#?}");
}

#[test]
fn flags_come_before_the_file_and_nonsense_is_refused() {
    let lines = logged(&project("[log]\nformat = \"json\"\n"), &["--log-level", "warn"], calls);
    assert!(!lines.iter().any(|line| line.contains("\"call\"")), "{lines:#?}");
    let lines = logged(
        &project("[log]\nlevel = \"error\"\n"),
        &["--log-level", "info", "--log-format", "json"],
        calls,
    );
    assert_eq!(lines.iter().filter(|line| line.contains("\"message\":\"call\"")).count(), 3, "{lines:#?}");
    project("").nexus(&["up", ".", "--log-level", "loud=very"]).refused(2, "NX-1205", "a level");
    project("[log]\nlevel = \"loud=very\"\n").nexus(&["check"]).refused(2, "NX-1205", "a level of the file");
    project("[log]\nformat = \"xml\"\n").nexus(&["check"]).refused(2, "NX-1003", "a format of the file");
}
