//! A waiting execution whose memory comes back damaged: it may trap, and the next one is healthy.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nexus_sandbox::fuzzing::Fuzzer;

fuzz_target!(|bytes: &[u8]| nexus_fuzz::sandbox(bytes, Fuzzer::spilled));
