//! Segments in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::BoxFuture;
use crate::port::segments::{Segment, SegmentError, Segments};

/// Segments that are gone with the process. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemorySegments(Arc<Mutex<BTreeMap<u64, Vec<u8>>>>);

impl MemorySegments {
    /// No segments yet.
    pub fn new() -> MemorySegments {
        MemorySegments::default()
    }

    /// The segments themselves, by number.
    pub fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ready<T: Send + 'static>(result: Result<T, SegmentError>) -> BoxFuture<'static, Result<T, SegmentError>> {
    Box::pin(std::future::ready(result))
}

fn place(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

impl Segments for MemorySegments {
    fn segments(&self) -> BoxFuture<'_, Result<Vec<Segment>, SegmentError>> {
        let all = self.lock();
        ready(Ok(all
            .iter()
            .map(|(number, held)| Segment { number: *number, bytes: held.len() as u64 })
            .collect()))
    }

    fn segment_read(
        &self,
        number: u64,
        from: u64,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<u8>, SegmentError>> {
        let found = self.lock().get(&number).map(|held| {
            let rest = held.get(place(from)..).unwrap_or_default();
            rest.get(..most).unwrap_or(rest).to_vec()
        });
        ready(found.ok_or_else(|| SegmentError(format!("there is no segment {number}"))))
    }

    fn segment_write(&self, number: u64, at: u64, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), SegmentError>> {
        let mut all = self.lock();
        let is_there = all.get(&number).map_or(0, Vec::len) >= place(at);
        if is_there {
            let held = all.entry(number).or_default();
            held.truncate(place(at));
            held.extend_from_slice(&bytes);
        }
        ready(
            is_there
                .then_some(())
                .ok_or_else(|| SegmentError(format!("segment {number} is shorter than {at}"))),
        )
    }

    fn segment_remove(&self, number: u64) -> BoxFuture<'_, Result<(), SegmentError>> {
        self.lock().remove(&number);
        ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> Arc<MemorySegments> {
        Arc::default()
    }

    crate::segments_contract!(fresh);
}
