//! Generated scripts through compiler, call and result.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nexus_sandbox::fuzzing::Fuzzer;

fuzz_target!(|bytes: &[u8]| nexus_fuzz::sandbox(bytes, Fuzzer::script));
