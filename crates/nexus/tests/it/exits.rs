//! Exit codes: every one that the documentation lists, by commands that people type, with a server and without.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use crate::support::{Project, root};

const WORKFLOWS: &str = r#"
workflow Add(a: int, b: int = 1) -> (int):
    close complete(a + b)

workflow Sad() -> (int):
    close fail("sad")

workflow Wait() -> (any):
    signal Go():
        ...
    await signal Go
    close complete(1)
"#;

/// Something before a server that lets nobody in, and is no Nexus itself; gives its URL.
fn refusing(status: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let mut reader = BufReader::new(&stream);
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap() > 2 {
                line.clear();
            }
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            (&stream).write_all(answer.as_bytes()).unwrap();
        }
    });
    url
}

/// The numbers in the table of the documentation.
fn documented() -> BTreeSet<i32> {
    let page = std::fs::read_to_string(root().join("docs/cli.md")).unwrap();
    let table = page.split("| exit code | |").nth(1).unwrap().split("\n\n").next().unwrap();
    table.lines().filter_map(|row| row.split('|').nth(1)?.trim().parse().ok()).collect()
}

#[test]
fn every_documented_code_is_what_commands_exit_with() {
    let project = Project::with(&[("workflows/a.twf", WORKFLOWS)]);
    let (unknown, forbidden) = (refusing("401 Unauthorized"), refusing("403 Forbidden"));
    let cases: &[(i32, &[&str])] = &[
        (0, &["run", "Add", "--a", "1"]),
        (1, &["run", "Sad"]),
        (2, &["run", "Add", "--a", "x"]),
        (2, &["run", "Add", "--nothing"]),
        (2, &["call", "run.list", "--limit", "-1"]),
        (3, &["run", "list", "--server", &unknown]),
        (3, &["run", "Add", "--a", "1", "--server", &forbidden]),
        (4, &["run", "Nowhere"]),
        (4, &["call", "run.nothing"]),
        (4, &["run", "show", "run_0688ab1tdpv3h9m5x7cq2wnk4e"]),
        (5, &["run", "list", "--server", "http://127.0.0.1:1"]),
        (6, &["run", "Wait", "--timeout", "50ms"]),
    ];
    let covered: BTreeSet<i32> = cases.iter().map(|(code, _)| *code).collect();
    assert_eq!(covered, documented(), "the table of docs/cli.md and this one");
    for served in [false, true] {
        let _server = served.then(|| project.serve());
        for (code, line) in cases {
            for format in ["table", "json"] {
                let ran = project.nexus(&[line, &["--format", format][..]].concat());
                let told = format!("{line:?} served: {served}\n{}\n{}", ran.stdout(), ran.stderr());
                assert_eq!(ran.code(), *code, "{told}");
            }
        }
    }
}

#[test]
fn who_is_not_let_in_is_told_what_would_help() {
    let url = refusing("403 Forbidden");
    let ran = Project::empty().nexus(&["run", "list", "--server", &url]);
    ran.refused(3, "NX-2709", "refused");
    ran.refused(3, "answers with 403: it does not let this caller in", "refused");
    ran.refused(3, "NEXUS_TOKEN", "refused");
}
