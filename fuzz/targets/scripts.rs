//! Generated scripts through compiler, call and result.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use nexus_sandbox::fuzzing::Fuzzer;

static FUZZER: OnceLock<Fuzzer> = OnceLock::new();

fuzz_target!(|bytes: &[u8]| {
    let made = || {
        Fuzzer::new(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/fuzz-code")))
            .expect("the sandbox starts")
    };
    if let Err(finding) = FUZZER.get_or_init(made).script(bytes) {
        panic!("{finding}");
    }
});
