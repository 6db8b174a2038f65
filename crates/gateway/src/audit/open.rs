//! Opening: where the chain goes on, and what is to be told of the state it was found in.
//!
//! What a crash leaves behind the last whole line is cut off. Everything else that is wrong stays as it is, for whoever
//! looks into it: the chain goes on in a new file, and a line in it says what was found.

use nexus_kernel::port::segments::{Segment, SegmentError, Segments};
use nexus_kernel::time::Timestamp;

use super::chain::Head;
use super::record::What;
use super::verify::{Chain, read};

/// Where the next line goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The file.
    pub(super) segment: u64,
    /// The byte in it.
    pub(super) at: u64,
    /// When its first line was written.
    pub(super) begun: Timestamp,
}

/// A log that can be gone on with.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) head: Head,
    /// Nothing where the next line begins a new file.
    pub(super) place: Option<Place>,
    /// What is to be told first.
    pub(super) notes: Vec<What>,
}

/// Finds the end of a log. `anchor` is an end that it had once.
pub(super) async fn open(segments: &dyn Segments, anchor: Option<Head>) -> Result<Opened, SegmentError> {
    let mut notes = Vec::new();
    let mut all = segments.segments().await?;
    while let Some(last) = all.pop() {
        let bytes = segments.segment_read(last.number, 0, usize::MAX).await?;
        if bytes.contains(&b'\n') {
            return Ok(go_on(last, &bytes, anchor, notes));
        }
        // A file that was begun and never had a line.
        segments.segment_remove(last.number).await?;
        if !bytes.is_empty() {
            notes.push(What::Mended { bytes: bytes.len() as u64 });
        }
    }
    Ok(match anchor.filter(|anchor| anchor.next > 0) {
        None => Opened { head: Head::start(), place: None, notes },
        Some(anchor) => {
            notes.push(What::Missing { from: 0, to: anchor.next - 1 });
            Opened { head: anchor, place: None, notes }
        }
    })
}

fn go_on(last: Segment, bytes: &[u8], anchor: Option<Head>, mut notes: Vec<What>) -> Opened {
    let mut chain = Chain::new(anchor.clone());
    let found = read(&mut chain, last.number, bytes, None);
    let head = chain.head().cloned().unwrap_or_else(Head::start);
    if let Some(fault) = found.fault {
        // No number that may have been given is given again.
        let lines = bytes.split_inclusive(|byte| *byte == b'\n').count() as u64;
        let known = anchor.filter(|anchor| anchor.next > head.next).unwrap_or_else(|| head.clone());
        let next = known.next.max(last.number.saturating_add(lines));
        notes.push(What::Broken { segment: fault.segment, line: fault.line, why: fault.why });
        return Opened { head: Head { next, hash: known.hash }, place: None, notes };
    }
    if found.torn_bytes > 0 {
        notes.push(What::Mended { bytes: found.torn_bytes });
    }
    if let Some(anchor) = anchor.filter(|anchor| anchor.next > head.next) {
        notes.push(What::Missing { from: head.next, to: anchor.next - 1 });
        return Opened { head: anchor, place: None, notes };
    }
    let begun = found.begun.unwrap_or_default();
    Opened { head, place: Some(Place { segment: last.number, at: found.bytes, begun }), notes }
}
