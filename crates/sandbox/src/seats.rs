//! How many instances there are: who runs takes a seat, and who waits may keep it while there are enough.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The seats.
pub(crate) struct Seats {
    taken: Mutex<usize>,
    freed: Condvar,
    max: usize,
}

/// The right to one instance.
pub(crate) struct Seat(Arc<Seats>);

impl Seats {
    pub(crate) fn new(max: usize) -> Seats {
        Seats { taken: Mutex::new(0), freed: Condvar::new(), max: max.max(1) }
    }

    /// Waits for a seat. That is short: there is one more than executions may keep while they wait, so those that are
    /// not free belong to slices that run.
    pub(crate) fn take(self: &Arc<Seats>) -> Seat {
        let mut taken = self.lock();
        while *taken >= self.max {
            taken = self.freed.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken += 1;
        Seat(self.clone())
    }

    pub(crate) fn taken(&self) -> usize {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        *self.0.lock() -= 1;
        self.0.freed.notify_one();
    }
}
