//! Texts where a name is expected: a name that cannot be one is refused alike everywhere, and nothing is made of it.

use super::channels::{Channel, Doors, Target};
use super::{REFUSAL_BYTES_MAX, no_panic, project, runs};

/// The doors that carry operations.
const CHANNELS: [Channel; 9] = [
    Channel::Operation,
    Channel::Argument,
    Channel::Input,
    Channel::File,
    Channel::Socket,
    Channel::Stdio,
    Channel::McpOld,
    Channel::McpSession,
    Channel::McpNew,
];

/// An operation, the name in its input, and the code that it is refused with.
const NAMES: [(&str, &str, &str); 10] = [
    ("run.start", r#"{"workflow":"Take\u0000","input":{"name":"a"}}"#, "NX-2002"),
    ("run.start", r#"{"workflow":"../Take","input":{"name":"a"}}"#, "NX-2004"),
    ("run.start", r#"{"workflow":"Take","workflow_id":"a\u0000b","input":{"name":"a"}}"#, "NX-2004"),
    ("run.start", r#"{"workflow":"Take","workflow_id":"","input":{"name":"a"}}"#, "NX-2004"),
    ("run.show", r#"{"run_id":"run_\u0000"}"#, "NX-2003"),
    ("run.cancel", r#"{"run_id":"run_01m80jp2cfew99wbpa4bdgm2qn\u0000"}"#, "NX-2003"),
    ("run.signal", r#"{"workflow_id":"a","name":"b\u0000","input":{}}"#, "NX-2003"),
    ("event.publish", r#"{"type":"a\u0000b"}"#, "NX-2301"),
    ("event.publish", r#"{"type":"a","namespace":"\u0000"}"#, "NX-2004"),
    ("event.publish", r#"{"type":"a","id":"\u0000"}"#, "NX-2301"),
];

#[test]
fn names_that_cannot_be_names_are_refused_alike() {
    let project = project();
    let server = project.serve();
    let mut doors = Doors::served(&project, &server);
    let mut wrong = Vec::new();
    for (verb, input, expected) in NAMES {
        // Agents have the tools of runs, and of events none.
        let is_tool = verb.starts_with("run.");
        for channel in CHANNELS.into_iter().filter(|channel| is_tool || !channel.is_mcp()) {
            let told = doors.input(channel, Target::Verb(verb), input.as_bytes());
            match told {
                Err(told) if told.code == expected => {}
                told => wrong.push(format!("{verb} {input} over {channel:?}: {told:?}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // The shell reads a name of its own from the file; an argument cannot be so long.
    let long = format!(r#"{{"workflow":"{}","input":{{}}}}"#, "k".repeat(1_000_000));
    for channel in CHANNELS.into_iter().filter(|channel| *channel != Channel::Argument) {
        let told = doors.input(channel, Target::Verb("run.start"), long.as_bytes()).expect_err("a long name");
        assert_eq!(told.code, "NX-2002", "{channel:?}");
        assert!(told.bytes <= REFUSAL_BYTES_MAX, "{channel:?}: {} bytes", told.bytes);
    }
    assert_eq!(runs(&project), 0);
    drop(doors);
    no_panic(project.path());
}
