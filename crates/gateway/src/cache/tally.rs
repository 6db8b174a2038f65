//! Counts: how answers came about since the start.

use std::sync::atomic::{AtomicU64, Ordering};

use nexus_kernel::Json;
use nexus_kernel::cache::{Cached, Level};
use serde_json::json;

/// The counts.
#[derive(Default)]
pub(super) struct Tally {
    memory: AtomicU64,
    redis: AtomicU64,
    store: AtomicU64,
    stale: AtomicU64,
    joined: AtomicU64,
    missed: AtomicU64,
    kept: AtomicU64,
    passed: AtomicU64,
}

impl Tally {
    /// Counts an answer.
    pub(super) fn count(&self, cached: Cached) {
        let counter = match cached {
            Cached::Hit { level: Level::Memory, .. } => &self.memory,
            Cached::Hit { level: Level::Redis, .. } => &self.redis,
            Cached::Hit { level: Level::Store, .. } => &self.store,
            Cached::Stale { .. } => &self.stale,
            Cached::Joined => &self.joined,
            Cached::Miss { is_kept } => {
                self.kept.fetch_add(u64::from(is_kept), Ordering::Relaxed);
                &self.missed
            }
            Cached::Passed => &self.passed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// The counts, for people and programs.
    pub(super) fn to_json(&self) -> Json {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        json!({
            "hits_memory": of(&self.memory),
            "hits_redis": of(&self.redis),
            "hits_store": of(&self.store),
            "stale": of(&self.stale),
            "joined": of(&self.joined),
            "misses": of(&self.missed),
            "kept": of(&self.kept),
            "passed": of(&self.passed),
        })
    }
}
