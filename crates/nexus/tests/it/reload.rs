//! Reloading under load, what it tells, and callers who go away.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value as Json, json};

use crate::events::Stream;
use crate::support::{Project, http};

fn greet(words: &str) -> String {
    format!("workflow Greet(name: string) -> (string):\n    close complete(\"{words} \" + name)\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_under_load_loses_no_request_and_says_what_changed() {
    let project = Project::with(&[("workflows/greet.twf", &greet("hello"))]);
    let server = project.serve();
    let mut events = Stream::open(&server, "/v1/events?after=0", "");
    let (is_over, calls) = (AtomicBool::new(false), AtomicU64::new(0));
    let calling = async || {
        let client = http();
        while !is_over.load(Ordering::SeqCst) {
            let url = format!("{}/v1/workflows/Greet/runs?wait=20s", server.url);
            let answer = client.post(url).json(&json!({ "name": "Ada" })).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            let output = answer.json::<Json>().await.unwrap()["output"].as_str().unwrap().to_owned();
            assert!(output.ends_with(" Ada"), "{output}");
            calls.fetch_add(1, Ordering::SeqCst);
        }
    };
    let reloading = async {
        for round in 0..5 {
            let before = calls.load(Ordering::SeqCst);
            project.write("workflows/greet.twf", &greet(&format!("round {round}")));
            project.write(
                &format!("workflows/more{round}.twf"),
                &format!("workflow More{round}() -> (int):\n    close complete({round})\n"),
            );
            let wanted = format!("More{round}");
            let seen = tokio::task::block_in_place(|| events.until(&wanted));
            assert!(seen, "{}", events.text);
            while calls.load(Ordering::SeqCst) < before + 3 {
                tokio::task::yield_now().await;
            }
        }
        is_over.store(true, Ordering::SeqCst);
    };
    tokio::join!(calling(), calling(), reloading);
    assert!(events.text.contains("nexus.project.reloaded"), "{}", events.text);
    let refused = project.nexus(&["event", "publish", "nexus.project.reloaded"]);
    assert_eq!(refused.code(), 2, "only Nexus says so");
}

const WAITING: &str = "\
workflow Wait() -> (int):
    signal Go():
        done = 1
    await signal Go
    close complete(1)
";

/// Starts a run on a connection of its own, waits until it is there, and goes away.
fn leave(project: &Project, url: &str, id: &str, query: &str) {
    let mut connection = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    let head = format!(
        "POST /v1/workflows/Wait/runs?wait=60s{query} HTTP/1.1\r\nhost: localhost\r\nx-workflow-id: {id}\r\ncontent-length: 0\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).unwrap();
    while project.nexus(&["run", "show", id]).code() != 0 {}
}

#[test]
fn a_caller_who_goes_away_leaves_the_run_or_cancels_it_as_declared() {
    let config = "[workflows.Wait]\non_disconnect = \"cancel\"\n";
    let project = Project::with(&[("workflows/wait.twf", WAITING), ("nexus.toml", config)]);
    let server = project.serve();
    leave(&project, &server.url, "declared", "");
    leave(&project, &server.url, "detached", "&on_disconnect=detach");
    let shown = |id: &str, wait: u64| {
        let input = json!({ "workflow_id": id, "wait_ms": wait }).to_string();
        project.nexus(&["call", "run.show", "--json", &input, "--format", "json"]).ok().json()
    };
    assert_eq!(shown("declared", 20_000)["status"], "canceled");
    assert_eq!(shown("detached", 0)["status"], "running");
    drop(server);
}
