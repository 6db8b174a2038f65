//! Requests of JavaScript functions, through the whole binary.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;

use serde_json::json;

use crate::support::{Project, Ran, command};

const WORKFLOW: &str = "\
workflow Ask(path: string) -> (any):
    activity Get(path) -> answer
        options:
            start_to_close_timeout: 1s
            retry_policy:
                maximum_attempts: 1
    close complete(answer)

activity Get(path: string) -> (any):
    ...
";

fn source(port: u16) -> String {
    format!(
        "export async function Get(path, ctx) {{
           try {{
             const {{ status, data, headers }} = await ctx.http('http://127.0.0.1:{port}' + path);
             return {{ status, data, kind: headers['content-type'] }};
           }} catch (e) {{ return [e instanceof PermissionError, e.name, e.code] }}
         }}"
    )
}

fn project(port: u16, config: &str) -> Project {
    Project::with(&[
        ("workflows/a.twf", WORKFLOW),
        ("activities/a.js", &source(port)),
        ("nexus.toml", config),
    ])
}

fn ask(project: &Project, path: &str) -> Ran {
    let input = json!({ "path": path }).to_string();
    // A proxy that is named by a variable would be asked in place of the service.
    let mut command = command(project.path());
    command.args(["run", "Ask", "--json", &input]).env("HTTP_PROXY", "http://127.0.0.1:9");
    Ran::of(command.output().unwrap(), project)
}

/// A service that answers `/fine`; to anybody else it says nothing and waits until they go away.
fn service() -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, told) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let path = path(&stream);
            let _ = sender.send(path.clone());
            if path == "/fine" {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
                let _ = write!(stream, "{head}\r\ncontent-length: 5\r\n\r\n[1,2]");
            } else {
                let end = stream.read(&mut [0; 1]).is_ok_and(|read| read == 0);
                let _ = sender.send(if end { "closed".into() } else { "broken".into() });
            }
        }
    });
    (port, told)
}

fn path(stream: &TcpStream) -> String {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    lines.for_each(drop);
    first.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[test]
fn a_granted_function_sends_requests_and_a_denied_one_is_told() {
    let (port, told) = service();
    let token = format!("http:fetch:127.0.0.1:{port}");
    let granted = format!("[sandbox]\ncapabilities = [\"{token}\"]\n");
    let allowed = format!(
        "[http]\nallow_addresses = [\"127.0.0.1\"]\n[sandbox.functions.Get]\ncapabilities = [\"{token}\"]\n"
    );
    let fine = ask(&project(port, &allowed), "/fine").ok().json();
    assert_eq!(fine, json!({ "status": 200, "data": [1, 2], "kind": "application/json" }), "{fine:#}");
    assert_eq!(told.try_iter().count(), 1);
    for (config, code) in [("", "NX-5005"), (granted.as_str(), "NX-5016")] {
        let denied = ask(&project(port, config), "/fine").ok();
        assert_eq!(denied.json(), json!([true, "PermissionError", code]), "{config}");
        assert!(denied.stderr().contains("denied"), "{}", denied.stderr());
    }
    assert_eq!(told.try_iter().count(), 0, "nothing was sent");
}

#[test]
fn a_request_ends_with_its_function() {
    let (port, told) = service();
    let config = format!(
        "[http]\nallow_addresses = [\"127.0.0.1\"]\n[sandbox]\ncapabilities = [\"http:fetch:127.0.0.1:{port}\"]\n"
    );
    let ran = ask(&project(port, &config), "/slow");
    assert_ne!(ran.code(), 0, "{}", ran.stdout());
    assert!(
        ran.stderr().contains("StartToClose") || ran.stdout().contains("StartToClose"),
        "{}",
        ran.stderr()
    );
    assert_eq!((told.recv().unwrap().as_str(), told.recv().unwrap().as_str()), ("/slow", "closed"));
}

#[test]
fn a_grant_for_a_function_that_nobody_exports_is_told() {
    let config = "[sandbox.functions.Gets]\ncapabilities = [\"http:fetch:a.test\"]\n";
    let ran = project(1, config).nexus(&["check"]);
    assert_ne!(ran.code(), 0);
    let said = ran.stdout() + &ran.stderr();
    assert!(said.contains("sandbox.functions.Gets") && said.contains("did you mean Get?"), "{said}");
}
