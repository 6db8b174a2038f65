//! The sandbox's fuzz targets with random bytes and no coverage: each for so many seconds.

use std::path::Path;

use anyhow::Result;
use nexus_kernel::port::rng::{Rng, SystemRng};
use nexus_sandbox::fuzzing::{Finding, Fuzzer};

use crate::measure::Stopwatch;
use crate::out;

/// Findings that are shown of a target; more are only counted.
const SHOWN_MAX: u64 = 5;

type Target = fn(&Fuzzer, &[u8]) -> Result<(), Finding>;

const TARGETS: [(&str, usize, Target); 5] = [
    ("host_calls", 400, Fuzzer::host_calls),
    ("values", 300, Fuzzer::values),
    ("spilled", 80, Fuzzer::spilled),
    ("scripts", 300, Fuzzer::script),
    ("text", 200, Fuzzer::text),
];

/// Prints executions and findings of all targets or of one; fails when there is a finding.
pub(crate) fn run(seconds: u64, only: Option<&str>) -> Result<()> {
    let folder = tempfile::tempdir_in(".")?;
    let mut all = 0;
    for (name, len_max, target) in
        TARGETS.into_iter().filter(|(name, ..)| only.is_none_or(|only| only == *name))
    {
        all += one(name, len_max, (target, seconds), folder.path())?;
    }
    anyhow::ensure!(all == 0, "{all} findings");
    Ok(())
}

fn one(name: &str, len_max: usize, (target, seconds): (Target, u64), folder: &Path) -> Result<u64> {
    let fuzzer = Fuzzer::new(folder).map_err(|finding| anyhow::anyhow!(finding))?;
    let (began, mut executions, mut findings) = (Stopwatch::start(), 0_u64, 0_u64);
    while began.elapsed().as_secs() < seconds {
        for _ in 0..16 {
            let input = input(len_max);
            executions += 1;
            if let Err(finding) = target(&fuzzer, &input) {
                findings += 1;
                if findings <= SHOWN_MAX {
                    out(&format!("  {name}: {finding}\n    bytes: {input:?}"));
                }
            }
        }
    }
    out(&format!("  {name:<12} {executions:>9} executions in {seconds} s, {findings} findings"));
    Ok(findings)
}

/// Bytes, short ones more often; some of them from the printable half, where JSON is.
fn input(len_max: usize) -> Vec<u8> {
    let draw = |below: usize| usize::try_from(SystemRng.next_u64() % (below as u64).max(1)).unwrap_or(0);
    let mut bytes = vec![0; draw(draw(len_max) + 1)];
    SystemRng.fill(&mut bytes);
    if draw(3) == 0 {
        const JSON: &[u8] = b"{}[]\":,0123456789.eE+-\\utrfnalsk/*";
        for byte in &mut bytes {
            *byte = JSON.get(usize::from(*byte) % JSON.len()).copied().unwrap_or(b'0');
        }
    }
    bytes
}
