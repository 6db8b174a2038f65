//! Answers from memory: what the author of a workflow allows, what a caller wants, and what came of it.

mod rule;

use std::time::Duration;

pub use rule::{CacheRule, TagPattern};

/// What a caller wants of answers that were made before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CacheUse {
    /// Any that the operation's own rule allows.
    #[default]
    Any,
    /// Only one that is at most this old.
    Within(Duration),
    /// None: a new one, which is kept for others.
    Renew,
    /// None, and what is answered is not kept either.
    Never,
}

impl CacheUse {
    /// Reads `no-cache` or `no-store`.
    pub fn parse(text: &str) -> Option<CacheUse> {
        match text {
            "no-cache" => Some(CacheUse::Renew),
            "no-store" => Some(CacheUse::Never),
            _ => None,
        }
    }
}

/// Where an answer was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// In the memory of this process.
    Memory,
    /// In Redis, where several servers find it.
    Redis,
    /// In the store.
    Store,
}

impl Level {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Memory => "memory",
            Level::Redis => "redis",
            Level::Store => "store",
        }
    }
}

/// How the answer of an operation that may be answered from memory came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cached {
    /// It was made before.
    Hit {
        /// Where it was kept.
        level: Level,
        /// How old it is.
        age: Duration,
        /// How long it can still be given.
        left: Duration,
    },
    /// It was made before and is past its time; a new one is being made.
    Stale {
        /// Where it was kept.
        level: Level,
        /// How old it is.
        age: Duration,
        /// How long ago its time was over.
        late: Duration,
    },
    /// It is being made, or was just made, for somebody else who asked the same.
    Joined,
    /// It was made for this call.
    Miss {
        /// Whether it is kept for others.
        is_kept: bool,
    },
    /// The call asked for work of its own: with a key, an id, a session, without waiting, or because it said so.
    Passed,
}

impl Cached {
    /// One word, for logs and figures.
    pub fn word(self) -> &'static str {
        match self {
            Cached::Hit { .. } => "hit",
            Cached::Stale { .. } => "stale",
            Cached::Joined => "joined",
            Cached::Miss { .. } => "miss",
            Cached::Passed => "passed",
        }
    }

    /// Whether nothing was carried out for this call.
    pub fn is_remembered(self) -> bool {
        matches!(self, Cached::Hit { .. } | Cached::Stale { .. } | Cached::Joined)
    }
}
