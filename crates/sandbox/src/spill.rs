//! An execution that waits without an instance.
//!
//! Between two turns the guest's stack is dead and its only mutable global is at rest, so the linear memory is all there
//! is. What differs from the image that every instance starts from is a few kibibytes for a small function; it is kept,
//! and put back into a fresh instance when an operation has been answered.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::Store;

use crate::engine::Guest;
use crate::host::State;
use crate::instance::Instance;
use crate::template::Template;

/// Unit of comparison, in bytes: most of what changes is a count or a pointer.
const WORD_BYTES: usize = 8;
/// Unit of the first, coarse comparison.
const PAGE_BYTES: usize = 4_096;
/// The shadow stack lies first in memory (`stack-size` in `build.sh`) and is dead between turns.
const STACK_BYTES: usize = 524_288;
/// A word that differs in all its bytes.
const ALL: u8 = u8::MAX;
/// Most differences need no more room than this.
const USUAL_BYTES: usize = 8_192;
/// What a page is compared with where the image has only zeros.
static ZEROS: [u8; PAGE_BYTES] = [0; PAGE_BYTES];

/// What is kept.
pub(crate) struct Spilled {
    /// The host's side of the execution.
    pub(crate) state: State,
    memory_bytes: usize,
    /// What the difference is from, when it is not the engine's image.
    template: Option<Arc<Template>>,
    difference: Difference,
    /// The image of the engine.
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
        template: Option<Arc<Template>>,
        room: &Arc<Semaphore>,
    ) -> Result<Spilled, Box<State>> {
        let memory = instance.memory_mut().unwrap_or_default();
        let memory_bytes = memory.len();
        let template = template.filter(|template| template.image_for(guest, memory_bytes).is_some());
        let image = template.as_ref().and_then(|template| template.image_for(guest, memory_bytes));
        let difference = Difference::between(memory, image.unwrap_or(guest.image()));
        let mut state = instance.into_state();
        state.memory = None;
        let kept_kib = u32::try_from(difference.len_bytes().div_ceil(1_024)).unwrap_or(u32::MAX);
        let Ok(room) = room.clone().try_acquire_many_owned(kept_kib) else { return Err(Box::new(state)) };
        state.spills += 1;
        let image_id = guest.image().id();
        Ok(Spilled { state, memory_bytes, template, difference, image_id, _room: room })
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
                let (template, image_id) = (None, guest.image().id());
                Ok(Spilled { state, memory_bytes, template, difference, image_id, _room: room })
            }
            Err(_) => Err(Box::new(state)),
        }
    }

    /// Length of the memory, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// What differs from the engine's image. Nothing when what is kept is damaged: a part of it must not pass for all.
    pub(crate) fn difference(&self) -> Option<Cow<'_, Difference>> {
        let Some(template) = &self.template else { return Some(Cow::Borrowed(&self.difference)) };
        // What differs is written as what changes it: two changes, one after the other, are one.
        let mut changes = vec![0; self.memory_bytes];
        template.difference().apply(&mut changes)?;
        self.difference.apply(&mut changes)?;
        Some(Cow::Owned(Difference::between(&changes, &Image::default())))
    }

    /// Changes what is kept as bytes say: lengths, places, content. For fuzzing.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn damage(&mut self, bytes: &[u8]) {
        let Difference(kept) = &mut self.difference;
        for step in bytes.chunks(4) {
            let [kind, high, low, with] = step else { continue };
            let at = usize::from(*high) * 256 + usize::from(*low);
            let kept_len = kept.len().max(1);
            match (kind % 8, kept.get_mut((at * 7) % kept_len)) {
                (0, Some(byte)) => *byte = 0,
                (1, Some(byte)) => *byte = u8::MAX,
                (2, _) => kept.extend_from_slice(&[0, *high, *low, *with]),
                (3, _) => self.memory_bytes = self.memory_bytes.wrapping_add(at << (with % 24)),
                (4, _) => kept.truncate(at),
                (_, Some(byte)) => *byte ^= with,
                _ => {}
            }
        }
    }

    /// A fresh instance with the memory as it was.
    pub(crate) fn restore(self, guest: &Guest) -> wasmtime::Result<Instance> {
        if self.image_id != guest.image().id() {
            return Err(wasmtime::Error::msg("a spilled execution belongs to another engine"));
        }
        let mut instance = Instance::bare(guest, self.state)?;
        instance.grow_to(self.memory_bytes)?;
        let memory = instance.memory_mut()?;
        let template = self.template.as_ref().map(|template| template.difference());
        for part in template.into_iter().chain([&self.difference]) {
            part.apply(memory).ok_or_else(|| wasmtime::Error::msg("a spilled execution is damaged"))?;
        }
        Ok(instance)
    }
}

/// The memory that instances have at some moment, by pages.
#[derive(Default)]
pub(crate) struct Image {
    /// Nothing where it is what it is below.
    pages: Vec<Option<Box<[u8]>>>,
    /// Without one, there are zeros.
    below: Option<Arc<Image>>,
    /// Zero for all but those of fresh instances.
    id: u64,
}

impl Image {
    /// A memory, where it is not what it is in another one.
    pub(crate) fn over(memory: &[u8], below: Option<&Arc<Image>>) -> Image {
        let mut image = Image { below: below.cloned(), ..Image::default() };
        let numbered = memory.chunks(PAGE_BYTES).enumerate();
        image.pages = numbered.map(|(at, page)| (page != image.page(at)).then(|| page.into())).collect();
        image
    }

    /// That of a fresh instance. The state is for looking at one.
    pub(crate) fn of(guest: &Guest, state: State) -> wasmtime::Result<Image> {
        let mut store = Store::new(&guest.engine, state);
        store.set_epoch_deadline(1);
        let instance = guest.pre.instantiate(&mut store)?;
        let missing = || wasmtime::Error::msg("the guest lacks its memory");
        let memory = instance.get_memory(&mut store, "memory").ok_or_else(missing)?;
        let mut hasher = DefaultHasher::new();
        memory.data(&store).hash(&mut hasher);
        Ok(Image { id: hasher.finish(), ..Image::over(memory.data(&store), None) })
    }

    /// Differs whenever a difference from one image must not be put on another.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// What it keeps itself.
    pub(crate) fn own_bytes(&self) -> usize {
        self.pages.iter().flatten().map(|page| page.len()).sum()
    }

    /// The same pages under another name.
    #[cfg(test)]
    pub(crate) fn renamed(self: &Arc<Image>) -> Arc<Image> {
        Arc::new(Image { pages: Vec::new(), below: Some(self.clone()), id: self.id ^ 1 })
    }

    fn page(&self, number: usize) -> &[u8] {
        match (self.pages.get(number), &self.below) {
            (Some(Some(page)), _) => page,
            (_, Some(below)) => below.page(number),
            _ => &ZEROS,
        }
    }
}

/// What differs between a memory and the image, by exclusive or: for each word that does, a byte that says which of its
/// bytes, and these. Words that differ in all bytes stand together, after how many they are, so that large arrays take
/// hardly more room than they have. Zero, and a number: so many words to pass over.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Difference(Vec<u8>);

impl Difference {
    pub(crate) fn between(memory: &[u8], image: &Image) -> Difference {
        let mut difference = Writer::new();
        let mut end = 0;
        for (number, page) in memory.chunks(PAGE_BYTES).enumerate().skip(STACK_BYTES / PAGE_BYTES) {
            let original = image.page(number);
            if page == original {
                continue;
            }
            let words = page.as_chunks().0.iter().zip(original.as_chunks().0);
            for (at, (now, was)) in (number * PAGE_BYTES / WORD_BYTES..).zip(words) {
                if now != was {
                    difference.pass_over(at - end);
                    difference.push(*now, *was);
                    end = at + 1;
                }
            }
        }
        difference.finish()
    }

    /// Puts the words where they were. Nothing when the memory has no such place, or when it is damaged.
    fn apply(&self, memory: &mut [u8]) -> Option<()> {
        let (mut at, mut kept) = (0_usize, self.0.as_slice());
        while let Some((&which, rest)) = kept.split_first() {
            if which == 0 {
                let (words, rest) = number(rest)?;
                at = at.checked_add(words.checked_mul(WORD_BYTES)?)?;
                kept = rest;
                continue;
            }
            let (len_bytes, rest) = if which == ALL {
                let (count, rest) = rest.split_first()?;
                let len_bytes = usize::from(*count) * WORD_BYTES;
                (len_bytes, change_all(memory.get_mut(at..)?.get_mut(..len_bytes)?, rest)?)
            } else {
                (WORD_BYTES, change(memory.get_mut(at..)?.get_mut(..WORD_BYTES)?, which, rest)?)
            };
            (at, kept) = (at + len_bytes, rest);
        }
        Some(())
    }

    /// Appends it to bytes.
    pub(crate) fn write(&self, to: &mut Vec<u8>) {
        to.extend(&self.0);
    }

    /// Reads what [`Difference::write`] wrote, to the end.
    pub(crate) fn read(bytes: &[u8]) -> Difference {
        Difference(bytes.to_vec())
    }

    fn len_bytes(&self) -> usize {
        self.0.len()
    }
}

/// Changes whole words; gives what follows.
fn change_all<'a>(words: &mut [u8], changes: &'a [u8]) -> Option<&'a [u8]> {
    let (changes, rest) = changes.split_at_checked(words.len())?;
    for (word, change) in words.as_chunks_mut().0.iter_mut().zip(changes.as_chunks().0) {
        *word = (u64::from_le_bytes(*word) ^ u64::from_le_bytes(*change)).to_le_bytes();
    }
    Some(rest)
}

/// Changes some bytes of a word; gives what follows.
fn change<'a>(word: &mut [u8], which: u8, changes: &'a [u8]) -> Option<&'a [u8]> {
    let (changes, rest) = changes.split_at_checked(usize::try_from(which.count_ones()).ok()?)?;
    let changed = word.iter_mut().enumerate().filter(|(place, _)| which >> place & 1 == 1);
    for ((_, byte), change) in changed.zip(changes) {
        *byte ^= change;
    }
    Some(rest)
}

/// Writes a difference.
struct Writer {
    bytes: Vec<u8>,
    /// Where the number stands of the words that differ in all bytes, while they follow each other.
    run: Option<usize>,
}

impl Writer {
    fn new() -> Writer {
        Writer { bytes: Vec::with_capacity(USUAL_BYTES), run: None }
    }

    fn pass_over(&mut self, words: usize) {
        if words == 0 {
            return;
        }
        self.run = None;
        self.bytes.push(0);
        let mut rest = words;
        while rest > 0x7f {
            self.bytes.push(0x80 | low_byte(rest & 0x7f));
            rest >>= 7;
        }
        self.bytes.push(low_byte(rest));
    }

    /// A word that differs.
    fn push(&mut self, now: [u8; WORD_BYTES], was: [u8; WORD_BYTES]) {
        let changes = (u64::from_le_bytes(now) ^ u64::from_le_bytes(was)).to_le_bytes();
        let which = changes.iter().rev().fold(0, |which, change| which << 1 | u8::from(*change != 0));
        if which == ALL {
            self.push_all(changes);
        } else {
            self.run = None;
            self.bytes.push(which);
            self.bytes.extend(changes.iter().filter(|change| **change != 0));
        }
    }

    /// A word that differs in all its bytes.
    fn push_all(&mut self, changes: [u8; WORD_BYTES]) {
        let count = self.run.and_then(|place| self.bytes.get_mut(place)).filter(|count| **count < u8::MAX);
        if let Some(count) = count {
            *count += 1;
        } else {
            self.bytes.extend([ALL, 1]);
            self.run = Some(self.bytes.len() - 1);
        }
        self.bytes.extend(changes);
    }

    fn finish(mut self) -> Difference {
        self.bytes.shrink_to_fit();
        Difference(self.bytes)
    }
}

fn low_byte(number: usize) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

/// A number, seven bits a byte, the lowest first.
fn number(mut bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0;
    for shift in (0..usize::BITS).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        number |= usize::from(byte & 0x7f) << shift;
        bytes = rest;
        if byte < 0x80 {
            return Some((number, bytes));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_bytes_that_differ_are_kept_and_all_come_back() {
        let original = vec![3; STACK_BYTES + 2 * PAGE_BYTES];
        let image = Image::over(&original, None);
        let mut memory = original.clone();
        memory.resize(original.len() + 300 * PAGE_BYTES, 0);
        memory[5] = 9; // in the stack
        memory[STACK_BYTES + PAGE_BYTES + 100] = 9;
        let far = memory.len() - 2 * PAGE_BYTES;
        memory[far..far + 65].fill(1);
        let difference = Difference::between(&memory, &image);
        let passed = (1 + 3) + (1 + 3); // up to the first word, and from there to the next
        assert_eq!(difference.len_bytes(), passed + 2 + (2 + 8 * 8) + 2);
        let mut restored = original.clone();
        restored.resize(memory.len(), 0);
        difference.apply(&mut restored).unwrap();
        assert!(restored[STACK_BYTES..] == memory[STACK_BYTES..]);
        let mut written = Vec::new();
        difference.write(&mut written);
        assert_eq!(Difference::read(&written), difference);
        assert!(difference.apply(&mut [0; 100]).is_none());
        assert_eq!(Difference::between(&original, &image), Difference::default());
    }

    #[test]
    fn what_is_cut_short_or_points_nowhere_is_found_out() {
        let image = Image::over(&vec![0; STACK_BYTES], None);
        let mut memory = vec![0; STACK_BYTES + PAGE_BYTES];
        memory[STACK_BYTES..].fill(7);
        let Difference(whole) = Difference::between(&memory, &image);
        for len in [1, 2, 9, whole.len() - 1] {
            assert!(Difference(whole[..len].to_vec()).apply(&mut memory.clone()).is_none(), "{len}");
        }
        let far = [[0].as_slice(), &[0xff; 9], &[0x7f]].concat();
        for bytes in [&far[..], &[0], &[0, 0x80], &[0, 1, 1, 1], &[ALL], &[ALL; 8], &[ALL, 2, 0, 0, 0]] {
            assert!(Difference(bytes.to_vec()).apply(&mut [0; 8]).is_none(), "{bytes:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_memory_comes_back(
            changes in prop::collection::vec((0_usize..4 * PAGE_BYTES, any::<u8>(), 1_usize..3_000), 0..40),
        ) {
            let original: Vec<u8> = (0..=6).cycle().take(STACK_BYTES + 2 * PAGE_BYTES).collect();
            let mut memory = original.clone();
            memory.resize(STACK_BYTES + 4 * PAGE_BYTES, 0);
            for (at, byte, len) in changes {
                let end = (STACK_BYTES + at + len).min(memory.len());
                memory[STACK_BYTES + at..end].fill(byte);
            }
            let mut restored = original.clone();
            restored.resize(memory.len(), 0);
            Difference::between(&memory, &Image::over(&original, None)).apply(&mut restored).unwrap();
            prop_assert!(restored[STACK_BYTES..] == memory[STACK_BYTES..]);
        }
    }
}
