//! What all segments promise, as tests over `&dyn Segments`, and segments that fail when they are told to.
//! [`crate::segments_contract!`] turns the rules into test functions.
#![expect(clippy::unwrap_used, reason = "a test body fails by panicking")]

use std::sync::{Arc, Mutex, PoisonError};

use crate::BoxFuture;
use crate::memory::segments::MemorySegments;
use crate::port::segments::{Segment, SegmentError, Segments};

/// One asynchronous test per rule. `$fresh()` gives something that dereferences to no segments yet.
#[macro_export]
macro_rules! segments_contract {
    ($fresh:path) => {
        $crate::segments_contract!($fresh;
            what_was_written_is_read_from_any_place,
            writing_cuts_off_what_lay_behind,
            segments_are_listed_in_order_and_removed,
        );
    };
    ($fresh:path; $($rule:ident),* $(,)?) => {
        $(#[tokio::test]
        async fn $rule() {
            let segments = $fresh();
            $crate::testing::segments_contract::$rule(&*segments).await;
        })*
    };
}

/// Bytes come back, from any place on and as many as are wanted; past the end there are none.
pub async fn what_was_written_is_read_from_any_place(segments: &dyn Segments) {
    segments.segment_write(0, 0, b"hello ".to_vec()).await.unwrap();
    segments.segment_write(0, 6, b"world".to_vec()).await.unwrap();
    assert_eq!(segments.segment_read(0, 0, 100).await.unwrap(), b"hello world");
    assert_eq!(segments.segment_read(0, 4, 3).await.unwrap(), b"o w");
    assert_eq!(segments.segment_read(0, 11, 3).await.unwrap(), b"");
    assert!(segments.segment_read(7, 0, 1).await.is_err());
}

/// What lies behind the place of a write is gone, and there are no holes.
pub async fn writing_cuts_off_what_lay_behind(segments: &dyn Segments) {
    segments.segment_write(3, 0, b"whole|torn and longer".to_vec()).await.unwrap();
    segments.segment_write(3, 6, b"new".to_vec()).await.unwrap();
    assert_eq!(segments.segment_read(3, 0, 100).await.unwrap(), b"whole|new");
    assert!(segments.segment_write(3, 50, b"far".to_vec()).await.is_err());
    assert_eq!(segments.segment_read(3, 0, 100).await.unwrap(), b"whole|new");
}

/// Segments are in the order of their numbers, and gone when they are removed.
pub async fn segments_are_listed_in_order_and_removed(segments: &dyn Segments) {
    for number in [12, 0, 900_000_000_000] {
        segments.segment_write(number, 0, b"x".to_vec()).await.unwrap();
    }
    let numbers = async || segments.segments().await.unwrap().iter().map(|it| it.number).collect::<Vec<_>>();
    assert_eq!(numbers().await, [0, 12, 900_000_000_000]);
    segments.segment_remove(0).await.unwrap();
    segments.segment_remove(0).await.unwrap();
    assert_eq!(numbers().await, [12, 900_000_000_000]);
    assert!(segments.segments().await.unwrap().iter().all(|it| it.bytes == 1));
}

/// Segments on a disk that takes so many bytes more and then is full, leaving torn what it was writing.
#[derive(Debug, Clone, Default)]
pub struct FullSegments {
    held: MemorySegments,
    room: Arc<Mutex<Option<usize>>>,
}

impl FullSegments {
    /// Segments over these.
    pub fn over(held: MemorySegments) -> FullSegments {
        FullSegments { held, room: Arc::default() }
    }

    /// How many bytes the disk takes from now on; all of them without a number.
    pub fn room(&self, bytes: Option<usize>) {
        *self.room.lock().unwrap_or_else(PoisonError::into_inner) = bytes;
    }

    /// How many of these bytes there is room for.
    fn take(&self, bytes: usize) -> usize {
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = room.map_or(bytes, |room| room.min(bytes));
        *room = room.map(|room| room - taken);
        taken
    }
}

impl Segments for FullSegments {
    fn segments(&self) -> BoxFuture<'_, Result<Vec<Segment>, SegmentError>> {
        self.held.segments()
    }

    fn segment_read(
        &self,
        number: u64,
        from: u64,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<u8>, SegmentError>> {
        self.held.segment_read(number, from, most)
    }

    fn segment_write(&self, number: u64, at: u64, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), SegmentError>> {
        Box::pin(async move {
            let taken = self.take(bytes.len());
            self.held.segment_write(number, at, bytes.get(..taken).unwrap_or_default().to_vec()).await?;
            if taken == bytes.len() {
                Ok(())
            } else {
                Err(SegmentError("no space left on device".to_owned()))
            }
        })
    }

    fn segment_remove(&self, number: u64) -> BoxFuture<'_, Result<(), SegmentError>> {
        self.held.segment_remove(number)
    }
}
