//! Verification: whether the lines are those that were written, and the first that is not.

use nexus_kernel::port::segments::{SegmentError, Segments};
use nexus_kernel::time::Timestamp;

use super::chain::{Head, unseal};
use super::record::{Line, What};

/// The first place where a log is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file, by its number.
    pub segment: u64,
    /// The line in it, from 1; the one after the last when lines are missing at the end.
    pub line: u64,
    /// What is wrong.
    pub why: String,
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Lines that hold.
    pub lines: u64,
    /// Files that were read.
    pub segments: u64,
    /// The end of what holds.
    pub head: Head,
    /// Bytes behind the last whole line, which a crash leaves and the next start cuts off.
    pub torn_bytes: u64,
    /// The first thing that is wrong.
    pub fault: Option<Fault>,
}

/// Follows a chain line by line. Pure: whoever has the bytes may ask.
#[derive(Debug)]
pub(super) struct Chain {
    /// The end of what was read; nothing before the first line.
    head: Option<Head>,
    /// What came before the first line, until a line says that it was removed in order.
    removed: Option<Head>,
    /// A line that is known from elsewhere, and whether it was met.
    anchor: Option<Head>,
    met: bool,
    lines: u64,
}

impl Chain {
    /// A chain of which one line is known from elsewhere, perhaps.
    pub(super) fn new(anchor: Option<Head>) -> Chain {
        let anchor = anchor.filter(|anchor| anchor.next > 0);
        Chain { head: None, removed: None, met: anchor.is_none(), anchor, lines: 0 }
    }

    /// Takes the next line. Errors: why it does not belong there.
    pub(super) fn take(&mut self, line: &[u8], is_first_of_segment: bool) -> Result<Line, String> {
        let (line, hash) = unseal(line)?;
        if is_first_of_segment != (line.what == What::Segment) {
            return Err("a file begins with a line that says so, and no other line does".to_owned());
        }
        match &self.head {
            None if line.seq > 0 => self.removed = Some(Head { next: line.seq, hash: line.prev.clone() }),
            None if line.prev != Head::start().hash => return Err("it is not the first line".to_owned()),
            Some(head) if line.seq > head.next => {
                return Err(format!("lines {} to {} are missing before it", head.next, line.seq - 1));
            }
            Some(head) if line.seq < head.next => {
                return Err(format!("it is number {}, and {} comes here", line.seq, head.next));
            }
            Some(head) if line.prev != head.hash => {
                return Err("it follows another line than the one before it".to_owned());
            }
            None | Some(_) => {}
        }
        let head = Head { next: line.seq + 1, hash };
        if let Some(anchor) = self.anchor.as_ref().filter(|anchor| anchor.next == head.next) {
            if anchor.hash != head.hash {
                return Err("another line of this number was written once".to_owned());
            }
            self.met = true;
        }
        if let What::Retired { through, hash, .. } = &line.what
            && self.removed.as_ref().is_some_and(|it| it.next == through + 1 && it.hash == *hash)
        {
            self.removed = None;
        }
        self.head = Some(head);
        self.lines += 1;
        Ok(line)
    }

    /// The end of what was read.
    pub(super) fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// What is wrong with the whole, after the last line.
    fn finish(&self) -> Option<String> {
        let next = self.head.as_ref().map_or(0, |head| head.next);
        match &self.anchor {
            Some(anchor) if anchor.next > next => {
                return Some(format!("lines {next} to {} were written and are missing", anchor.next - 1));
            }
            // Known from before the lines that were removed in order: nothing can be said of it any more.
            Some(_) | None => {}
        }
        let removed = self.removed.as_ref()?;
        Some(format!(
            "lines 0 to {} are missing, and nothing says that they were removed in order",
            removed.next - 1
        ))
    }
}

/// Reads a whole log. `anchor` is its end as somebody knew it once; `until` ends the reading, where lines are being written.
pub async fn verify(
    segments: &dyn Segments,
    anchor: Option<Head>,
    until: Option<u64>,
) -> Result<Verdict, SegmentError> {
    let mut chain = Chain::new(anchor);
    let mut verdict = Verdict { lines: 0, segments: 0, head: Head::start(), torn_bytes: 0, fault: None };
    let all = segments.segments().await?;
    let mut end = (0, 0);
    for (index, segment) in all.iter().enumerate() {
        if until.is_some_and(|until| segment.number >= until) {
            break;
        }
        let bytes = segments.segment_read(segment.number, 0, usize::MAX).await?;
        let found = read(&mut chain, segment.number, &bytes, until);
        verdict.segments += 1;
        end = (segment.number, found.lines + 1);
        if found.fault.is_some() {
            verdict.fault = found.fault;
            break;
        }
        if found.torn_bytes > 0 && index + 1 < all.len() {
            verdict.fault = Some(Fault { segment: end.0, line: end.1, why: "its end is missing".to_owned() });
            break;
        }
        verdict.torn_bytes = found.torn_bytes;
        tokio::task::yield_now().await;
    }
    if verdict.fault.is_none() {
        // What is missing at the beginning shows in the first file there is.
        verdict.fault = chain.finish().map(|why| {
            let is_beginning = chain.removed.is_some() && chain.met;
            let (segment, line) = if is_beginning { (all.first().map_or(0, |it| it.number), 1) } else { end };
            Fault { segment, line, why }
        });
    }
    verdict.lines = chain.lines;
    verdict.head = chain.head.unwrap_or_else(Head::start);
    Ok(verdict)
}

/// What one file holds.
pub(super) struct Found {
    /// Whole lines that hold.
    pub(super) lines: u64,
    /// Their bytes.
    pub(super) bytes: u64,
    /// When the first of them was written.
    pub(super) begun: Option<Timestamp>,
    /// Bytes behind the last line's end.
    pub(super) torn_bytes: u64,
    /// The first line that does not hold.
    pub(super) fault: Option<Fault>,
}

/// Takes the lines of one file, as far as their numbers are below `until`.
pub(super) fn read(chain: &mut Chain, segment: u64, bytes: &[u8], until: Option<u64>) -> Found {
    let mut found = Found { lines: 0, bytes: 0, begun: None, torn_bytes: 0, fault: None };
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if until.is_some_and(|until| chain.head().is_some_and(|head| head.next >= until)) {
            return found;
        }
        let Some(whole) = line.strip_suffix(b"\n") else {
            found.torn_bytes = line.len() as u64;
            return found;
        };
        match chain.take(whole, found.lines == 0) {
            Ok(line) => found.begun = found.begun.or(Some(line.at)),
            Err(why) => {
                found.fault = Some(Fault { segment, line: found.lines + 1, why });
                return found;
            }
        }
        found.lines += 1;
        found.bytes += line.len() as u64;
    }
    found
}
