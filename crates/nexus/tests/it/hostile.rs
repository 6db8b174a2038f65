//! Hostile input over every channel: one table of inputs, one way to send them through each door, one expectation.
//!
//! An input that cannot be read, does not fit or is too large is refused with the same registered code wherever it comes in;
//! nothing is started by it, the server stays within its memory and answers the next call.

mod cases;
pub(crate) mod channels;
mod closed;
mod names;
mod slow;
mod twice;

use std::path::Path;

use serde_json::{Value as Json, json};

use crate::support::{Project, Server, server_log};
use cases::{Case, Verdict, cases};
use channels::{Channel, Doors};

/// What the largest refusal may have, in bytes: an answer does not repeat what it refuses.
const REFUSAL_BYTES_MAX: usize = 32 * 1024;

/// What a server may hold more, in KiB, when it has refused the whole table. One body is two mebibytes at most.
const GROWTH_KIB_MAX: u64 = 96 * 1024;

const WORKFLOW: &str = "\
workflow Take(name: string, thing: any?) -> (any):
    close complete({name: name, thing: thing})
";

const CONFIG: &str = "[workflows.Take]\nhttp = [\"POST /take\"]\n";

fn project() -> Project {
    Project::with(&[("workflows/a.twf", WORKFLOW), ("nexus.toml", CONFIG)])
}

/// Whatever a case is refused with, every channel says the same, but for what its own page says.
fn expected(case: &Case, channel: Channel) -> &'static str {
    match (case.verdict, channel) {
        // RFC 6455: a text frame that is no text, and one that is too large, end the connection.
        (Verdict::NotText, Channel::Socket) => "close 1007",
        (Verdict::TooLarge, Channel::Socket) => "close 1009",
        // A request without a body is one without an input.
        (Verdict::Empty, channel) if channel.is_rest() => "NX-2001",
        (Verdict::NotText | Verdict::Unreadable | Verdict::Empty, _) => "NX-2004",
        (Verdict::TooLarge, _) => "NX-2007",
        (Verdict::Unfit, _) => "NX-2001",
    }
}

/// Sends every case through a channel. Gives how many there were.
fn refuse_all(doors: &mut Doors<'_>, channel: Channel) -> usize {
    let fitting: Vec<Case> = cases().into_iter().filter(|case| channel.can_carry(case)).collect();
    let mut wrong = Vec::new();
    for case in &fitting {
        match doors.send(channel, case) {
            Ok(answer) => wrong.push(format!("{}: accepted: {answer}", case.name)),
            Err(told) if told.code != expected(case, channel) || told.bytes > REFUSAL_BYTES_MAX => {
                wrong.push(format!("{}: {told:?}, not {}", case.name, expected(case, channel)));
            }
            Err(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{channel:?}: {wrong:#?}");
    let good = doors.call(channel, br#"{"name":"a","thing":-0}"#);
    // A number that is no integer is an exact decimal, which is written as a text.
    assert_eq!(good, json!({ "name": "a", "thing": "0.0" }), "{channel:?} answers the next call");
    fitting.len()
}

/// How many runs a project has had.
fn runs(project: &Project) -> usize {
    let listed = project.nexus(&["run", "list", "--limit", "1000", "--format", "json"]).ok().json();
    listed["runs"].as_array().unwrap().len()
}

fn no_panic(folder: &Path) {
    for log in [server_log(folder), std::fs::read_to_string(folder.join("agent.log")).unwrap_or_default()] {
        assert!(!log.contains("panicked"), "{log}");
    }
}

/// The most memory that a process has held, in KiB.
fn peak_kib(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn every_channel_of_a_server_refuses_alike_and_executes_nothing() {
    let project = project();
    let server = project.serve();
    let mut doors = Doors::served(&project, &server);
    // The first call of each kind makes what is kept for all later ones.
    for channel in Channel::SERVED {
        doors.call(channel, br#"{"name":"warm"}"#);
    }
    let (before, peak) = (runs(&project), peak_kib(&server));
    let sent: usize = Channel::SERVED.into_iter().map(|channel| refuse_all(&mut doors, channel)).sum();
    assert!(sent > 300, "{sent}");
    assert_eq!(runs(&project) - before, Channel::SERVED.len(), "only the good calls started a run");
    let grown = peak_kib(&server).saturating_sub(peak);
    assert!(grown <= GROWTH_KIB_MAX, "{grown} KiB");
    drop(doors);
    no_panic(project.path());
}

#[test]
fn the_shell_without_a_server_refuses_the_same() {
    let project = project();
    let mut doors = Doors::embedded(&project);
    for channel in Channel::SHELL {
        refuse_all(&mut doors, channel);
    }
    assert_eq!(runs(&project), Channel::SHELL.len());
}

#[test]
fn an_agent_without_a_server_is_refused_the_same() {
    let project = project();
    let mut doors = Doors::embedded(&project);
    refuse_all(&mut doors, Channel::Stdio);
    drop(doors);
    assert_eq!(runs(&project), 1);
    no_panic(project.path());
}

/// What JavaScript and other languages take for more than a name is a name here, through every door.
#[test]
fn names_that_mean_something_elsewhere_are_data_or_refused() {
    let (served, embedded) = (project(), project());
    let server = served.serve();
    let mut doors = Doors::served(&served, &server);
    let input = br#"{"name":"__proto__","thing":{"__proto__":{"name":"b"},"constructor":{"prototype":{"x":1}},"toString":7}}"#;
    let expected: Json = serde_json::from_slice(input).unwrap();
    for channel in Channel::SERVED {
        assert_eq!(doors.call(channel, input), expected, "{channel:?}");
        assert_eq!(doors.call(channel, br#"{"name":"a"}"#)["name"], "a", "{channel:?}");
    }
    let mut doors = Doors::embedded(&embedded);
    for channel in Channel::SHELL {
        assert_eq!(doors.call(channel, input), expected, "{channel:?}");
    }
}
