//! An execution that waits without an instance.
//!
//! Between two turns the guest's stack is dead and its only mutable global is at rest, so the linear memory is all there
//! is. What differs from the image that every instance starts from is a few kibibytes for a small function; it is kept
//! in words, and put back into a fresh instance when an operation has been answered.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::Store;

use crate::engine::Guest;
use crate::host::State;
use crate::instance::Instance;

/// Unit of comparison, in bytes: most of what changes is a count or a pointer.
const WORD_BYTES: usize = 8;
/// Unit of the first, coarse comparison.
const PAGE_BYTES: usize = 4_096;
/// The shadow stack lies first in memory (`stack-size` in `build.sh`) and is dead between turns.
const STACK_BYTES: usize = 524_288;
/// What a page is compared with where the image has ended.
static ZEROS: [u8; PAGE_BYTES] = [0; PAGE_BYTES];

/// What is kept.
pub(crate) struct Spilled {
    /// The host's side of the execution.
    pub(crate) state: State,
    memory_bytes: usize,
    difference: Difference,
    /// What it is a difference from.
    image_id: u64,
    /// In kibibytes.
    _room: OwnedSemaphorePermit,
}

impl Spilled {
    /// Keeps what differs and gives the instance back to the pool. Fails when there is no room left for what is kept:
    /// keeping the instance instead would let functions that wait take all of them.
    pub(crate) fn take(
        guest: &Guest,
        mut instance: Instance,
        room: &Arc<Semaphore>,
    ) -> Result<Spilled, Box<State>> {
        let memory = instance.memory_mut().unwrap_or_default();
        let memory_bytes = memory.len();
        let difference = Difference::between(memory, guest.image());
        let mut state = instance.into_state();
        state.memory = None;
        let kept_kib = u32::try_from(difference.len_bytes().div_ceil(1_024)).unwrap_or(u32::MAX);
        let Ok(room) = room.clone().try_acquire_many_owned(kept_kib) else { return Err(Box::new(state)) };
        state.spills += 1;
        Ok(Spilled { state, memory_bytes, difference, image_id: guest.image_id(), _room: room })
    }

    /// An execution as an earlier process kept it. Fails when there is no room.
    pub(crate) fn again(
        guest: &Guest,
        state: State,
        (memory_bytes, difference): (usize, Difference),
        room: &Arc<Semaphore>,
    ) -> Result<Spilled, Box<State>> {
        let kept_kib = u32::try_from(difference.len_bytes().div_ceil(1_024)).unwrap_or(u32::MAX);
        match room.clone().try_acquire_many_owned(kept_kib) {
            Ok(room) => {
                Ok(Spilled { state, memory_bytes, difference, image_id: guest.image_id(), _room: room })
            }
            Err(_) => Err(Box::new(state)),
        }
    }

    /// Length of the memory, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// What differs from the image.
    pub(crate) fn difference(&self) -> &Difference {
        &self.difference
    }

    /// Changes what is kept as bytes say: lengths, places, content. For fuzzing.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn damage(&mut self, bytes: &[u8]) {
        let Difference { runs, bytes: kept } = &mut self.difference;
        for step in bytes.chunks(4) {
            let [kind, high, low, with] = step else { continue };
            let at = usize::from(*high) * 256 + usize::from(*low);
            let (runs_len, kept_len) = (runs.len().max(1), kept.len().max(1));
            match (kind % 8, runs.get_mut(at % runs_len), kept.get_mut((at * 7) % kept_len)) {
                (0, Some(run), _) => run.0 = run.0.wrapping_add(u16::from(*with)),
                (1, Some(run), _) => run.1 = run.1.wrapping_mul(u16::from(*with)),
                (2, Some(run), _) => *run = (u16::MAX, u16::MAX),
                (3, ..) => self.memory_bytes = self.memory_bytes.wrapping_add(at << (with % 24)),
                (4, ..) => kept.truncate(at),
                (_, _, Some(byte)) => *byte ^= with,
                _ => {}
            }
        }
    }

    /// A fresh instance with the memory as it was.
    pub(crate) fn restore(self, guest: &Guest) -> wasmtime::Result<Instance> {
        if self.image_id != guest.image_id() {
            return Err(wasmtime::Error::msg("a spilled execution belongs to another engine"));
        }
        let mut instance = Instance::bare(guest, self.state)?;
        instance.grow_to(self.memory_bytes)?;
        let complete = self.difference.apply(instance.memory_mut()?);
        complete.ok_or_else(|| wasmtime::Error::msg("a spilled execution is damaged"))?;
        Ok(instance)
    }
}

/// What differs between a memory and the image.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Difference {
    /// Words to pass over, and words that follow there and differ.
    runs: Vec<(u16, u16)>,
    /// The words of all runs.
    bytes: Vec<u8>,
}

impl Difference {
    fn between(memory: &[u8], image: &[u8]) -> Difference {
        let mut difference = Difference::default();
        let mut end = 0;
        let pages = (0..).step_by(PAGE_BYTES).zip(memory.chunks(PAGE_BYTES)).skip(STACK_BYTES / PAGE_BYTES);
        for (page_at, page) in pages {
            let original = image.get(page_at..page_at + PAGE_BYTES).unwrap_or(&ZEROS);
            if page == original {
                continue;
            }
            let words = page.chunks(WORD_BYTES).zip(original.chunks(WORD_BYTES));
            for (at, (now, _)) in (page_at / WORD_BYTES..).zip(words).filter(|(_, (now, was))| now != was) {
                difference.push(at - end);
                difference.bytes.extend(now);
                end = at + 1;
            }
        }
        difference.runs.shrink_to_fit();
        difference.bytes.shrink_to_fit();
        difference
    }

    /// One word that differs, so many words after the last one.
    fn push(&mut self, mut gap: usize) {
        if let Some((_, len)) = self.runs.last_mut()
            && gap == 0
            && *len < u16::MAX
        {
            *len += 1;
            return;
        }
        loop {
            match u16::try_from(gap) {
                Ok(gap) => break self.runs.push((gap, 1)),
                Err(_) => self.runs.push((u16::MAX, 0)),
            }
            gap -= usize::from(u16::MAX);
        }
    }

    /// Puts the words where they were. Nothing when the memory has no such place.
    fn apply(&self, memory: &mut [u8]) -> Option<()> {
        let (mut at, mut kept) = (0, self.bytes.as_slice());
        for (gap, len) in &self.runs {
            at += usize::from(*gap) * WORD_BYTES;
            let len_bytes = usize::from(*len) * WORD_BYTES;
            let (run, rest) = kept.split_at_checked(len_bytes)?;
            memory.get_mut(at..at + len_bytes)?.copy_from_slice(run);
            (at, kept) = (at + len_bytes, rest);
        }
        Some(())
    }

    /// Appends it to bytes.
    pub(crate) fn write(&self, to: &mut Vec<u8>) {
        to.extend(u32::try_from(self.runs.len()).unwrap_or(u32::MAX).to_le_bytes());
        for (gap, len) in &self.runs {
            to.extend(gap.to_le_bytes());
            to.extend(len.to_le_bytes());
        }
        to.extend(&self.bytes);
    }

    /// Reads what [`Difference::write`] wrote, to the end.
    pub(crate) fn read(bytes: &[u8]) -> Option<Difference> {
        let (count, mut rest) = bytes.split_first_chunk::<4>()?;
        let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
        let mut runs = Vec::with_capacity(count.min(rest.len() / 4));
        let mut words = 0;
        for _ in 0..count {
            let (gap, after) = rest.split_first_chunk::<2>()?;
            let (len, after) = after.split_first_chunk::<2>()?;
            let len = u16::from_le_bytes(*len);
            runs.push((u16::from_le_bytes(*gap), len));
            words += usize::from(len);
            rest = after;
        }
        (rest.len() == words * WORD_BYTES).then(|| Difference { runs, bytes: rest.to_vec() })
    }

    fn len_bytes(&self) -> usize {
        self.bytes.len() + self.runs.len() * size_of::<(u16, u16)>()
    }
}

/// Differs whenever a difference from one image must not be put on another.
pub(crate) fn id_of(image: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    image.hash(&mut hasher);
    hasher.finish()
}

/// The memory every instance starts with, without the zeros at its end.
pub(crate) fn image_of(guest: &Guest, state: State) -> wasmtime::Result<Vec<u8>> {
    let mut store = Store::new(&guest.engine, state);
    store.set_epoch_deadline(1);
    let instance = guest.pre.instantiate(&mut store)?;
    let missing = || wasmtime::Error::msg("the guest lacks its memory");
    let memory = instance.get_memory(&mut store, "memory").ok_or_else(missing)?;
    let bytes = memory.data(&store);
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    Ok(bytes.get(..used.next_multiple_of(PAGE_BYTES)).unwrap_or(bytes).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_that_differ_are_kept_and_all_come_back() {
        let image = vec![3; STACK_BYTES + 2 * PAGE_BYTES];
        let mut memory = image.clone();
        memory.resize(image.len() + 300 * PAGE_BYTES, 0);
        memory[5] = 9; // in the stack
        memory[STACK_BYTES + PAGE_BYTES + 100] = 9;
        let far = memory.len() - 2 * PAGE_BYTES;
        memory[far..far + 65].fill(1);
        let difference = Difference::between(&memory, &image);
        assert_eq!(difference.bytes.len(), 8 + 72);
        assert_eq!(
            difference.runs.len(),
            2 + 1 + 2,
            "two runs, and three steps to get across what lies between"
        );
        let mut restored = image.clone();
        restored.resize(memory.len(), 0);
        difference.apply(&mut restored).unwrap();
        assert!(restored[STACK_BYTES..] == memory[STACK_BYTES..]);
        let mut written = Vec::new();
        difference.write(&mut written);
        assert_eq!(Difference::read(&written).as_ref(), Some(&difference));
        assert_eq!(Difference::read(&written[..written.len() - 1]), None);
        assert!(difference.apply(&mut [0; 100]).is_none());
        assert_eq!(Difference::between(&image, &image), Difference::default());
    }

    #[test]
    fn long_runs_are_cut() {
        let image = vec![0; STACK_BYTES];
        let memory = vec![1; STACK_BYTES + 70_000 * WORD_BYTES / PAGE_BYTES * PAGE_BYTES];
        let difference = Difference::between(&memory, &image);
        let mut restored = vec![0; memory.len()];
        difference.apply(&mut restored).unwrap();
        assert!(restored[STACK_BYTES..] == memory[STACK_BYTES..]);
    }
}
