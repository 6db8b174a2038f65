//! Many simulated worlds: every seed of a range, on every processor, with what happened in them.
//!
//! This is no measurement but a proof by exhaustion: one violation ends it, named by its seed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use nexus_engine::testing::{Report, Violation, simulate};

use crate::measure::Stopwatch;
use crate::out;

/// How often the way so far is told.
const TOLD_EVERY: u64 = 10_000;

/// What all processors share.
struct Search {
    next: AtomicU64,
    end: u64,
    found: Mutex<Option<Violation>>,
    total: Mutex<Report>,
}

/// Lives through the seeds that the arguments name: how many, and from which on.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let number = |at: usize, otherwise: u64| match arguments.get(at) {
        Some(text) => text.parse().with_context(|| format!("{text:?} is no number")),
        None => Ok(otherwise),
    };
    let (count, from) = (number(0, 100_000)?, number(1, 0)?);
    let search = Arc::new(Search {
        next: AtomicU64::new(from),
        end: from + count,
        found: Mutex::default(),
        total: Mutex::default(),
    });
    let (watch, processors) = (Stopwatch::start(), std::thread::available_parallelism()?.get());
    let threads: Vec<_> = (0..processors)
        .map(|_| {
            let search = Arc::clone(&search);
            std::thread::spawn(move || search.go())
        })
        .collect();
    for thread in threads {
        if thread.join().is_err() {
            bail!("a simulated world fell over; its seed is one of the last {processors} before the panic");
        }
    }
    if let Some(violation) = search.found.lock().unwrap_or_else(PoisonError::into_inner).take() {
        bail!("{violation}");
    }
    let total = *search.total.lock().unwrap_or_else(PoisonError::into_inner);
    out(&format!("{count} seeds from {from} in {:.0} s: every promise was kept", watch.seconds()));
    out(&format!("  {total:?}"));
    Ok(())
}

impl Search {
    fn go(&self) {
        loop {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            let is_over = self.found.lock().unwrap_or_else(PoisonError::into_inner).is_some();
            if seed >= self.end || is_over {
                return;
            }
            match simulate(seed) {
                Ok(report) => self.total.lock().unwrap_or_else(PoisonError::into_inner).add(&report),
                Err(violation) => {
                    *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(violation);
                }
            }
            if seed.is_multiple_of(TOLD_EVERY) {
                out(&format!("  at seed {seed}"));
            }
        }
    }
}
