//! Workers: hand attempts to whoever carries activities out, and bring the outcome back.
//!
//! Everything here is derived: the truth is that a run has a scheduled activity without an end. After a crash the
//! attempts are handed out again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::failure::{Failure, FailureKind};
use nexus_kernel::id::RunId;
use nexus_kernel::port::activity::SharedActivities;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::task;
use nexus_kernel::time::Timestamp;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use crate::effect::Dispatch;
use crate::input::Input;
use crate::shard::{Message, Router};

/// Attempts that run at the same time; more wait in order of arrival.
pub(crate) const ACTIVITIES_IN_FLIGHT_MAX: usize = 512;

/// Names one attempt.
type Attempt = (u64, u32);

/// The workers of a process. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Workers {
    inner: Arc<Inner>,
}

struct Inner {
    activities: SharedActivities,
    clock: SharedClock,
    slots: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    in_flight: HashMap<RunId, HashMap<Attempt, Option<AbortHandle>>>,
    unbound: Vec<Dispatch>,
}

impl Workers {
    /// Workers that hand attempts to `activities`.
    pub(crate) fn new(activities: SharedActivities, clock: SharedClock) -> Workers {
        let slots = Arc::new(Semaphore::new(ACTIVITIES_IN_FLIGHT_MAX));
        Workers { inner: Arc::new(Inner { activities, clock, slots, state: Mutex::default() }) }
    }

    /// Takes an attempt. One that is in flight already is not started twice; one that nobody implements waits until
    /// somebody does.
    pub(crate) fn offer(&self, dispatch: Dispatch, router: &Router) {
        let attempt = (dispatch.task.activity_id, dispatch.task.attempt);
        if !self.inner.activities.is_bound(&dispatch.task.activity) {
            let (activity, queue) = (dispatch.task.activity.as_str(), dispatch.task_queue.as_str());
            tracing::warn!(
                activity,
                queue,
                code = "NX-1101",
                "nobody implements this activity; its task waits"
            );
            self.state().unbound.push(dispatch);
            return;
        }
        let run = dispatch.task.run_id.clone();
        let mut state = self.state();
        let attempts = state.in_flight.entry(run.clone()).or_default();
        if attempts.contains_key(&attempt) {
            return;
        }
        attempts.insert(attempt, None);
        let work = carry_out(self.clone(), dispatch, router.clone());
        let handle = task::spawn(work).abort_handle();
        attempts.insert(attempt, Some(handle));
    }

    /// Whether somebody implements an activity.
    pub(crate) fn is_bound(&self, activity: &str) -> bool {
        self.inner.activities.is_bound(activity)
    }

    /// Offers again what nobody implemented.
    pub(crate) fn bindings_changed(&self, router: &Router) {
        let waiting = std::mem::take(&mut self.state().unbound);
        for dispatch in waiting {
            self.offer(dispatch, router);
        }
    }

    /// Drops the attempts of a run that has closed.
    pub(crate) fn abandon(&self, run: &RunId) {
        let mut state = self.state();
        state.unbound.retain(|dispatch| dispatch.task.run_id != *run);
        for handle in state.in_flight.remove(run).into_iter().flat_map(HashMap::into_values).flatten() {
            handle.abort();
        }
    }

    /// How many attempts run or wait for a slot.
    pub(crate) fn in_flight(&self) -> usize {
        self.state().in_flight.values().map(HashMap::len).sum()
    }

    fn forget(&self, run: &RunId, attempt: Attempt) {
        let mut state = self.state();
        if let Some(attempts) = state.in_flight.get_mut(run) {
            attempts.remove(&attempt);
            if attempts.is_empty() {
                state.in_flight.remove(run);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One attempt from a free slot to its outcome.
async fn carry_out(workers: Workers, dispatch: Dispatch, router: Router) {
    let inner = &workers.inner;
    let slot = inner.slots.acquire().await;
    let started_at = inner.clock.now();
    let task = &dispatch.task;
    let (key, run, attempt) = (task.key.clone(), task.run_id.clone(), (task.activity_id, task.attempt));
    let outcome = if dispatch.start_before.is_some_and(|limit| started_at > limit) {
        Err(timeout(Failure::SCHEDULE_TO_START, "no worker took the activity in time"))
    } else {
        execute(inner, dispatch, started_at).await
    };
    drop(slot);
    let input =
        Input::ActivityEnded { run: run.clone(), seq: attempt.0, attempt: attempt.1, started_at, outcome };
    // The shard learns of the outcome before the attempt is forgotten, so that it is never handed out again between.
    router.send(Message::input(key, input));
    workers.forget(&run, attempt);
}

async fn execute(inner: &Inner, dispatch: Dispatch, started_at: Timestamp) -> Result<Json, Failure> {
    let own_limit = started_at.plus(Duration::from_millis(dispatch.task.start_to_close_ms));
    let limit = dispatch.close_before.map_or(own_limit, |close| close.min(own_limit));
    tokio::select! {
        biased;
        outcome = inner.activities.execute(dispatch.task) => outcome,
        () = inner.clock.sleep_until(limit) => Err(too_slow(limit < own_limit)),
    }
}

fn timeout(kind: &str, message: &str) -> Failure {
    Failure::new(FailureKind::Timeout, kind, message)
}

/// What an attempt fails with that has not ended by its limit: that of all attempts, or its own.
pub(crate) fn too_slow(is_limit_of_all: bool) -> Failure {
    if is_limit_of_all {
        let message = "the activity took longer than its schedule-to-close timeout allows";
        return timeout(Failure::SCHEDULE_TO_CLOSE, message);
    }
    timeout(Failure::START_TO_CLOSE, "the attempt took longer than its start-to-close timeout allows")
}
