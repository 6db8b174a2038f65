//! What the targets of the sandbox share: one sandbox for the process, and a panic for a finding.

use std::path::Path;
use std::sync::OnceLock;

use nexus_sandbox::fuzzing::{Finding, Fuzzer};

/// Gives bytes to one of the fuzzer's entrances.
///
/// # Panics
///
/// When they are a finding: that is how libFuzzer is told.
pub fn sandbox(bytes: &[u8], entrance: impl Fn(&Fuzzer, &[u8]) -> Result<(), Finding>) {
    static FUZZER: OnceLock<Fuzzer> = OnceLock::new();
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/fuzz-code"));
    let fuzzer = FUZZER.get_or_init(|| Fuzzer::new(folder).expect("the sandbox starts"));
    if let Err(finding) = entrance(fuzzer, bytes) {
        panic!("{finding}");
    }
}
