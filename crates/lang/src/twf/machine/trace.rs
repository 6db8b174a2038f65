//! What a run has done of its code: counted for coverage, and only when somebody asks.

use std::collections::BTreeSet;

/// How often each instruction of one workflow ran, and where its jumps went. One trace may collect from many runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    hits: Vec<u32>,
    fell: Vec<bool>,
    jumps: BTreeSet<(u32, u32)>,
}

impl Trace {
    /// How often an instruction ran.
    pub(crate) fn hits(&self, pc: u32) -> u32 {
        self.hits.get(pc as usize).copied().unwrap_or(0)
    }

    /// Whether an instruction went on with the next one.
    pub(crate) fn fell(&self, pc: u32) -> bool {
        self.fell.get(pc as usize).copied().unwrap_or(false)
    }

    /// Whether an instruction went on there.
    pub(crate) fn jumped(&self, from: u32, to: u32) -> bool {
        self.jumps.contains(&(from, to))
    }

    /// Adds what another trace of the same workflow counted.
    pub fn add(&mut self, other: &Trace) {
        for (pc, count) in (0..).zip(&other.hits) {
            *entry(&mut self.hits, pc) += count;
        }
        for (pc, fell) in (0..).zip(&other.fell) {
            *entry(&mut self.fell, pc) |= fell;
        }
        self.jumps.extend(&other.jumps);
    }

    pub(super) fn ran(&mut self, pc: u32) {
        let hits = entry(&mut self.hits, pc);
        *hits = hits.saturating_add(1);
    }

    pub(super) fn went_on(&mut self, pc: u32) {
        *entry(&mut self.fell, pc) = true;
    }

    pub(super) fn went(&mut self, from: u32, to: u32) {
        self.jumps.insert((from, to));
    }
}

/// The place of an instruction. Code has at most a few hundred thousand instructions, so the list may be as long.
fn entry<T: Clone + Default>(list: &mut Vec<T>, pc: u32) -> &mut T {
    let at = pc as usize;
    if list.len() <= at {
        list.resize(at + 1, T::default());
    }
    #[expect(clippy::indexing_slicing, reason = "the list has just been made long enough")]
    &mut list[at]
}
