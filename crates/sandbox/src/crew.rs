//! The threads that run guests, and what happens when one of them is kept.
//!
//! As many threads as there are processors do quick work. A slice that computes for longer than a few milliseconds steps
//! aside: another thread takes its place among the quick ones, and the kept thread ends with its slice. What is known to
//! compute for long begins on threads of its own, which are fewer than there are processors: one processor at least is
//! always free for quick work, without any help of the operating system's priorities.

use std::cell::Cell;
use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::error::Overload;
use crate::meter::Ticker;
use crate::queue::{Bounds, Lane, Place, Queue};

/// A slice that has computed for longer is no quick one, in microseconds.
pub(crate) const QUICK_US_MAX: u64 = 5_000;
/// Threads that wait for one of the quick ones to be kept.
const SPARE_THREADS: usize = 2;
/// Kept threads at the same time, for each quick one. When more are kept they go on counting as quick.
const KEPT_PER_QUICK_MAX: usize = 8;
/// Stack of a thread, in bytes: a mebibyte of guest, and room for host functions.
const STACK_BYTES: usize = 4 << 20;

pub(crate) type Work = Box<dyn FnOnce() + Send>;

/// The threads and their work.
pub(crate) struct Crew {
    queue: Queue<Work>,
    ticker: Ticker,
    quick_max: usize,
    roll: Mutex<Roll>,
    quick: Condvar,
    slow: Condvar,
    steward: Condvar,
}

/// Who does what.
#[derive(Default)]
struct Roll {
    /// Quick work that could be taken and has not been, as far as is known.
    quick_waiting: usize,
    slow_waiting: usize,
    /// Threads with quick work.
    quick_running: usize,
    /// Threads that are kept by a slice that stepped aside.
    kept: usize,
    /// Threads that may do quick work, idle ones included.
    quick_threads: usize,
    closed: bool,
}

/// What the current thread is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Not one of the crew.
    Stranger,
    Quick,
    /// Was a quick one, until its slice took too long.
    Kept,
    Slow,
}

thread_local! {
    static ROLE: Cell<Role> = const { Cell::new(Role::Stranger) };
}

impl Crew {
    /// Starts the threads.
    pub(crate) fn start(bounds: Bounds, ticker: Ticker, quick_max: NonZeroUsize) -> io::Result<Arc<Crew>> {
        let crew = Arc::new(Crew {
            queue: Queue::new(bounds),
            ticker,
            quick_max: quick_max.get(),
            roll: Mutex::default(),
            quick: Condvar::new(),
            slow: Condvar::new(),
            steward: Condvar::new(),
        });
        for _ in 0..crew.quick_threads() {
            crew.hire("sandbox", Crew::do_quick)?;
        }
        crew.roll().quick_threads = crew.quick_threads();
        for _ in 0..(crew.quick_max / 2).max(1) {
            crew.hire("sandbox-slow", Crew::do_slow)?;
        }
        crew.hire("sandbox-steward", Crew::replace_kept)?;
        Ok(crew)
    }

    fn quick_threads(&self) -> usize {
        self.quick_max + SPARE_THREADS
    }

    fn hire(self: &Arc<Crew>, name: &str, work: fn(&Arc<Crew>)) -> io::Result<()> {
        let crew = self.clone();
        let builder = thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES);
        builder.spawn(move || work(&crew)).map(drop)
    }

    fn roll(&self) -> MutexGuard<'_, Roll> {
        self.roll.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has work done, or gives it back.
    pub(crate) fn submit(&self, place: Place, work: Work) -> Result<(), (Overload, Work)> {
        let lane = place.lane;
        self.queue.push(place, work)?;
        let mut roll = self.roll();
        match lane {
            Lane::Quick => {
                roll.quick_waiting += 1;
                if roll.quick_running < self.quick_max {
                    self.quick.notify_one();
                }
            }
            Lane::Slow => {
                roll.slow_waiting += 1;
                self.slow.notify_one();
            }
        }
        Ok(())
    }

    /// Ends the threads when they have done what they are at. What waits is dropped.
    pub(crate) fn close(&self) {
        drop(self.queue.close());
        self.roll().closed = true;
        for waiting in [&self.quick, &self.slow, &self.steward] {
            waiting.notify_all();
        }
    }

    /// A quick thread: as many as `quick_max` have work at the same time, the others are spare.
    fn do_quick(self: &Arc<Crew>) {
        ROLE.set(Role::Quick);
        let mut roll = self.roll();
        loop {
            if roll.closed {
                return;
            }
            if roll.quick_waiting == 0 || roll.quick_running >= self.quick_max {
                roll = self.quick.wait(roll).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            roll.quick_waiting -= 1;
            roll.quick_running += 1;
            drop(roll);
            self.work(Lane::Quick);
            roll = self.roll();
            if ROLE.get() == Role::Kept {
                roll.kept -= 1;
                return;
            }
            roll.quick_running -= 1;
        }
    }

    fn do_slow(self: &Arc<Crew>) {
        ROLE.set(Role::Slow);
        let mut roll = self.roll();
        while !roll.closed {
            if roll.slow_waiting == 0 {
                roll = self.slow.wait(roll).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            roll.slow_waiting -= 1;
            drop(roll);
            self.work(Lane::Slow);
            roll = self.roll();
        }
    }

    /// Does one piece of work.
    fn work(&self, lane: Lane) {
        let Some(work) = self.queue.take(lane) else { return };
        let running = self.ticker.running();
        // A fault of ours in one call must not take the thread from all others; its caller sees a lost answer.
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            tracing::error!("a call of the sandbox panicked");
        }
        drop(running);
    }

    /// The current slice has computed for long: its thread is no quick one any more.
    pub(crate) fn step_aside(&self) {
        if ROLE.get() != Role::Quick {
            return;
        }
        let mut roll = self.roll();
        if roll.kept >= self.quick_max * KEPT_PER_QUICK_MAX {
            return;
        }
        ROLE.set(Role::Kept);
        roll.kept += 1;
        roll.quick_running -= 1;
        roll.quick_threads -= 1;
        if roll.quick_waiting > 0 {
            self.quick.notify_one();
        }
        self.steward.notify_one();
    }

    /// The steward: keeps the number of quick threads.
    fn replace_kept(self: &Arc<Crew>) {
        let mut roll = self.roll();
        while !roll.closed {
            if roll.quick_threads >= self.quick_threads() {
                roll = self.steward.wait(roll).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            drop(roll);
            let hired = self.hire("sandbox", Crew::do_quick);
            roll = self.roll();
            match hired {
                Ok(()) => roll.quick_threads += 1,
                Err(error) => {
                    tracing::error!(%error, "a thread of the sandbox cannot be replaced");
                    // The next thread that is kept is the next occasion.
                    roll = self.steward.wait(roll).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}
