//! What a guest says and asks for, read as values and as arguments of operations.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nexus_sandbox::fuzzing::Fuzzer;

fuzz_target!(|bytes: &[u8]| nexus_fuzz::sandbox(bytes, Fuzzer::values));
