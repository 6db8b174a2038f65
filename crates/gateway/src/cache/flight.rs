//! Flights: one piece of work for all who ask the same at the same time.
//!
//! Whoever comes first leads, others wait. A lead that is given up - the work failed, the call was refused after all, somebody
//! panicked - tells those who wait, and the next of them leads. Work that was begun before a tag was renewed is not joined
//! any more; a newer flight takes its place, and then the older one's answer is given to those on it and not kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use nexus_kernel::call::RunNote;
use tokio::sync::watch;

use super::common::Common;
use super::entry::Kept;
use super::key::Key;
use super::tags::Stamp;

type Open = Arc<Mutex<HashMap<Key, Arc<Flight>>>>;

/// The work that is under way.
#[derive(Default)]
pub(super) struct Flights(Open);

/// One piece of work.
pub(super) struct Flight {
    /// What servers agreed on before it was begun.
    common: Common,
    /// The generations of its tags when it was begun.
    stamps: OnceLock<Vec<Stamp>>,
    run: RunNote,
    landed: watch::Sender<Outcome>,
}

/// What has come of it.
enum Outcome {
    /// Nothing yet.
    UnderWay,
    /// An answer for all who wait.
    Landed(Arc<Kept>),
    /// Nothing that could be given to others.
    Failed,
}

/// How one comes to an answer.
pub(super) enum Boarding {
    /// By doing the work.
    Lead(Lead),
    /// By waiting for it.
    Join(Arc<Flight>),
}

/// The duty to do the work.
pub(crate) struct Lead {
    open: Open,
    key: Key,
    flight: Arc<Flight>,
}

fn lock(open: &Open) -> MutexGuard<'_, HashMap<Key, Arc<Flight>>> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Flights {
    /// Joins the flight of a key, where there is one and it may be joined, or begins one. What servers agree on now must be
    /// what they agreed on when it was begun.
    pub(super) fn board(&self, key: &Key, may_join: bool, common: &Common) -> Boarding {
        let mut open = lock(&self.0);
        let is_open = |flight: &&Arc<Flight>| may_join && flight.is_current() && flight.common == *common;
        if let Some(flight) = open.get(key).filter(is_open) {
            return Boarding::Join(Arc::clone(flight));
        }
        let flight = Arc::new(Flight {
            common: common.clone(),
            stamps: OnceLock::new(),
            run: RunNote::default(),
            landed: watch::Sender::new(Outcome::UnderWay),
        });
        open.insert(*key, Arc::clone(&flight));
        drop(open);
        Boarding::Lead(Lead { open: Arc::clone(&self.0), key: *key, flight })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        lock(&self.0).len()
    }
}

impl Flight {
    /// Whether it was begun since the last change of its tags. Before they are read it has not begun.
    fn is_current(&self) -> bool {
        self.stamps.get().is_none_or(|stamps| stamps.iter().all(Stamp::is_current))
    }

    /// What came of it, once that is known.
    pub(super) async fn landed(&self) -> Option<Arc<Kept>> {
        let mut landed = self.landed.subscribe();
        match &*landed.wait_for(|outcome| !matches!(outcome, Outcome::UnderWay)).await.ok()? {
            Outcome::Landed(kept) => Some(Arc::clone(kept)),
            Outcome::UnderWay | Outcome::Failed => None,
        }
    }

    /// The run that does the work.
    pub(super) fn run(&self) -> &RunNote {
        &self.run
    }
}

impl Lead {
    /// The work begins under these generations of its tags.
    pub(super) fn begin(&self, stamps: Vec<Stamp>) {
        let _ = self.flight.stamps.set(stamps); // it begins once
    }

    /// What it was begun under. Nothing when that could not be known.
    pub(super) fn stamps(&self) -> Option<&[Stamp]> {
        self.flight.stamps.get().map(Vec::as_slice)
    }

    /// What servers agreed on before it was begun.
    pub(super) fn common(&self) -> &Common {
        &self.flight.common
    }

    /// Where the run is to be noted.
    pub(crate) fn run(&self) -> &RunNote {
        &self.flight.run
    }

    /// The end. What is given goes to all who wait; something else is done first, unless a newer flight has taken its place. Tells whether it was done.
    pub(super) fn land(self, kept: Option<Arc<Kept>>, keep: impl FnOnce() -> bool) -> bool {
        let mut open = lock(&self.open);
        let is_latest = open.get(&self.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight));
        let is_kept = is_latest && keep();
        if is_latest {
            open.remove(&self.key);
        }
        drop(open);
        self.flight.landed.send_replace(kept.map_or(Outcome::Failed, Outcome::Landed));
        is_kept
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        let mut open = lock(&self.open);
        if open.get(&self.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight)) {
            open.remove(&self.key);
        }
        drop(open);
        self.flight.landed.send_if_modified(|outcome| {
            let is_given_up = matches!(outcome, Outcome::UnderWay);
            if is_given_up {
                *outcome = Outcome::Failed;
            }
            is_given_up
        });
    }
}
