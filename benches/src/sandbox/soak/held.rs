//! What the process holds, and whether that grows.

use anyhow::Result;

/// Memory that may come on top of a twentieth, in KiB: what an allocator keeps for itself.
const SLACK_KIB: usize = 8 * 1_024;

/// One look.
#[derive(Debug, Clone, Copy)]
pub(in crate::sandbox) struct Held {
    pub(in crate::sandbox) rss_kib: usize,
    pub(in crate::sandbox) mappings: usize,
    pub(in crate::sandbox) descriptors: usize,
    pub(in crate::sandbox) threads: usize,
}

impl Held {
    pub(in crate::sandbox) fn now() -> Result<Held> {
        let status = std::fs::read_to_string("/proc/self/status")?;
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.split_whitespace().next().and_then(|text| text.parse().ok()).unwrap_or(0)
        };
        Ok(Held {
            rss_kib: number("VmRSS:"),
            mappings: std::fs::read_to_string("/proc/self/maps")?.lines().count(),
            descriptors: std::fs::read_dir("/proc/self/fd")?.count(),
            threads: number("Threads:"),
        })
    }

    pub(in crate::sandbox) fn text(&self) -> String {
        let Held { rss_kib, mappings, descriptors, threads } = self;
        let mib = rss_kib / 1_024;
        format!(
            "{mib:>4} MiB resident, {mappings:>4} mappings, {descriptors:>3} descriptors, {threads:>2} threads"
        )
    }
}

/// What is wrong with a series of looks under load, the first of which came after warming up: the mean memory of the
/// later half is more than that of the earlier one and a twentieth, and more than that by [`SLACK_KIB`].
pub(in crate::sandbox) fn trend(looks: &[Held]) -> Option<String> {
    let (early, late) = looks.split_at(looks.len() / 2);
    let mean = |part: &[Held]| part.iter().map(|held| held.rss_kib).sum::<usize>() / part.len().max(1);
    let (before, after) = (mean(early), mean(late));
    let bound = before + before / 20 + SLACK_KIB;
    (!early.is_empty() && after > bound)
        .then(|| format!("memory grows under load: from {before} to {after} KiB, {bound} are allowed"))
}

/// What is wrong with what is held at the end, beside the first look after warming up.
pub(in crate::sandbox) fn left(before: &Held, after: &Held) -> Vec<String> {
    let bounds = [
        ("memory, KiB", after.rss_kib, before.rss_kib + before.rss_kib / 20 + SLACK_KIB),
        ("mappings", after.mappings, before.mappings + 50),
        ("descriptors", after.descriptors, before.descriptors),
        ("threads", after.threads, before.threads + 4),
    ];
    let over = bounds.into_iter().filter(|(_, after, bound)| after > bound);
    over.map(|(what, after, bound)| format!("{what} at the end: {after}, {bound} are allowed")).collect()
}
