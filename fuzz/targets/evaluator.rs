//! Any program: it compiles leniently or is refused, its runs end or wait, a mistake in it is a fault and no crash, and
//! its history replays to the same commands and the same state, also through a stored copy at every task.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nexus_lang::text::source::Sources;
use nexus_lang::twf::machine::{Event, Machine};
use nexus_lang::twf::project::compile_sources;
use nexus_lang::twf::stub::StubHost;
use serde_json::json;

const AROUND: &str = "activity A(n: any) -> (any):\n    pass\n\nworkflow W():\n    state:\n        condition go\n        \
    v0 = 0\n        v1 = [1, 2]\n        v2 = {a: 1}\n    signal S(x: any):\n        v0 = x\n    query Q() -> (any):\n        \
    return v1\n";

fuzz_target!(|text: &str| {
    if text.len() > 2_000 {
        return;
    }
    let mut file = AROUND.to_owned();
    for line in text.lines() {
        file.push_str("    ");
        file.push_str(line);
        file.push('\n');
    }
    file.push_str("    close complete({v0, v1, v2})\n");
    let mut sources = Sources::new();
    sources.add("any.twf", &file);
    let compiled = compile_sources(&sources, true);
    let Some(program) = compiled.program else { return };
    if program.workflow("W").is_none() {
        return;
    }
    let signal = Event::Signaled { name: "S".into(), input: json!([7]) };
    let mut host = StubHost::new(&program).after(1_000, signal);
    if host.run("W", &json!({})).is_err() {
        return;
    }
    let Some(live) = host.machine() else { return };
    let Ok(mut machine) = Machine::start(&program, live.info().clone(), &json!({})) else { return };
    for batch in host.batches() {
        let stored = serde_json::to_vec(&machine).unwrap_or_default();
        machine = match serde_json::from_slice(&stored) {
            Ok(read) => read,
            Err(error) => panic!("a stored machine cannot be read: {error}"),
        };
        let commands = machine.task(&program, &batch.info, &batch.events);
        assert_eq!(commands.as_ref(), Ok(&batch.commands), "replay differs");
    }
});
