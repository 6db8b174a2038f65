//! Finding lines: from the newest on for people, from the oldest on for whoever keeps a copy.

use nexus_kernel::access::{Act, Action, Reach};
use nexus_kernel::call::CallContext;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::segments::{Segment, SegmentError, Segments};
use nexus_kernel::time::Timestamp;

use super::chain::unseal;
use super::record::Line;
use crate::limits::AUDIT_SCANNED_MAX;

/// Lines are almost in the order of their times: those of one moment may be so far apart.
const DISORDER_SECONDS: u64 = 60;

/// Which lines.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    pub(super) since: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
    pub(super) caller: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) operation: Option<String>,
    pub(super) status: Option<String>,
    pub(super) request_id: Option<String>,
    /// Lines with numbers below this one, or above, as pages go on.
    pub(super) beyond: Option<u64>,
    pub(super) limit: usize,
}

impl Wanted {
    fn has(&self, line: &Line) -> bool {
        let (since, until) =
            (self.since.is_none_or(|it| line.at >= it), self.until.is_none_or(|it| line.at < it));
        let call = line.what.call();
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|it| Some(it) == found)
        };
        since
            && until
            && is(&self.caller, call.map(|it| it.caller.as_str()))
            && is(&self.request_id, call.map(|it| it.request_id.as_str()))
            && is(&self.namespace, call.and_then(|it| it.namespace.as_deref()))
            && is(&self.operation, call.and_then(|it| it.operation.as_deref()))
            && is(&self.status, call.and_then(|it| it.status.as_deref()))
    }
}

/// Whose lines a caller may see.
#[derive(Debug, Clone)]
pub(super) struct Sight {
    reach: Reach,
    /// Lines that belong to no namespace.
    has_server: bool,
}

impl Sight {
    /// What the caller of a call may see.
    pub(super) fn of(context: &CallContext) -> Sight {
        let server = context.caller.grants.reach(Act { resource: "admin", action: Action::Read });
        Sight { reach: context.reach.clone(), has_server: !server.is_nothing() }
    }

    /// Everything, for a part that nobody calls yet.
    pub(super) fn everything() -> Sight {
        Sight { reach: Reach::everything(), has_server: true }
    }

    fn sees(&self, line: &Line) -> bool {
        match line.what.call().and_then(|call| call.namespace.as_deref()) {
            Some(namespace) => {
                Namespace::new(namespace).is_ok_and(|namespace| self.reach.sees_all(&namespace))
            }
            None => self.has_server,
        }
    }
}

/// Some lines, and where the next page begins.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub(super) lines: Vec<T>,
    pub(super) next: Option<u64>,
}

/// Lines from the newest on. What does not hold is left out: verification tells of it.
pub(super) async fn newest(
    segments: &dyn Segments,
    wanted: &Wanted,
    sight: &Sight,
) -> Result<Page<(Line, String)>, SegmentError> {
    let (mut page, mut scanned) = (Page { lines: Vec::new(), next: None }, 0);
    let below = |number: u64| wanted.beyond.is_none_or(|beyond| number < beyond);
    let too_early =
        wanted.since.map(|since| since.millis().saturating_sub(1_000 * DISORDER_SECONDS.cast_signed()));
    for segment in segments.segments().await?.into_iter().rev().filter(|it| below(it.number)) {
        let bytes = segments.segment_read(segment.number, 0, usize::MAX).await?;
        for line in bytes.split(|byte| *byte == b'\n').rev() {
            let Ok((line, hash)) = unseal(line) else { continue };
            if !below(line.seq) {
                continue;
            }
            if page.lines.len() == wanted.limit || scanned == AUDIT_SCANNED_MAX {
                page.next = Some(line.seq + 1);
                return Ok(page);
            }
            scanned += 1;
            if too_early.is_some_and(|early| line.at.millis() < early) {
                return Ok(page);
            }
            if wanted.has(&line) && sight.sees(&line) {
                page.lines.push((line, hash));
            }
        }
        tokio::task::yield_now().await;
    }
    Ok(page)
}

/// Lines from the oldest on, as they are written, whatever they hold.
pub(super) async fn oldest(segments: &dyn Segments, wanted: &Wanted) -> Result<Page<String>, SegmentError> {
    let mut page = Page { lines: Vec::new(), next: None };
    let all = segments.segments().await?;
    for segment in from(&all, wanted.beyond) {
        let bytes = segments.segment_read(segment.number, 0, usize::MAX).await?;
        for text in bytes.split_inclusive(|byte| *byte == b'\n') {
            let Some(text) = text.strip_suffix(b"\n") else { break };
            let read = unseal(text).ok().map(|(line, _)| line);
            let is_new = read.as_ref().is_none_or(|line| wanted.beyond.is_none_or(|after| line.seq > after));
            // A line that cannot be read is exported where it stands: leaving it out would hide it.
            if !is_new || read.as_ref().is_some_and(|line| !wanted.has(line)) {
                continue;
            }
            page.lines.push(String::from_utf8_lossy(text).into_owned());
            if let Some(line) = read.filter(|_| page.lines.len() >= wanted.limit) {
                page.next = Some(line.seq);
                return Ok(page);
            }
        }
        tokio::task::yield_now().await;
    }
    Ok(page)
}

/// The files that may hold lines behind this one.
fn from(all: &[Segment], after: Option<u64>) -> &[Segment] {
    let begins = all.partition_point(|segment| after.is_some_and(|after| segment.number <= after));
    all.get(begins.saturating_sub(1)..).unwrap_or_default()
}
