//! Whole programs, run by the simulation host.

use serde_json::json;

use super::*;
use crate::text::source::Sources;
use crate::twf::compile_sources;
use crate::twf::stub::{Outcome, StubHost};

fn program(text: &str) -> Program {
    let mut sources = Sources::new();
    sources.add("test.twf", text);
    let compiled = compile_sources(&sources, false);
    match compiled.program {
        Some(program) => program,
        None => panic!("{:#?}", compiled.diagnostics),
    }
}

#[test]
fn a_first_program_runs() {
    let program = program(
        "activity Add(a: int, b: int) -> (int):\n    return a + b\n\nworkflow W(n: int) -> (int):\n    activity Add(n, 2) -> r\n    total = 0\n    for (x in range(3)):\n        total += x * r\n    close complete(total)\n",
    );
    let mut host = StubHost::with_answers(&program, |_, input, _| {
        Ok(json!(input[0].as_i64().unwrap() + input[1].as_i64().unwrap()))
    });
    assert_eq!(host.run("W", &json!({"n": 5})).unwrap(), Outcome::Completed(json!(21)));
}
