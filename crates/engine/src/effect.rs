//! Effects: what is done once a record is durable. All of them may be repeated without harm.

use nexus_kernel::Json;
use nexus_kernel::activity::ActivityTask;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::{Key, RunId};
use nexus_kernel::time::Timestamp;
use std::time::Duration;

use crate::input::Due;
use crate::record::{Event, IntentId, Note, RunPart, Started};
use crate::schedule::{self, Errand, Schedule};
use crate::state::{Intent, RemoteCall, RunState};

/// One effect.
#[derive(Debug)]
pub enum Effect {
    /// Hand an attempt to a worker.
    Dispatch(Box<Dispatch>),
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
        if matches!(event, Event::WorkflowExecutionUnpaused { .. }) {
            let waiting = run.activities.iter().filter_map(|(seq, it)| Some((*seq, it.attempt, it.next_at?)));
            let again = waiting
                .map(|(seq, attempt, at)| Effect::Arm(at, run.run_id.clone(), Due::Attempt(seq, attempt)));
            effects.extend(again);
        }
        if let Event::WorkflowExecutionStarted(started) = event {
            effects.extend(begin(run, started));
        }
    }
    for note in &part.notes {
        if let Note::AttemptFailed { seq, attempt, next_at, .. } = note {
            effects.push(Effect::Arm(*next_at, run.run_id.clone(), Due::Attempt(*seq, attempt + 1)));
        }
    }
    let new_intents = run.outbox.iter().filter(|(id, _)| !intents_before.contains(id));
    effects.extend(new_intents.map(|(id, intent)| Effect::Deliver(run.run_id.clone(), *id, intent.clone())));
    effects
}

fn of_event(key: &Key, run: &RunState, event: &Event) -> Option<Effect> {
    let id = || run.run_id.clone();
    match event {
        Event::ActivityTaskScheduled { seq, .. } => dispatch(key, run, *seq),
        Event::TimerStarted { seq, fire_at, .. } => Some(Effect::Arm(*fire_at, id(), Due::Timer(*seq))),
        Event::NexusOperationScheduled { seq, deadline: Some(deadline), .. } => {
            Some(Effect::Arm(*deadline, id(), Due::Operation(*seq)))
        }
        Event::WorkflowExecutionStarted(started) => {
            started.run_deadline.map(|deadline| Effect::Arm(deadline, id(), Due::Run))
        }
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
        effects.extend(match activity.next_at {
            Some(next_at) => Some(Effect::Arm(next_at, id(), Due::Attempt(*seq, activity.attempt))),
            None => dispatch(key, run, *seq),
        });
    }
    effects.extend(run.timers.iter().map(|(seq, at)| Effect::Arm(*at, id(), Due::Timer(*seq))));
    for (seq, remote) in &run.remotes {
        if let RemoteCall::Nexus { deadline: Some(deadline), .. } = &remote.call {
            effects.push(Effect::Arm(*deadline, id(), Due::Operation(*seq)));
        }
    }
    effects.extend(begin(run, &run.started));
    if let Some(deadline) = run.started.run_deadline.filter(|_| run.status.is_open()) {
        effects.push(Effect::Arm(deadline, id(), Due::Run));
    }
    effects.extend(
        run.outbox.iter().map(|(intent_id, intent)| Effect::Deliver(id(), *intent_id, intent.clone())),
    );
    effects
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

/// The attempt of a pending activity that is to run now.
pub fn dispatch(key: &Key, run: &RunState, seq: u64) -> Option<Effect> {
    let activity = run.activities.get(&seq)?;
    let begins = activity.next_at.unwrap_or(activity.scheduled_at);
    let options = &activity.options;
    let after = |from: Timestamp, ms: Option<u64>| ms.map(|ms| from.plus(Duration::from_millis(ms)));
    let task = ActivityTask {
        key: key.clone(),
        run_id: run.run_id.clone(),
        workflow: run.started.workflow.clone(),
        activity_id: seq,
        activity: activity.name.clone(),
        input: activity.input.clone(),
        attempt: activity.attempt,
        start_to_close_ms: options.start_to_close_ms,
    };
    Some(Effect::Dispatch(Box::new(Dispatch {
        task,
        task_queue: options.task_queue.clone(),
        start_before: after(begins, options.schedule_to_start_ms),
        close_before: after(activity.scheduled_at, options.schedule_to_close_ms),
    })))
}
