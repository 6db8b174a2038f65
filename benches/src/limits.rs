//! The limiter: what a million principals cost in memory, and what a decision costs in processor time.

use std::time::Duration;

use anyhow::{Context as _, Result};
use nexus_gateway::limit::MemoryCounters;
use nexus_gateway::limit::counters::{Bill, Counters as _, Kind, Mode};
use nexus_gateway::limit::gcra::Rate;
use nexus_kernel::time::Timestamp;

use crate::measure::process_cpu;
use crate::out;

const PRINCIPALS: u64 = 1_000_000;
const ROUNDS: u64 = 5;

/// Prints the figures.
pub(crate) fn run() -> Result<()> {
    let rate = Rate::new(100, Duration::from_mins(1), None).context("a rate")?;
    let counters = MemoryCounters::default();
    let before = resident_kib()?;
    let now = Timestamp::from_millis(1_800_000_000_000);
    for principal in 0..PRINCIPALS {
        decide(&counters, &[(Kind::Caller, principal)], rate, now);
    }
    let grown = resident_kib()?.saturating_sub(before);
    out(&format!(
        "{} principals: {} MiB, {} bytes each",
        counters.len(),
        grown / 1_024,
        grown * 1_024 / PRINCIPALS
    ));
    for (what, kinds) in [
        ("one limit", &[Kind::Caller][..]),
        ("three limits", &[Kind::Caller, Kind::Operation, Kind::Namespace]),
    ] {
        let begun = process_cpu();
        for number in 0..ROUNDS * PRINCIPALS {
            // Each key is another than the one before, so that the caches of the processor help as little as they would.
            let principal = number.wrapping_mul(0x9E37_79B9) % PRINCIPALS;
            let bill: Vec<_> = kinds
                .iter()
                .map(|kind| (*kind, if *kind == Kind::Namespace { principal % 100 } else { principal }))
                .collect();
            decide(&counters, &bill, rate, now);
        }
        let spent = process_cpu().saturating_sub(begun).as_nanos() / u128::from(ROUNDS * PRINCIPALS);
        out(&format!("{what}: {spent} ns of processor time for a decision"));
    }
    Ok(())
}

fn decide(counters: &MemoryCounters, of: &[(Kind, u64)], rate: Rate, now: Timestamp) {
    let mut bill = Bill::default();
    for (kind, principal) in of {
        bill.add(*kind, hash(*principal), rate);
    }
    counters.charge(&mut bill, Mode::Take, now);
    std::hint::black_box(bill.refusal());
}

/// Spreads numbers as the limiter's own hashes are spread (`SplitMix64`).
fn hash(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

fn resident_kib() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("the resident size")?;
    line.split_whitespace().nth(1).context("its figure")?.parse().context("a number")
}
