//! Answers in the store: they survive a restart. When there is no room, those go first that would end first.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use nexus_kernel::BoxFuture;
use nexus_kernel::cache::Level;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::kv::{Kv, KvEntry, KvWrite};
use nexus_kernel::time::Timestamp;

use super::entry::Entry;
use super::key::Key;
use super::level::CacheLevel;
use super::record::StoredAnswer;
use crate::limits::{CACHE_ENTRY_BYTES_MIN, CACHE_SWEPT_MAX};

const ANSWERS: &str = "cache/answer/";
const ENDS: &str = "cache/end/";

/// Answers in the store.
pub(super) struct Stored {
    store: Arc<dyn Kv>,
    bytes_max: u64,
    /// What is there, counted anew by every cleaning: between two of them it may be a little off.
    bytes: AtomicI64,
    count: AtomicI64,
    is_counted: AtomicBool,
    /// Writes and reads that failed.
    failed: AtomicU64,
    is_making_room: AtomicBool,
}

fn end_key(ends: Timestamp, key: &str) -> String {
    format!("{ENDS}{:016}/{key}", ends.millis().max(0))
}

fn weight(bytes: usize) -> i64 {
    i64::try_from(bytes.saturating_add(CACHE_ENTRY_BYTES_MIN)).unwrap_or(i64::MAX)
}

impl Stored {
    pub(super) fn new(store: Arc<dyn Kv>, bytes_max: u64) -> Stored {
        Stored {
            store,
            bytes_max,
            bytes: AtomicI64::new(0),
            count: AtomicI64::new(0),
            is_counted: AtomicBool::new(false),
            failed: AtomicU64::new(0),
            is_making_room: AtomicBool::new(false),
        }
    }

    /// How many answers there are, and how much room they take.
    pub(super) fn size(&self) -> (u64, u64) {
        let whole = |number: &AtomicI64| u64::try_from(number.load(Ordering::Relaxed)).unwrap_or(0);
        (whole(&self.count), whole(&self.bytes))
    }

    /// Room there is.
    pub(super) fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    /// Writes and reads that failed since the start.
    pub(super) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    fn note<T>(&self, result: Result<T, Error>) -> Option<T> {
        result
            .inspect_err(|error| {
                self.failed.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(%error, "kept answers in the store could not be used");
            })
            .ok()
    }

    async fn find(&self, key: &str) -> Result<Option<StoredAnswer>, Error> {
        let found = self.store.kv_get(&Namespace::system(), &format!("{ANSWERS}{key}")).await?;
        Ok(found.and_then(|entry| StoredAnswer::read(entry.value)))
    }

    async fn write(&self, key: &Key, entry: &Entry, ends: Timestamp) -> Result<(), Error> {
        let key = key.text();
        let before = self.find(&key).await?;
        let mut writes = Vec::new();
        // Work that ended later may have come here first.
        if before.as_ref().is_some_and(|before| before.made > entry.made) {
            return Ok(());
        }
        if let Some(before) = &before {
            writes.push(KvWrite::Delete { key: end_key(before.ends, &key) });
        }
        let value = StoredAnswer::of(entry, ends).to_json();
        writes.push(KvWrite::Put { key: format!("{ANSWERS}{key}"), value });
        writes.push(KvWrite::Put { key: end_key(ends, &key), value: entry.bytes.into() });
        self.store.kv_commit(&Namespace::system(), Vec::new(), writes).await?;
        let gone = before.map(|before| weight(before.entry().bytes));
        self.bytes.fetch_add(weight(entry.bytes) - gone.unwrap_or(0), Ordering::Relaxed);
        self.count.fetch_add(i64::from(gone.is_none()), Ordering::Relaxed);
        Ok(())
    }

    /// Makes room for so many bytes. Tells whether there is room now: one at a time makes some, and others do without.
    async fn make_room(&self, bytes: i64) -> Result<bool, Error> {
        let most = i64::try_from(self.bytes_max).unwrap_or(i64::MAX);
        let has_room = || self.bytes.load(Ordering::Relaxed).saturating_add(bytes) <= most;
        if has_room() {
            return Ok(true);
        }
        if bytes > most || self.is_making_room.swap(true, Ordering::AcqRel) {
            return Ok(false);
        }
        let mut result = Ok(false);
        while !has_room() {
            match self.remove_first(CACHE_SWEPT_MAX / 8, None).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        self.is_making_room.store(false, Ordering::Release);
        result.map(|_| has_room())
    }

    /// Removes the answers that end first, all of them or those that end before a moment. Tells how many pairs that were.
    async fn remove_first(&self, limit: usize, until: Option<Timestamp>) -> Result<usize, Error> {
        let system = Namespace::system();
        let listed = self.store.kv_list(&system, ENDS, None, limit).await?;
        let over = until.map(|until| end_key(until, ""));
        let is_over = |end: &KvEntry| over.as_ref().is_none_or(|over| end.key < *over);
        let ends: Vec<KvEntry> = listed.into_iter().take_while(is_over).collect();
        let mut writes = Vec::with_capacity(2 * ends.len());
        let mut gone = 0;
        for end in &ends {
            let key = end.key.rsplit('/').next().unwrap_or_default();
            writes.push(KvWrite::Delete { key: end.key.clone() });
            writes.push(KvWrite::Delete { key: format!("{ANSWERS}{key}") });
            gone += weight(bytes_of(end));
        }
        if !writes.is_empty() {
            self.store.kv_commit(&system, Vec::new(), writes).await?;
        }
        self.bytes.fetch_sub(gone, Ordering::Relaxed);
        self.count.fetch_sub(i64::try_from(ends.len()).unwrap_or(0), Ordering::Relaxed);
        Ok(ends.len())
    }

    async fn count(&self) -> Result<(i64, i64), Error> {
        let (mut count, mut bytes, mut after) = (0, 0, None);
        loop {
            let page =
                self.store.kv_list(&Namespace::system(), ENDS, after.as_deref(), CACHE_SWEPT_MAX).await?;
            let Some(last) = page.last() else { return Ok((count, bytes)) };
            after = Some(last.key.clone());
            count += i64::try_from(page.len()).unwrap_or(0);
            bytes += page.iter().map(|end| weight(bytes_of(end))).sum::<i64>();
        }
    }

    /// Removes what is over, and counts what is left.
    pub(super) async fn clean(&self, now: Timestamp) {
        while self.note(self.remove_first(CACHE_SWEPT_MAX, Some(now)).await) == Some(CACHE_SWEPT_MAX) {}
        self.recount().await;
    }

    async fn recount(&self) {
        if let Some((count, bytes)) = self.note(self.count().await) {
            self.count.store(count, Ordering::Relaxed);
            self.bytes.store(bytes, Ordering::Relaxed);
            self.is_counted.store(true, Ordering::Release);
        }
    }

    /// The same as [`Stored::size`], also before the first cleaning.
    pub(super) async fn counted(&self) -> (u64, u64) {
        if !self.is_counted.load(Ordering::Acquire) {
            self.recount().await;
        }
        self.size()
    }
}

fn bytes_of(end: &KvEntry) -> usize {
    end.value.as_u64().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or_default()
}

impl CacheLevel for Stored {
    fn level(&self) -> Level {
        Level::Store
    }

    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Option<Entry>> {
        Box::pin(async move { Some(self.note(self.find(&key.text()).await)??.entry()) })
    }

    fn put<'a>(&'a self, key: &'a Key, entry: &'a Entry, ends: Timestamp) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if self.note(self.make_room(weight(entry.bytes)).await) == Some(true) {
                self.note(self.write(key, entry, ends).await);
            }
        })
    }
}
