//! What a process holds, and whether that stays as it is.

use std::path::Path;

use anyhow::{Context, Result};

use crate::out;

/// How much more the last quarter may hold than the first, in percent.
const GROWTH_PERCENT: u64 = 10;

/// What a process holds at a moment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Held {
    /// Memory of its own, in KiB.
    anon_kib: u64,
    /// All resident memory, in KiB: with what it shares with its files.
    rss_kib: u64,
    /// Open descriptors.
    descriptors: u64,
    /// Threads.
    threads: u64,
    /// The data folder, in KiB.
    store_kib: u64,
}

impl Held {
    /// What this process and its data folder hold now.
    pub(super) fn of(pid: u32, data: &Path) -> Result<Held> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let field = |name: &str| -> Result<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|rest| rest.split_whitespace().next()).context("Linux tells this")?;
            Ok(number.parse()?)
        };
        let descriptors = u64::try_from(std::fs::read_dir(format!("/proc/{pid}/fd"))?.count())?;
        let (anon_kib, rss_kib) = (field("RssAnon:")?, field("VmRSS:")?);
        Ok(Held { anon_kib, rss_kib, descriptors, threads: field("Threads:")?, store_kib: size(data) >> 10 })
    }

    /// As one line.
    pub(super) fn text(&self) -> String {
        format!(
            "{:>7.1} MiB of its own, {:>7.1} MiB resident, {:>4} descriptors, {:>3} threads, store {:>7.1} MiB",
            mib(self.anon_kib),
            mib(self.rss_kib),
            self.descriptors,
            self.threads,
            mib(self.store_kib)
        )
    }
}

/// The bytes of the files of a folder. One that goes away meanwhile counts nothing.
fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    bytes.sum()
}

fn mib(kib: u64) -> f64 {
    f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0
}

/// One thing that is held, and how much more of it is still the same: what comes and goes with single calls.
type Measure = (&'static str, fn(&Held) -> u64, u64);

const MEASURES: [Measure; 5] = [
    ("memory of its own, KiB", |held| held.anon_kib, 4 << 10),
    ("resident memory, KiB", |held| held.rss_kib, 4 << 10),
    ("descriptors", |held| held.descriptors, 8),
    ("threads", |held| held.threads, 2),
    ("store, KiB", |held| held.store_kib, 8 << 10),
];

/// Compares the first quarter with the last one and prints what it finds. The first tenth, and at least a minute and a
/// half, warms up: within that nothing has been kept long enough to be deleted.
pub(super) fn verdict(looks: &[Held]) -> bool {
    let warm = (looks.len() / 10).max(9).min(looks.len() / 2);
    let looks = looks.get(warm..).unwrap_or_default();
    let quarter = looks.len().div_ceil(4);
    let first = looks.get(..quarter).unwrap_or_default();
    let last = looks.get(looks.len() - quarter..).unwrap_or_default();
    let mut is_flat = !looks.is_empty();
    for (name, of, slack) in MEASURES {
        let (before, after) = (median(first, of), median(last, of));
        let most = before + (before * GROWTH_PERCENT / 100).max(slack);
        let is_same = after <= most;
        is_flat &= is_same;
        let says = if is_same { "flat" } else { "GROWS" };
        out(&format!("{name:<24} first quarter {before:>9}, last quarter {after:>9}: {says}"));
    }
    out(if is_flat { "verdict: flat within 10 %" } else { "verdict: NOT flat within 10 %" });
    is_flat
}

fn median(looks: &[Held], of: fn(&Held) -> u64) -> u64 {
    let mut values: Vec<u64> = looks.iter().map(of).collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}
