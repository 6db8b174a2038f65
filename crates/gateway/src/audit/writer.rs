//! The writer: the one task that writes the audit log. What has queued up is one write, synchronised once.

use std::sync::Arc;
use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::kv::{Kv, KvWrite};
use nexus_kernel::port::segments::{SegmentError, SharedSegments};
use nexus_kernel::time::Timestamp;

use super::chain::{Head, seal, unseal};
use super::log::{AuditOptions, Shared};
use super::open::Place;
use super::queue::{Batch, Entry, Lost};
use super::record::What;
use crate::limits::{AUDIT_ANCHOR_SECONDS, AUDIT_SEGMENT_HOURS_MAX, AUDIT_SWEEP_MINUTES};

/// Where the end of the log is noted in the store.
const ANCHOR: &str = "audit/head";

/// Bytes of a file's first line, at most.
const FIRST_LINE_BYTES: usize = 1024;

/// The end of the log as it was noted last.
pub(super) async fn anchor(store: &dyn Kv) -> Result<Option<Head>, Error> {
    let found = store.kv_get(&Namespace::system(), ANCHOR).await?;
    Ok(found.and_then(|entry| Head::parse(entry.value.as_str()?)))
}

pub(super) struct Writer {
    pub(super) segments: SharedSegments,
    pub(super) store: Arc<dyn Kv>,
    pub(super) clock: SharedClock,
    pub(super) shared: Arc<Shared>,
    pub(super) options: AuditOptions,
    pub(super) head: Head,
    pub(super) place: Option<Place>,
    pub(super) anchored: Timestamp,
    pub(super) swept: Option<Timestamp>,
}

impl Writer {
    /// Writes until the queue is closed and empty.
    pub(super) async fn run(mut self) {
        loop {
            self.wait().await;
            let now = self.clock.now();
            let Some(mut batch) = self.shared.queue.take(now) else { continue };
            let is_last = batch.is_last;
            if is_last {
                batch.entries.push(Entry { at: now, what: What::Closed });
            }
            let has_begun_file = self.commit(batch, now).await;
            if is_last
                || has_begun_file
                || now.since(self.anchored) >= Duration::from_secs(AUDIT_ANCHOR_SECONDS)
            {
                self.note_head(now).await;
            }
            if is_last {
                return;
            }
            let sweep = Duration::from_mins(AUDIT_SWEEP_MINUTES);
            if has_begun_file || self.swept.is_none_or(|swept| now.since(swept) >= sweep) {
                self.swept = Some(now);
                self.retire(now).await;
            }
        }
    }

    async fn wait(&self) {
        let next = self.shared.queue.next();
        let sleep = async {
            match next {
                Some(next) => self.clock.sleep_until(next).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.shared.queue.rung() => {}
            () = sleep => {}
        }
    }

    /// Makes lines durable, and says whether they began a new file.
    async fn commit(&mut self, batch: Batch, now: Timestamp) -> bool {
        let Batch { lost, entries, waiting, awaited, .. } = batch;
        if lost.is_none() && entries.is_empty() {
            for waiting in waiting {
                let _ = waiting.send(Ok(())); // whoever has gone away is told nothing
            }
            return false;
        }
        let (unawaited, first) =
            (entries.len().saturating_sub(awaited), entries.first().map_or(now, |entry| entry.at));
        let told = lost.clone().map(|Lost { count, since, why }| What::Lost { count, since, why });
        let lines = told.map(|what| Entry { at: now, what }).into_iter().chain(entries);
        let written = self.write(lines, now).await;
        let answer = written.as_ref().map(|_| ()).map_err(Clone::clone);
        match &answer {
            Ok(()) => self.shared.recover(self.head.clone()),
            Err(why) => {
                self.shared.fail(why);
                if let Some(lost) = lost {
                    self.shared.queue.lose(lost.count, lost.since, &lost.why);
                }
                if unawaited > 0 {
                    self.shared.queue.lose(unawaited as u64, first, why);
                }
            }
        }
        for waiting in waiting {
            let _ = waiting.send(answer.clone()); // whoever has gone away is told nothing
        }
        written.unwrap_or(false)
    }

    async fn write(&mut self, lines: impl Iterator<Item = Entry>, now: Timestamp) -> Result<bool, String> {
        let age = Duration::from_hours(AUDIT_SEGMENT_HOURS_MAX);
        let is_full = |place: &Place| place.at >= self.options.segment_bytes || now.since(place.begun) >= age;
        let (mut head, mut text) = (self.head.clone(), Vec::new());
        let place = self.place.clone().filter(|place| !is_full(place));
        let is_new = place.is_none();
        let mut place = place.unwrap_or(Place { segment: head.next, at: 0, begun: now });
        if is_new {
            seal(&mut head, now, What::Segment, &mut text)?;
        }
        for Entry { at, what } in lines {
            seal(&mut head, at, what, &mut text)?;
        }
        let bytes = text.len() as u64;
        let written = self.segments.segment_write(place.segment, place.at, text).await;
        written.map_err(|error| error.to_string())?;
        place.at += bytes;
        (self.head, self.place) = (head, Some(place));
        Ok(is_new)
    }

    /// Notes the end of the log in the store, so that lines that are cut off there are missed.
    async fn note_head(&mut self, now: Timestamp) {
        let put = KvWrite::Put { key: ANCHOR.to_owned(), value: Json::String(self.head.to_string()) };
        match self.store.kv_commit(&Namespace::system(), Vec::new(), vec![put]).await {
            Ok(_) => self.anchored = now,
            Err(error) => tracing::warn!(%error, "the end of the audit log could not be noted in the store"),
        }
    }

    /// Removes files whose last line is older than lines are kept. The log says so before they are gone.
    async fn retire(&mut self, now: Timestamp) {
        let Some(kept) = self.options.retention else { return };
        match self.old(now, kept).await {
            Ok(Some((numbers, retired))) => {
                let batch = Batch { entries: vec![Entry { at: now, what: retired }], ..Batch::default() };
                self.commit(batch, now).await;
                if self.shared.trouble().is_some() {
                    return;
                }
                for number in numbers {
                    if let Err(error) = self.segments.segment_remove(number).await {
                        tracing::warn!(%error, number, "an old file of the audit log could not be removed");
                    }
                }
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "old files of the audit log could not be looked for"),
        }
    }

    /// The files that are old, and the line that tells of them. A file ends when the next one begins.
    async fn old(&self, now: Timestamp, kept: Duration) -> Result<Option<(Vec<u64>, What)>, SegmentError> {
        let all = self.segments.segments().await?;
        let (mut numbers, mut end) = (Vec::new(), None);
        for (segment, next) in all.iter().zip(all.iter().skip(1)) {
            let bytes = self.segments.segment_read(next.number, 0, FIRST_LINE_BYTES).await?;
            let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let Ok((first, _)) = unseal(line) else { break };
            if now.since(first.at) < kept {
                break;
            }
            numbers.push(segment.number);
            end = first.seq.checked_sub(1).map(|through| (through, first.prev));
        }
        let from = numbers.first().copied();
        Ok(from.zip(end).map(|(from, (through, hash))| (numbers, What::Retired { from, through, hash })))
    }
}
