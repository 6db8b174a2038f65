//! Kept answers.

use nexus_kernel::Json;
use nexus_kernel::cache::Cached;
use nexus_kernel::call::{Answer, RunAnswer};
use nexus_kernel::time::Timestamp;

use super::common::Common;
use super::tags::{Stamp, TagId};

/// An answer as every level keeps it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// What was answered.
    pub(super) output: Json,
    /// The run that made it.
    pub(super) run: Option<RunAnswer>,
    /// When the work ended.
    pub(super) made: Timestamp,
    /// Its tags, with their generations when the work began: those of the store, and those that servers agree on.
    pub(super) made_under: Vec<(TagId, u64)>,
    /// Size of the output as JSON.
    pub(super) bytes: usize,
}

impl Entry {
    pub(super) fn of(answer: &Answer, made: Timestamp, stamps: &[Stamp], common: &Common) -> Entry {
        let own = stamps.iter().map(|stamp| (stamp.tag.clone(), stamp.generation));
        Entry {
            output: answer.output.clone(),
            run: answer.run.clone(),
            made,
            made_under: own.chain(common.pairs().iter().cloned()).collect(),
            bytes: size(&answer.output),
        }
    }

    /// The tags of the own store.
    pub(super) fn own(&self) -> impl Iterator<Item = &(TagId, u64)> {
        self.made_under.iter().filter(|(tag, _)| !tag.is_shared())
    }

    /// The tags that servers agree on.
    pub(super) fn shared(&self) -> impl Iterator<Item = &(TagId, u64)> {
        self.made_under.iter().filter(|(tag, _)| tag.is_shared())
    }

    /// The same answer, given again.
    pub(super) fn answer(&self, cached: Cached) -> Answer {
        Answer { run: self.run.clone(), cached: Some(cached), ..Answer::of(self.output.clone()) }
    }
}

/// Size of a value as JSON, without writing it anywhere.
pub(super) fn size(value: &Json) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    match serde_json::to_writer(&mut count, value) {
        Ok(()) => count.0,
        Err(_) => usize::MAX, // what cannot be written is not kept
    }
}

/// An answer in memory, with a view of its tags.
pub(crate) struct Kept {
    pub(super) entry: Entry,
    pub(super) stamps: Vec<Stamp>,
}

impl Kept {
    /// An entry from below, whose own tags are now like this. Nothing when one of them has changed since the work began.
    pub(super) fn of(entry: Entry, stamps: Vec<Stamp>) -> Option<Kept> {
        let is_same = entry.own().zip(&stamps).all(|((_, then), now)| *then == now.generation);
        (is_same && entry.own().count() == stamps.len()).then_some(Kept { entry, stamps })
    }

    /// Whether none of its own tags has changed since the work began.
    pub(super) fn is_current(&self) -> bool {
        self.stamps.iter().all(Stamp::is_current)
    }
}
