//! Workers: hand attempts to whoever carries activities out, and bring the outcome back.
//!
//! Everything here is derived: the truth is that a run has a scheduled activity without an end. After a crash the
//! attempts are handed out again. While an attempt is here, its times are kept here; one that is completed from outside
//! is no longer here, and the shard keeps its times.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_kernel::activity::{BeatAnswer, Completion};
use nexus_kernel::error::Error;
use nexus_kernel::failure::{Failure, FailureKind};
use nexus_kernel::id::{Key, RunId};
use nexus_kernel::port::activity::{Progress, SharedActivities};
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::span::Span;
use nexus_kernel::time::Timestamp;
use nexus_kernel::{BoxFuture, Json, task};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::activity::input::ActivityInput;
use crate::effect::Dispatch;
use crate::engine::stopping;
use crate::failures;
use crate::input::{Input, Limit, Reply};
use crate::meters::{Attempts, Meters};
use crate::queue::{QueueName, Task};
use crate::shard::{Message, Router};
use crate::slots::{Slot, Slots, Waiting};
use crate::trace;

/// Attempts that run at the same time; more wait in order of priority.
pub(crate) const ACTIVITIES_IN_FLIGHT_MAX: usize = 512;

/// Names one attempt of a run: its activity and its ticket.
type Attempt = (u64, u32);

/// The workers of a process. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Workers {
    inner: Arc<Inner>,
}

struct Inner {
    activities: SharedActivities,
    clock: SharedClock,
    slots: Slots,
    meters: Arc<Meters>,
    /// Changes whenever activities may have got an implementation.
    bindings: watch::Sender<()>,
    state: Mutex<HashMap<RunId, HashMap<Attempt, Flight>>>,
}

/// An attempt that is here.
#[derive(Debug, Default)]
struct Flight {
    handle: Option<AbortHandle>,
    /// When it was handed to its implementation.
    started_at: Option<Timestamp>,
}

impl Workers {
    /// Workers that hand attempts to `activities`.
    pub(crate) fn new(activities: SharedActivities, clock: SharedClock, meters: Arc<Meters>) -> Workers {
        let slots = Slots::new(ACTIVITIES_IN_FLIGHT_MAX, Arc::clone(&clock));
        let (bindings, state) = (watch::Sender::new(()), Mutex::default());
        Workers { inner: Arc::new(Inner { activities, clock, slots, meters, bindings, state }) }
    }

    /// Takes an attempt. One that is in flight already is not started twice.
    pub(crate) fn offer(&self, dispatch: Dispatch, router: &Router) {
        let (run, attempt) =
            (dispatch.task.run_id.clone(), (dispatch.task.activity_id, dispatch.task.ticket));
        let mut state = self.state();
        let attempts = state.entry(run).or_default();
        if attempts.contains_key(&attempt) {
            return;
        }
        let namespace = dispatch.task.key.namespace.clone();
        let queue = QueueName { namespace, task_queue: dispatch.task_queue.clone() };
        let (priority, since) = (dispatch.priority.clone(), dispatch.since);
        let waiting = self.inner.slots.enter(Task { queue, priority, since });
        // The lock is held until the handle is in its place: the attempt cannot end before that.
        let work = carry_out(self.clone(), (dispatch, waiting), router.clone());
        let handle = task::spawn(work).abort_handle();
        attempts.insert(attempt, Flight { handle: Some(handle), started_at: None });
    }

    /// The places that attempts share.
    pub(crate) fn slots(&self) -> &Slots {
        &self.inner.slots
    }

    /// Whether somebody implements an activity.
    pub(crate) fn is_bound(&self, activity: &str) -> bool {
        self.inner.activities.is_bound(activity)
    }

    /// When an attempt that is here was handed to its implementation.
    pub(crate) fn started_at(&self, run: &RunId, attempt: Attempt) -> Option<Timestamp> {
        self.state().get(run)?.get(&attempt)?.started_at
    }

    /// Looks again whether somebody implements what nobody implemented.
    pub(crate) fn bindings_changed(&self) {
        self.inner.bindings.send_replace(());
    }

    /// Drops the attempts of a run that has closed.
    pub(crate) fn abandon(&self, run: &RunId) {
        let attempts = self.state().remove(run);
        for handle in attempts.into_iter().flat_map(HashMap::into_values).filter_map(|flight| flight.handle) {
            handle.abort();
        }
    }

    /// Drops one attempt; one that has begun only when that is said.
    pub(crate) fn withdraw(&self, run: &RunId, attempt: Attempt, begun: bool) {
        let mut state = self.state();
        let Some(attempts) = state.get_mut(run) else { return };
        if attempts.get(&attempt).is_some_and(|flight| begun || flight.started_at.is_none())
            && let Some(handle) = attempts.remove(&attempt).and_then(|flight| flight.handle)
        {
            handle.abort();
        }
        if attempts.is_empty() {
            state.remove(run);
        }
    }

    /// How many attempts run or wait for a slot.
    pub(crate) fn in_flight(&self) -> usize {
        self.state().values().map(HashMap::len).sum()
    }

    /// Notes that an attempt begins; false when it has been withdrawn.
    fn begin(&self, run: &RunId, attempt: Attempt, at: Timestamp) -> bool {
        let mut state = self.state();
        let flight = state.get_mut(run).and_then(|attempts| attempts.get_mut(&attempt));
        flight.map(|flight| flight.started_at = Some(at)).is_some()
    }

    fn forget(&self, run: &RunId, attempt: Attempt) {
        let mut state = self.state();
        if let Some(attempts) = state.get_mut(run) {
            attempts.remove(&attempt);
            if attempts.is_empty() {
                state.remove(run);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, HashMap<RunId, HashMap<Attempt, Flight>>> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One attempt from its queue to its outcome.
async fn carry_out(workers: Workers, (dispatch, waiting): (Dispatch, Waiting), router: Router) {
    let clock = &workers.inner.clock;
    let slot = in_queue(&workers, &dispatch, waiting).await;
    let started_at = clock.now();
    let task = &dispatch.task;
    let (key, run, attempt) = (task.key.clone(), task.run_id.clone(), (task.activity_id, task.ticket));
    let watch = Stopwatch {
        meters: Arc::clone(&workers.inner.meters),
        activity: task.activity.clone(),
        span: trace::attempt(&workers.inner.meters, task, started_at),
    };
    let ended = |outcome| Input::ActivityEnded {
        run: run.clone(),
        seq: attempt.0,
        attempt: attempt.1,
        started_at,
        outcome,
    };
    let input = match slot {
        Err(limit) => {
            watch.attempts().timed_out.one();
            ended(Err(failures::timeout(limit)))
        }
        Ok(_) if !workers.begin(&run, attempt, started_at) => return,
        Ok(slot) => {
            watch.meters.waits.note(started_at.since(dispatch.since));
            let outcome = execute(&workers.inner, dispatch, started_at, &router).await;
            drop(slot);
            watch.ended(&outcome, started_at, clock.now());
            match outcome {
                Ok(Completion::Done(result)) => ended(Ok(result)),
                Ok(Completion::Later) => {
                    let input = ActivityInput::HandedOver { ticket: attempt.1, started_at };
                    Input::Activity(run.clone(), attempt.0, input)
                }
                Err(failure) => ended(Err(failure)),
            }
        }
    };
    // The shard learns of the outcome before the attempt is forgotten, so that it is never handed out again between.
    router.send(Message::input(key, input));
    workers.forget(&run, attempt);
}

/// Counts the attempts of an activity.
struct Stopwatch {
    meters: Arc<Meters>,
    activity: String,
    span: Option<Box<Span>>,
}

impl Stopwatch {
    fn attempts(&self) -> Arc<Attempts> {
        self.meters.attempts.of(self.activity.as_str())
    }

    fn ended(self, outcome: &Result<Completion, Failure>, started: Timestamp, ended: Timestamp) {
        let attempts = self.attempts();
        attempts.times.note(ended.since(started));
        if let (Some(span), Some(spans)) = (self.span, self.meters.spans()) {
            let failed = outcome.as_ref().err().map(|failure| failure.type_name.clone());
            spans.record(Span { ended, failed, ..*span });
        }
        match outcome {
            Ok(Completion::Done(_)) => attempts.completed.one(),
            Ok(Completion::Later) => attempts.handed_over.one(),
            Err(failure) if failure.kind == FailureKind::Timeout => attempts.timed_out.one(),
            Err(_) => attempts.failed.one(),
        }
    }
}

/// Waits until somebody implements the activity and its queue lets it begin, or until that has taken too long.
async fn in_queue(workers: &Workers, dispatch: &Dispatch, waiting: Waiting) -> Result<Slot, Limit> {
    let clock = &workers.inner.clock;
    let (start, close) = (dispatch.start_before, dispatch.close_before);
    let (limit, what) = match (start, close) {
        (Some(start), Some(close)) if close < start => (Some(close), Limit::ScheduleToClose),
        (Some(start), _) => (Some(start), Limit::ScheduleToStart),
        (None, close) => (close, Limit::ScheduleToClose),
    };
    let too_long = async {
        match limit {
            Some(limit) => clock.sleep_until(limit).await,
            None => std::future::pending().await,
        }
    };
    let ready = async {
        bound(workers, dispatch).await;
        waiting.begin().await
    };
    let slot = tokio::select! {
        biased;
        slot = ready => slot,
        () = too_long => return Err(what),
    };
    // The server may have been down when the time ran out.
    if limit.is_some_and(|limit| clock.now() > limit) { Err(what) } else { Ok(slot) }
}

async fn bound(workers: &Workers, dispatch: &Dispatch) {
    let activity = dispatch.task.activity.as_str();
    if workers.is_bound(activity) {
        return;
    }
    let mut bindings = workers.inner.bindings.subscribe();
    let queue = dispatch.task_queue.as_str();
    tracing::warn!(activity, queue, code = "NX-1101", "nobody implements this activity; its task waits");
    while !workers.is_bound(activity) {
        if bindings.changed().await.is_err() {
            return; // the sender is part of the workers, which this task holds
        }
    }
}

async fn execute(
    inner: &Inner,
    dispatch: Dispatch,
    started_at: Timestamp,
    router: &Router,
) -> Result<Completion, Failure> {
    let task = dispatch.task;
    let own_limit = started_at.plus(Duration::from_millis(task.start_to_close_ms));
    let limit = dispatch.close_before.map_or(own_limit, |close| close.min(own_limit));
    let what = if limit < own_limit { Limit::ScheduleToClose } else { Limit::StartToClose };
    let (key, run, seq, ticket) = (task.key.clone(), task.run_id.clone(), task.activity_id, task.ticket);
    if task.heartbeat_ms.is_some() {
        let input = ActivityInput::Started { ticket, at: started_at };
        router.send(Message::input(key.clone(), Input::Activity(run.clone(), seq, input)));
    }
    let progress = Arc::new(Reporter { router: router.clone(), key, run, seq, ticket });
    tokio::select! {
        biased;
        outcome = inner.activities.execute(task, progress) => outcome,
        () = inner.clock.sleep_until(limit) => Err(failures::timeout(what)),
    }
}

/// The way back from one attempt.
struct Reporter {
    router: Router,
    key: Key,
    run: RunId,
    seq: u64,
    ticket: u32,
}

impl Progress for Reporter {
    fn beat(&self, details: Json) -> BoxFuture<'static, Result<BeatAnswer, Error>> {
        let input = ActivityInput::Beat { ticket: Some(self.ticket), details };
        let (router, key) = (self.router.clone(), self.key.clone());
        let input = Input::Activity(self.run.clone(), self.seq, input);
        Box::pin(async move { answered(router.ask(key, input).await) })
    }
}

/// What an implementation is told of itself.
pub(crate) fn answered(reply: Option<Reply>) -> Result<BeatAnswer, Error> {
    match reply {
        Some(Reply::Beat(answer)) => Ok(answer),
        Some(Reply::Refused(error)) => Err(error),
        Some(_) => Ok(BeatAnswer::default()),
        None => Err(stopping()),
    }
}
