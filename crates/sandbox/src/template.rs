//! The memory of an instance that has loaded a file and has done nothing else yet.
//!
//! Executions of one file that wait differ from it in half as many words as from the engine's own image. What a file's
//! top level draws or is told of the time may be different in each of them; then those words differ, too.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::engine::Guest;
use crate::host::State;
use crate::instance::Instance;
use crate::spill::{Difference, Image};

/// Kept with a file once one of its functions has given its instance back.
pub(crate) struct Template {
    image: Image,
    difference: Difference,
    memory_bytes: usize,
    /// The image of the engine that it was made with.
    engine: u64,
    _room: OwnedSemaphorePermit,
}

impl Template {
    /// Loads a file for its memory's sake, whatever comes of it. Nothing when that takes room that is not there.
    pub(crate) fn of(
        guest: &Guest,
        bytecode: &[u8],
        mut state: State,
        room: &Arc<Semaphore>,
    ) -> Option<Template> {
        state.begin_slice();
        let mut instance = Instance::fresh(guest, state, 1).ok()?;
        drop(instance.load(&guest.exports, bytecode));
        let memory = instance.memory_mut().ok()?;
        let image = Image::over(memory, Some(guest.image()));
        let kept_kib = u32::try_from(image.own_bytes().div_ceil(1_024)).ok()?;
        let room = room.clone().try_acquire_many_owned(kept_kib).ok()?;
        let difference = Difference::between(memory, guest.image());
        let (memory_bytes, engine) = (memory.len(), guest.image().id());
        Some(Template { image, difference, memory_bytes, engine, _room: room })
    }

    /// What a memory of so many bytes can be compared with.
    pub(crate) fn image_for(&self, guest: &Guest, memory_bytes: usize) -> Option<&Image> {
        (self.engine == guest.image().id() && self.memory_bytes <= memory_bytes).then_some(&self.image)
    }

    /// What differs in it from the engine's image.
    pub(crate) fn difference(&self) -> &Difference {
        &self.difference
    }
}
