//! A hostile guest: numbers of operations, pointers, lengths and arguments at the host's functions.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nexus_sandbox::fuzzing::Fuzzer;

fuzz_target!(|bytes: &[u8]| nexus_fuzz::sandbox(bytes, Fuzzer::host_calls));
