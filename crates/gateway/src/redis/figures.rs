//! How it goes with Redis, for `/metrics`.

use std::sync::atomic::{AtomicU64, Ordering};

use nexus_kernel::BoxFuture;

use super::Redis;
use crate::metrics::declared::{REDIS_QUESTIONS, REDIS_UP};
use crate::metrics::{Page, Source};

impl Redis {
    /// Questions that it was not asked or did not answer since the start.
    pub(crate) fn unanswered(&self) -> u64 {
        let tally = &self.0.tally;
        tally.failed.load(Ordering::Relaxed) + tally.spared.load(Ordering::Relaxed)
    }
}

impl Source for Redis {
    fn show<'a>(&'a self, page: &'a mut Page) -> BoxFuture<'a, ()> {
        let tally = &self.0.tally;
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        page.count(&REDIS_UP, &[], u64::from(self.complaint().is_none()));
        page.count(&REDIS_QUESTIONS, &["answered"], of(&tally.answered));
        page.count(&REDIS_QUESTIONS, &["failed"], of(&tally.failed));
        page.count(&REDIS_QUESTIONS, &["spared"], of(&tally.spared));
        Box::pin(std::future::ready(()))
    }
}
