//! Files that only grow: numbered segments of a log that is kept beside the store.
//!
//! Whoever writes says where: what lies behind that place, as a crash or a full disk has left it, is cut off first. So a
//! write that failed is simply made again, and nothing else than appending can be asked for.

use std::sync::Arc;

use crate::BoxFuture;

/// Why a segment could not be read or written. Another attempt may succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SegmentError(pub String);

/// A segment that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Its number: segments are in the order of these.
    pub number: u64,
    /// Its length in bytes.
    pub bytes: u64,
}

/// The port.
pub trait Segments: Send + Sync {
    /// All segments, in order.
    fn segments(&self) -> BoxFuture<'_, Result<Vec<Segment>, SegmentError>>;

    /// Bytes of a segment from a place on, at most so many; fewer at its end.
    fn segment_read(
        &self,
        number: u64,
        from: u64,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<u8>, SegmentError>>;

    /// Writes at a place of a segment, which is made when it is not there, and cuts off what lay behind. Durable when it is
    /// answered. After an error everything before the place is as it was.
    fn segment_write(&self, number: u64, at: u64, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), SegmentError>>;

    /// Removes a segment, durably; one that is not there is no error.
    fn segment_remove(&self, number: u64) -> BoxFuture<'_, Result<(), SegmentError>>;
}

/// Segments as parts hold them.
pub type SharedSegments = Arc<dyn Segments>;
