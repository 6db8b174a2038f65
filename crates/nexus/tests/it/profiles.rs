//! Servers by name: what is kept where, who wins, and what a server is sent.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use crate::support::{Project, Ran, command};

const WORKFLOW: &str = "workflow Where() -> (string):\n    close complete(\"PLACE\")\n";

fn project(place: &str) -> Project {
    Project::with(&[("workflows/where.twf", &WORKFLOW.replace("PLACE", place))])
}

/// A command with something piped in.
fn piped(project: &Project, args: &[&str], input: &str) -> Ran {
    let mut process = command(project.path())
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Ran::of(process.wait_with_output().unwrap(), project)
}

#[test]
fn profiles_are_added_used_and_removed() {
    let project = Project::empty();
    piped(
        &project,
        &["profile", "add", "prod", "--url", "https://nexus.example", "--token", "-"],
        "canary-7\n",
    )
    .ok();
    project
        .nexus(&[
            "profile",
            "add",
            "test",
            "--url",
            "http://127.0.0.1:1",
            "--token-env",
            "TEST_TOKEN",
            "--use",
        ])
        .ok();
    let file = project.path().join("config-of-the-user/profiles.toml");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    for line in
        [&["profile", "list"][..], &["profile", "show", "prod"], &["profile", "list", "--format", "json"]]
    {
        let ran = project.nexus(line).ok();
        assert!(!ran.stdout().contains("canary") && !ran.stderr().contains("canary"), "{line:?}");
    }
    insta::assert_snapshot!(project.nexus(&["profile", "list"]).ok().stdout());
    project.nexus(&["run", "list"]).refused(2, "takes its token from TEST_TOKEN, which is not set", "in use");
    project.nexus(&["profile", "use", "prd"]).refused(4, "did you mean \"prod\"?", "mistyped");
    project.nexus(&["profile", "add", "x", "--url", "https://h", "--token", "abc"]).refused(
        2,
        "NX-2705",
        "in the open",
    );
    project
        .nexus(&["profile", "add", "x", "--url", "http://nexus.example", "--token-env", "T"])
        .refused(2, "NX-2706", "http");
    project.nexus(&["profile", "add", "x", "--url", "nexus"]).refused(
        2,
        "is not the URL of a server",
        "no URL",
    );
    project.nexus(&["profile", "remove", "test"]).ok();
    let left = project.nexus(&["profile", "list", "--format", "json"]).ok().json();
    assert_eq!(left["profiles"].as_array().map(Vec::len), Some(1));
    assert_eq!(left["profiles"][0]["current"], false);
}

#[test]
fn the_nearest_word_wins() {
    let (flag, env, profile) = (project("flag"), project("env"), project("profile"));
    let (by_flag, by_env, by_profile) = (flag.serve(), env.serve(), profile.serve());
    let here = project("here");
    let asked = |args: &[&str], server: Option<&str>| {
        let mut command = command(here.path());
        command.args(["run", "Where", "--format", "raw"]).args(args);
        server.map(|url| command.env("NEXUS_SERVER", url));
        Ran::of(command.output().unwrap(), &here).ok().stdout().trim().to_owned()
    };
    assert_eq!(asked(&[], None), "here", "nothing said, no server: this process");
    here.nexus(&["profile", "add", "p", "--url", &by_profile.url, "--use"]).ok();
    assert_eq!(asked(&[], None), "profile");
    assert_eq!(asked(&["--profile", "local"], None), "here");
    assert_eq!(asked(&[], Some(&by_env.url)), "env");
    assert_eq!(asked(&["--profile", "p"], Some(&by_env.url)), "profile");
    assert_eq!(asked(&["--server", &by_flag.url], Some(&by_env.url)), "flag");
    let own = here.serve();
    assert_eq!(asked(&["--profile", "local"], None), "here", "the project's own server at {}", own.url);
    here.nexus(&["run", "Where", "--server", &by_flag.url, "--profile", "p"]).refused(
        2,
        "cannot be used with",
        "both",
    );
}

#[test]
fn a_socket_is_a_server() {
    let here = project("socket");
    let socket = here.path().join("n.sock");
    let path = socket.display().to_string();
    here.write("nexus.toml", &format!("[server]\nsocket = {path:?}\n"));
    let _server = here.serve();
    let elsewhere = Project::empty();
    let ran =
        elsewhere.nexus(&["run", "Where", "--server", &format!("unix://{path}"), "--format", "raw"]).ok();
    assert_eq!(ran.stdout().trim(), "socket");
}

/// The head of one request to a server of our own, which answers that it is no Nexus.
fn head_of(project: &Project, environment: &[(&str, &str)], args: &[&str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut command = command(project.path());
    command.args(args).args(["--server", &url]).envs(environment.iter().copied());
    let process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (stream, _) = listener.accept().unwrap();
    let mut head = String::new();
    let mut reader = BufReader::new(&stream);
    while reader.read_line(&mut head).unwrap() > 2 {}
    (&stream).write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
    drop(stream);
    let mut told = String::new();
    let ran = process.wait_with_output().unwrap();
    ran.stderr.as_slice().read_to_string(&mut told).unwrap();
    assert!(ran.status.code() == Some(5) && !told.contains("canary"), "{told}");
    head.to_lowercase()
}

#[test]
fn a_server_learns_who_calls_with_what_and_in_which_session() {
    let project = Project::empty();
    let session = "ses_0688ab1tdpv3h9m5x7cq2wnk4e";
    let head = head_of(&project, &[("NEXUS_TOKEN", "canary")], &["run", "list", "--session", session]);
    assert!(head.contains(concat!("x-nexus-cli: ", env!("CARGO_PKG_VERSION"))), "{head}");
    assert!(head.contains("authorization: bearer canary"), "{head}");
    assert!(head.contains(&format!("x-nexus-session: {session}")), "{head}");
    let bare = head_of(&project, &[], &["run", "list"]);
    assert!(!bare.contains("authorization") && !bare.contains("x-nexus-session"), "{bare}");
    project.nexus(&["run", "list", "--session", "mine"]).refused(4, "NX-2401", "no session id");
}

#[test]
fn formats_are_the_same_everywhere() {
    let here = project("yes");
    let of = |format: &str, args: &[&str]| here.nexus(&[args, &["--format", format]].concat()).ok().stdout();
    assert_eq!(of("json", &["run", "Where"]), "\"yes\"\n");
    assert_eq!(of("raw", &["run", "Where"]), "yes\n");
    assert_eq!(of("table", &["run", "Where"]), "\"yes\"\n");
    let yaml = of("yaml", &["workflow", "list"]);
    assert!(yaml.starts_with("workflows:\n") && yaml.contains("name: Where"), "{yaml}");
    assert!(of("raw", &["workflow", "list"]).starts_with("{\"workflows\":["), "one line for a shell");
    let error = here.nexus(&["run", "Nowhere", "--format", "yaml"]).stderr();
    assert!(error.contains("code: NX-2002"), "{error}");
    here.nexus(&["run", "list", "--format", "dot"]).refused(2, "table, json, yaml, raw", "another's format");
}
