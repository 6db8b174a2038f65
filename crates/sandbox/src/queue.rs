//! Work for the sandbox's threads: two lanes, so that a few hogs do not delay many short calls.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A queue that threads wait on.
pub(crate) struct Queue<T> {
    lanes: Mutex<Lanes<T>>,
    arrived: Condvar,
    len_max: usize,
}

struct Lanes<T> {
    quick: VecDeque<T>,
    slow: VecDeque<T>,
    taken: u64,
    closed: bool,
}

/// Which lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    Quick,
    Slow,
}

/// Of so many pieces of work, one is taken from the slow lane first, so that it moves in any case.
const SLOW_SHARE: u64 = 8;

impl<T> Queue<T> {
    pub(crate) fn new(len_max: usize) -> Queue<T> {
        let lanes = Lanes { quick: VecDeque::new(), slow: VecDeque::new(), taken: 0, closed: false };
        Queue { lanes: Mutex::new(lanes), arrived: Condvar::new(), len_max }
    }

    /// Adds work; gives it back when too much is waiting or the queue is closed.
    pub(crate) fn push(&self, lane: Lane, work: T) -> Result<(), T> {
        let mut lanes = self.lock();
        if lanes.closed || lanes.quick.len() + lanes.slow.len() >= self.len_max {
            return Err(work);
        }
        match lane {
            Lane::Quick => lanes.quick.push_back(work),
            Lane::Slow => lanes.slow.push_back(work),
        }
        drop(lanes);
        self.arrived.notify_one();
        Ok(())
    }

    /// Waits for work; nothing once the queue is closed.
    pub(crate) fn pop(&self) -> Option<T> {
        let mut lanes = self.lock();
        loop {
            if lanes.closed {
                return None;
            }
            if let Some(work) = lanes.take() {
                return Some(work);
            }
            lanes = self.arrived.wait(lanes).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ends all waiting; what is queued is dropped.
    pub(crate) fn close(&self) {
        let mut lanes = self.lock();
        lanes.closed = true;
        let dropped = (std::mem::take(&mut lanes.quick), std::mem::take(&mut lanes.slow));
        drop(lanes);
        self.arrived.notify_all();
        drop(dropped);
    }

    fn lock(&self) -> MutexGuard<'_, Lanes<T>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Lanes<T> {
    fn take(&mut self) -> Option<T> {
        self.taken += 1;
        if self.taken.is_multiple_of(SLOW_SHARE) {
            return self.slow.pop_front().or_else(|| self.quick.pop_front());
        }
        self.quick.pop_front().or_else(|| self.slow.pop_front())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slow_lane_waits_but_moves() {
        let queue = Queue::new(100);
        for number in 0..20 {
            queue.push(Lane::Quick, number).unwrap();
        }
        queue.push(Lane::Slow, 99).unwrap();
        let taken: Vec<i32> = (0..9).filter_map(|_| queue.pop()).collect();
        assert_eq!(taken, [0, 1, 2, 3, 4, 5, 6, 99, 7]);
    }

    #[test]
    fn a_full_or_closed_queue_gives_work_back() {
        let queue = Queue::new(1);
        queue.push(Lane::Quick, 1).unwrap();
        assert_eq!(queue.push(Lane::Slow, 2), Err(2));
        queue.close();
        assert_eq!(queue.pop(), None);
        assert_eq!(queue.push(Lane::Quick, 3), Err(3));
    }
}
