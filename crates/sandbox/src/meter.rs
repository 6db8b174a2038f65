//! Processor time: the tick that interrupts guests, and the account of one execution.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use wasmtime::Engine;

use crate::crew::QUICK_US_MAX;
use crate::error::Stop;
use crate::limit_kind::LimitKind;
use crate::limits::Limits;
use crate::mem::thread_cpu_us;

const TICK: Duration = Duration::from_millis(1);
/// Ticks without a running guest after which the ticker goes to sleep. Going on for a moment saves waking it for each
/// of many short calls.
const IDLE_TICKS_MAX: u32 = 20;

/// Moves the engine's epoch on every millisecond while guests run.
#[derive(Clone)]
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
}

#[derive(Default)]
struct Shared {
    running: AtomicU32,
    asleep: AtomicBool,
    stopped: AtomicBool,
}

impl Ticker {
    pub(crate) fn start(engine: Engine) -> std::io::Result<Ticker> {
        let shared = Arc::new(Shared::default());
        let ticking = shared.clone();
        let handle =
            thread::Builder::new().name("sandbox-tick".into()).spawn(move || ticking.tick(&engine))?;
        Ok(Ticker { shared, thread: handle.thread().clone() })
    }

    /// A guest runs until the answer is dropped.
    pub(crate) fn running(&self) -> Running<'_> {
        self.shared.running.fetch_add(1, Ordering::SeqCst);
        // The ticker says that it sleeps before it looks at the count a last time, so one of the two sees the other.
        if self.shared.asleep.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        Running(&self.shared.running)
    }

    pub(crate) fn stop(&self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

impl Shared {
    fn tick(&self, engine: &Engine) {
        let mut idle = 0;
        while !self.stopped.load(Ordering::SeqCst) {
            if self.running.load(Ordering::SeqCst) > 0 {
                idle = 0;
                engine.increment_epoch();
            } else {
                idle += 1;
            }
            if idle < IDLE_TICKS_MAX {
                thread::park_timeout(TICK);
                continue;
            }
            self.asleep.store(true, Ordering::SeqCst);
            if self.running.load(Ordering::SeqCst) == 0 && !self.stopped.load(Ordering::SeqCst) {
                thread::park();
            }
            self.asleep.store(false, Ordering::SeqCst);
        }
    }
}

/// While it lives, a guest runs.
pub(crate) struct Running<'a>(&'a AtomicU32);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Tells a running guest to stop at the next tick.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt(Arc<AtomicU8>);

impl Interrupt {
    const ABANDONED: u8 = 1;
    const DEADLINE: u8 = 2;

    /// Nobody waits for the result any more.
    pub(crate) fn abandon(&self) {
        self.0.store(Self::ABANDONED, Ordering::Relaxed);
    }

    /// The time allowed has passed.
    pub(crate) fn deadline(&self) {
        self.0.store(Self::DEADLINE, Ordering::Relaxed);
    }

    pub(crate) fn check(&self) -> Result<(), Stop> {
        match self.0.load(Ordering::Relaxed) {
            Self::ABANDONED => Err(Stop::Abandoned),
            Self::DEADLINE => Err(Stop::Deadline),
            _ => Ok(()),
        }
    }
}

/// The account of one execution. Time is this thread's processor time, so waiting for a busy machine costs nothing.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    slice_ms_max: u64,
    total_ms_max: u64,
    began_us: u64,
    spent_us: u64,
    slices: u64,
}

impl Meter {
    pub(crate) fn new(limits: &Limits) -> Meter {
        Meter { slice_ms_max: limits.cpu_slice_ms_max, total_ms_max: limits.cpu_ms_max, ..Meter::default() }
    }

    pub(crate) fn begin_slice(&mut self) {
        self.began_us = thread_cpu_us();
        self.slices += 1;
    }

    pub(crate) fn end_slice(&mut self) {
        self.spent_us += self.slice_us();
    }

    fn slice_us(&self) -> u64 {
        thread_cpu_us().saturating_sub(self.began_us)
    }

    /// Processor time of the slice up to now, in microseconds, unless that is too much.
    pub(crate) fn check(&self) -> Result<u64, Stop> {
        let slice_us = self.slice_us();
        let total_us = self.spent_us + slice_us;
        if slice_us > self.slice_ms_max * 1_000 {
            return Err(over(LimitKind::CpuSlice, self.slice_ms_max, slice_us));
        }
        if total_us > self.total_ms_max * 1_000 {
            return Err(over(LimitKind::Cpu, self.total_ms_max, total_us));
        }
        Ok(slice_us)
    }

    /// Goes on from what was spent before.
    pub(crate) fn go_on(&mut self, spent_us: u64, slices: u64) {
        (self.spent_us, self.slices) = (spent_us, slices);
    }

    pub(crate) fn spent_us(&self) -> u64 {
        self.spent_us
    }

    /// Whether its slices have been quick ones, on average.
    pub(crate) fn is_quick(&self) -> bool {
        self.spent_us / self.slices.max(1) <= QUICK_US_MAX
    }

    pub(crate) fn slices(&self) -> u64 {
        self.slices
    }
}

fn over(what: LimitKind, limit: u64, used_us: u64) -> Stop {
    Stop::Limit { what, limit, used: used_us.div_ceil(1_000) }
}
