//! HTTP activities over `https`, with authorities and services of the tests' own.

mod cli;
pub(crate) mod service;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use crate::support::{Project, Ran, command};
use service::{Authority, Secure};

/// A workflow that calls an activity twice, and makes one attempt of each call.
fn twice(name: &str) -> String {
    let call = |to: &str| {
        format!(
            "    activity Ask{name}() -> {to}\n        options:\n            retry_policy:\n                \
             maximum_attempts: 1\n"
        )
    };
    let (first, second) = (call("first"), call("second"));
    format!(
        "workflow {name}() -> (any):\n{first}{second}    close complete([first, second])\n\n\
         activity Ask{name}() -> (any):\n    ...\n\n"
    )
}

/// A project with such a workflow for each of these services.
fn project(services: &[(&str, String)], ca: Option<&str>) -> Project {
    let source: String = services.iter().map(|(name, _)| twice(name)).collect();
    let bind = |(name, url): &(&str, String)| {
        format!("[activities.Ask{name}]\nbinding = \"http\"\nurl = \"{url}\"\n")
    };
    let config: String = services.iter().map(bind).collect();
    let ca_file = if ca.is_some() { "[http]\nca_file = \"certificates/ca.pem\"\n" } else { "" };
    let config = format!("{ca_file}{config}");
    Project::with(&[
        ("workflows/a.twf", &source),
        ("nexus.toml", &config),
        ("certificates/ca.pem", ca.unwrap_or_default()),
    ])
}

/// Runs a workflow of the project; the system trusts this file only.
fn run(project: &Project, workflow: &str, system: &str) -> Ran {
    let mut command = command(project.path());
    command.args(["run", workflow]).env("SSL_CERT_FILE", system).env_remove("SSL_CERT_DIR");
    let output = command.output();
    Ran::of(output.unwrap(), project)
}

fn failed(ran: &Ran, type_name: &str, code: &str, words: &str) {
    let said = ran.stderr();
    assert_eq!(ran.code(), 1, "{said}");
    let one_line = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [type_name, code, words] {
        assert!(one_line.contains(part), "{part:?} is not in {said}");
    }
}

#[test]
fn a_configured_authority_is_trusted_and_connections_are_kept() {
    let authority = Authority::new();
    let service = Secure::start(authority.sign("localhost", false));
    let url = format!("https://localhost:{}/", service.address.port());
    let project = project(&[("Good", url)], Some(&authority.pem));
    let ran = run(&project, "Good", "/dev/null").ok();
    assert_eq!(ran.stdout().split_whitespace().collect::<String>(), "[1,2]", "{}", ran.stderr());
    assert_eq!(service.connections(), 1, "the second attempt uses the connection of the first");
}

#[test]
fn the_systems_authorities_are_trusted() {
    let authority = Authority::new();
    let service = Secure::start(authority.sign("localhost", false));
    let url = format!("https://localhost:{}/", service.address.port());
    let project = project(&[("Good", url)], None);
    project.write("system.pem", &authority.pem);
    run(&project, "Good", "system.pem").ok();
}

#[test]
fn certificates_that_cannot_be_trusted_are_told_apart() {
    let (ours, strange) = (Authority::new(), Authority::new());
    let stranger = Secure::start(strange.sign("localhost", false));
    let other = Secure::start(ours.sign("shop.example", false));
    let old = Secure::start(ours.sign("localhost", true));
    let url = |service: &Secure| format!("https://localhost:{}/", service.address.port());
    let services = [("Stranger", url(&stranger)), ("Other", url(&other)), ("Old", url(&old))];
    let project = project(&services, Some(&ours.pem));
    let ran = |workflow| run(&project, workflow, "/dev/null");
    failed(&ran("Stranger"), "TlsUntrusted", "NX-5012", "ca_file");
    failed(&ran("Other"), "TlsWrongName", "NX-5013", "shop.example");
    failed(&ran("Old"), "TlsExpired", "NX-5014", "has expired");
}

#[test]
fn what_is_no_tls_and_having_no_authorities_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // What is not read would make the end of the connection overtake the answer.
            let _ = stream.read(&mut [0; 16_384]).unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        }
    });
    let authority = Authority::new();
    let services = [("Plain", url)];
    failed(
        &run(&project(&services, Some(&authority.pem)), "Plain", "/dev/null"),
        "TlsFailed",
        "NX-5011",
        "no secure connection",
    );
    let bare = project(&services, None);
    failed(&run(&bare, "Plain", "/dev/null"), "TlsNoRoots", "NX-5015", "ca-certificates");
}

#[test]
fn a_file_without_certificates_is_told_when_the_project_is_read() {
    let project = project(&[("Good", "https://localhost/".to_owned())], Some("no certificates here"));
    let ran = project.nexus(&["run", "Good"]);
    assert_eq!(ran.code(), 2, "{}", ran.stderr());
    assert!(ran.stderr().contains("holds no certificate") && ran.stderr().contains("http.ca_file"));
}

#[test]
fn the_command_line_refuses_a_server_that_it_cannot_trust() {
    let authority = Authority::new();
    let service = Secure::start(authority.sign("localhost", false));
    let url = format!("https://localhost:{}", service.address.port());
    let project = Project::empty();
    project.write("other.pem", &Authority::new().pem);
    let mut ask = command(project.path());
    ask.args(["run", "list", "--server", &url]).env("SSL_CERT_FILE", "other.pem").env_remove("SSL_CERT_DIR");
    let ran = Ran::of(ask.output().unwrap(), &project);
    assert_eq!(ran.code(), 5, "{}", ran.stderr());
    assert!(ran.stderr().contains("NX-5012"), "{}", ran.stderr());
}
