//! Renewals: at most one for each answer that is past its time.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::key::Key;

type Open = Arc<Mutex<HashSet<Key>>>;

/// The answers that are being made anew.
#[derive(Default)]
pub(super) struct Renewals(Open);

/// Leave to make one answer anew. Others get theirs once it is dropped.
pub(crate) struct Renewal {
    open: Open,
    key: Key,
}

impl Renewals {
    /// Leave for a key, unless somebody has it.
    pub(super) fn begin(&self, key: &Key) -> Option<Renewal> {
        let is_first = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(*key);
        is_first.then(|| Renewal { open: Arc::clone(&self.0), key: *key })
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
