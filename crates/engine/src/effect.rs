//! Effects: what is done once a record is durable. All of them may be repeated without harm.

use nexus_kernel::Json;
use nexus_kernel::activity::ActivityTask;
use nexus_kernel::failure::{Failure, FailureKind};
use nexus_kernel::id::{Key, RunId};
use nexus_kernel::time::Timestamp;

use crate::activity;
use crate::activity::record::Priority;
use crate::input::{Due, Limit};
use crate::record::{Event, IntentId, Note, RunPart, Started};
use crate::schedule::{self, Errand, Schedule};
use crate::state::{Intent, Remote, RemoteCall, RunState};

/// One effect.
#[derive(Debug)]
pub enum Effect {
    /// Hand an attempt to a worker.
    Dispatch(Box<Dispatch>),
    /// Take an attempt away from the worker that has it.
    Withdraw {
        /// Its run.
        run: RunId,
        /// Its activity.
        seq: u64,
        /// The attempt.
        ticket: u32,
        /// Even when it has begun.
        begun: bool,
    },
    /// Come back at that time.
    Arm(Timestamp, RunId, Due),
    /// Deliver an effect on another key.
    Deliver(RunId, IntentId, Intent),
    /// Start or stop a run of a schedule.
    Errand(Errand),
    /// Tell whoever waits for the run.
    Closed(RunId),
    /// Tell whoever waits that the program cannot go on.
    Blocked(RunId),
    /// Tell whoever waits for the answer of an update.
    Answered(RunId, String, Result<Json, Failure>),
}

/// An attempt and how long it may wait for a worker.
#[derive(Debug)]
pub struct Dispatch {
    /// The attempt.
    pub task: ActivityTask,
    /// Its queue.
    pub task_queue: String,
    /// Its place in the queue.
    pub priority: Priority,
    /// Since when it waits there.
    pub since: Timestamp,
    /// When waiting for a worker has taken too long.
    pub start_before: Option<Timestamp>,
    /// When all attempts together have taken too long.
    pub close_before: Option<Timestamp>,
}

/// The effects that follow from what one transition did to a run.
pub fn of_part(key: &Key, run: &RunState, part: &RunPart, intents_before: &[IntentId]) -> Vec<Effect> {
    let mut effects = Vec::new();
    for event in &part.events {
        effects.extend(of_event(key, run, event));
        if let Event::NexusOperationScheduled { seq, .. } | Event::NexusOperationStarted { seq, .. } = event {
            effects.extend(run.remotes.get(seq).into_iter().flat_map(|remote| deadlines(run, *seq, remote)));
        }
        if matches!(event, Event::WorkflowExecutionUnpaused { .. }) {
            let waiting = run.activities.iter().filter(|(_, it)| it.waiting && it.paused.is_none());
            let again = waiting.map(|(seq, it)| {
                Effect::Arm(it.available_at, run.run_id.clone(), Due::Attempt(*seq, it.ticket))
            });
            effects.extend(again);
        }
        if let Event::WorkflowExecutionStarted(started) = event {
            effects.extend(begin(run, started));
        }
    }
    for note in &part.notes {
        match note {
            Note::AttemptFailed { seq, attempt, next_at, .. } => {
                effects.push(Effect::Arm(*next_at, run.run_id.clone(), Due::Attempt(*seq, attempt + 1)));
            }
            Note::Activity { seq, what } => effects.extend(activity::effect::of_note(key, run, *seq, what)),
            Note::DeliveryFailed { intent, next_at, .. } => {
                effects.push(Effect::Arm(*next_at, run.run_id.clone(), Due::Delivery(*intent)));
            }
            Note::StartedLate { .. }
            | Note::OperationCancelRequested { .. }
            | Note::Delivered { .. }
            | Note::Imported { .. }
            | Note::DefinitionChanged { .. }
            | Note::DefinitionRefused { .. } => {}
        }
    }
    let new_intents = run.outbox.iter().filter(|(id, _)| !intents_before.contains(id));
    effects.extend(new_intents.map(|(id, intent)| Effect::Deliver(run.run_id.clone(), *id, intent.clone())));
    effects
}

fn of_event(key: &Key, run: &RunState, event: &Event) -> Option<Effect> {
    let id = || run.run_id.clone();
    match event {
        Event::ActivityTaskScheduled { seq, .. } => activity::effect::dispatch(key, run, *seq),
        Event::TimerStarted { seq, fire_at, .. } => Some(Effect::Arm(*fire_at, id(), Due::Timer(*seq))),
        Event::WorkflowExecutionStarted(started) => {
            started.run_deadline.map(|deadline| Effect::Arm(deadline, id(), Due::Run))
        }
        Event::WorkflowTaskFailed { failure } if failure.kind == FailureKind::Reset => None,
        Event::WorkflowTaskFailed { .. } => Some(Effect::Blocked(id())),
        Event::WorkflowExecutionUpdateCompleted { id: update, result, failure, .. } => {
            let outcome = failure.clone().map_or_else(|| Ok(result.clone()), Err);
            Some(Effect::Answered(id(), update.clone(), outcome))
        }
        _ => event.closes().then(|| Effect::Closed(id())),
    }
}

/// The effects of a run whose process was lost: everything that it still waits for.
pub fn of_state(key: &Key, run: &RunState) -> Vec<Effect> {
    let id = || run.run_id.clone();
    let mut effects = Vec::new();
    for (seq, activity) in &run.activities {
        effects.extend(activity::effect::of_state(key, run, *seq, activity));
    }
    effects.extend(run.timers.iter().map(|(seq, at)| Effect::Arm(*at, id(), Due::Timer(*seq))));
    effects.extend(run.remotes.iter().flat_map(|(seq, remote)| deadlines(run, *seq, remote)));
    effects.extend(begin(run, &run.started));
    if let Some(deadline) = run.started.run_deadline.filter(|_| run.status.is_open()) {
        effects.push(Effect::Arm(deadline, id(), Due::Run));
    }
    effects.extend(run.outbox.iter().map(|(intent, what)| match run.setbacks.get(intent) {
        Some(setback) => Effect::Arm(setback.next_at, id(), Due::Delivery(*intent)),
        None => Effect::Deliver(id(), *intent, what.clone()),
    }));
    effects
}

/// The effects of what a run that was made by a reset took over, beside the effects of what it did since: commands up
/// to `kept` that are still pending, and its own deadline.
pub(crate) fn of_taken_over(key: &Key, run: &RunState, kept: u64) -> Vec<Effect> {
    if !run.status.is_open() {
        return Vec::new();
    }
    let id = || run.run_id.clone();
    let activities = run.activities.range(..=kept);
    let mut effects: Vec<Effect> =
        activities.flat_map(|(seq, activity)| activity::effect::of_state(key, run, *seq, activity)).collect();
    effects.extend(run.timers.range(..=kept).map(|(seq, at)| Effect::Arm(*at, id(), Due::Timer(*seq))));
    effects.extend(run.remotes.range(..=kept).flat_map(|(seq, remote)| deadlines(run, *seq, remote)));
    effects.extend(run.started.run_deadline.map(|at| Effect::Arm(at, id(), Due::Run)));
    effects
}

/// The ends of an operation's times.
fn deadlines(run: &RunState, seq: u64, remote: &Remote) -> Vec<Effect> {
    let RemoteCall::Nexus { times, .. } = &remote.call else { return Vec::new() };
    let start = times.start.filter(|_| remote.handler.is_none());
    let all = [
        (times.close, Limit::ScheduleToClose),
        (start, Limit::ScheduleToStart),
        (times.end, Limit::StartToClose),
    ];
    let arm = |(at, limit): (Option<Timestamp>, Limit)| {
        Some(Effect::Arm(at?, run.run_id.clone(), Due::Operation(seq, limit)))
    };
    all.into_iter().filter_map(arm).collect()
}

/// The effects that a schedule waits for.
pub(crate) fn of_schedule(schedule: &Schedule) -> Vec<Effect> {
    let errands = schedule.errands().into_iter().map(Effect::Errand);
    let wake = schedule::wake(schedule).map(|at| Effect::Arm(at, schedule.instance().clone(), Due::Schedule));
    errands.chain(wake).collect()
}

/// The first workflow task of a run, when it has to wait.
fn begin(run: &RunState, started: &Started) -> Option<Effect> {
    let waits = run.status.is_open() && !run.begun;
    let at = started.first_task_at.filter(|_| waits)?;
    Some(Effect::Arm(at, run.run_id.clone(), Due::Start))
}
