//! The limits of runs (language page, section 15.16): a warning before an error, an error before damage.

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::failure::{Failure, FailureKind};
use nexus_kernel::limits::{
    HISTORY_BYTES_MAX, HISTORY_BYTES_WARN, HISTORY_EVENTS_MAX, HISTORY_EVENTS_WARN, PAYLOAD_BYTES_MAX,
    PAYLOAD_BYTES_WARN, PENDING_MAX, SIGNALS_MAX, UPDATES_IN_FLIGHT_MAX, UPDATES_MAX,
};

use crate::activity::limits::json_bytes;
use crate::input::Start;
use crate::record::{Event, IntentId};
use crate::state::RunState;

/// Why a run takes in no further signal.
pub(super) fn of_signals(run: &RunState, input: &Json) -> Option<Error> {
    if run.messages.signals() >= SIGNALS_MAX {
        return Some(full(run, &format!("{SIGNALS_MAX} signals, which is the most for one run")));
    }
    payload(run, input)
}

/// Why a run accepts no further update.
pub(super) fn of_updates(run: &RunState, input: &Json) -> Option<Error> {
    if run.messages.updates() >= UPDATES_MAX {
        return Some(full(run, &format!("{UPDATES_MAX} updates, which is the most for one run")));
    }
    if run.messages.updates_in_flight() >= UPDATES_IN_FLIGHT_MAX {
        let message =
            format!("{UPDATES_IN_FLIGHT_MAX} updates of the run have no answer yet, which is the most");
        let error = Error::new(&code::LIMIT_REACHED, message).help("wait for an answer before sending more");
        return Some(error.run(run.run_id.clone()));
    }
    payload(run, input)
}

fn full(run: &RunState, what: &str) -> Error {
    Error::new(&code::LIMIT_REACHED, format!("the run has taken in {what}"))
        .help("let the workflow continue as new: it then begins with an empty history")
        .run(run.run_id.clone())
}

fn payload(run: &RunState, input: &Json) -> Option<Error> {
    let bytes = serde_json::to_vec(input).map_or(0, |bytes| bytes.len());
    if bytes > PAYLOAD_BYTES_MAX {
        let message = format!("the input has {bytes} bytes, more than {PAYLOAD_BYTES_MAX}");
        return Some(Error::new(&code::TOO_LARGE, message).help("pass a reference to the data instead"));
    }
    if bytes > PAYLOAD_BYTES_WARN {
        tracing::warn!(run = %run.run_id, bytes, "a message is larger than {PAYLOAD_BYTES_WARN} bytes");
    }
    None
}

/// Why a run is terminated, when its history has become too long; logs a warning long before that. `before` is how
/// many events there were before this transition.
pub(super) fn of_history(run: &RunState, before: u64) -> Option<Event> {
    let (events, bytes) = (run.next_event.saturating_sub(1), run.history_bytes);
    if events > HISTORY_EVENTS_MAX || bytes > HISTORY_BYTES_MAX {
        let reason = format!("its history has {events} events and {bytes} bytes, more than a run may have");
        return Some(Event::WorkflowExecutionTerminated { reason, reset: None });
    }
    if before <= HISTORY_EVENTS_WARN && events > HISTORY_EVENTS_WARN {
        tracing::warn!(run = %run.run_id, events, bytes, "a history becomes long; continue as new in time");
    }
    None
}

/// What an operator should know of a run before a limit is reached.
pub(crate) fn warnings(run: &RunState) -> Vec<String> {
    let (events, bytes) = (run.next_event.saturating_sub(1), run.history_bytes);
    let mut told = Vec::new();
    if events > HISTORY_EVENTS_WARN {
        told.push(format!("{events} events of history; the run is terminated at {HISTORY_EVENTS_MAX}"));
    }
    if bytes > HISTORY_BYTES_WARN {
        told.push(format!("{bytes} bytes of history; the run is terminated at {HISTORY_BYTES_MAX}"));
    }
    for (count, most, what) in [
        (run.messages.signals(), SIGNALS_MAX, "signals"),
        (run.messages.updates(), UPDATES_MAX, "updates"),
        (run.activities.len(), PENDING_MAX, "pending activities"),
        (run.remotes.len(), PENDING_MAX, "pending children and operations"),
    ] {
        if count * 10 >= most * 9 {
            told.push(format!("{count} {what} of at most {most}"));
        }
    }
    told
}

/// Why a start is refused: it brings too much.
pub(super) fn of_start(request: &Start) -> Option<Error> {
    let memo: usize = request.options.memo.values().map(json_bytes).sum();
    let parts = [("input", json_bytes(&request.input)), ("memo", memo)];
    let (what, bytes) = parts.into_iter().find(|(_, bytes)| *bytes > PAYLOAD_BYTES_WARN)?;
    if bytes <= PAYLOAD_BYTES_MAX {
        tracing::warn!(workflow = request.workflow, bytes, "the {what} of a start is large");
        return None;
    }
    let message = format!("the {what} of the start has {bytes} bytes, more than {PAYLOAD_BYTES_MAX}");
    Some(Error::new(&code::TOO_LARGE, message).help("pass a reference to the data instead"))
}

/// Why a task cannot be done: it says too much at once, or would have too much pending.
pub(crate) fn of_task(run: &RunState, events: &[Event]) -> Option<Failure> {
    of_pending(run, events).or_else(|| of_payloads(run, events))
}

/// Results, inputs, messages and facts that are larger than a payload may be.
fn of_payloads(run: &RunState, events: &[Event]) -> Option<Failure> {
    let (what, bytes) = events.iter().find_map(|event| {
        let (what, bytes) = payload_of(run, event)?;
        (bytes > PAYLOAD_BYTES_MAX).then_some((what, bytes))
    })?;
    let message = format!("the {what} has {bytes} bytes, more than {PAYLOAD_BYTES_MAX}");
    Some(Failure::new(FailureKind::Server, "PayloadLimitExceeded", message))
}

/// What an event says, and how long that is. Inputs of activities are looked at with their options.
fn payload_of(run: &RunState, event: &Event) -> Option<(&'static str, usize)> {
    Some(match event {
        Event::WorkflowExecutionCompleted { result, .. } => ("result of the run", json_bytes(result)),
        Event::WorkflowExecutionFailed { failure, .. } => {
            ("failure of the run", failure.details.iter().map(json_bytes).sum())
        }
        Event::WorkflowExecutionContinuedAsNew { input, .. } => ("input of the next run", json_bytes(input)),
        Event::WorkflowExecutionUpdateCompleted { result, .. } => ("answer of an update", json_bytes(result)),
        Event::StartChildWorkflowExecutionInitiated { input, .. } => ("input of a child", json_bytes(input)),
        Event::NexusOperationScheduled { input, .. } => ("input of an operation", json_bytes(input)),
        Event::SignalExternalWorkflowExecutionInitiated { input, .. } => ("signal", json_bytes(input)),
        Event::WorkflowPropertiesModified { memo, details, .. } => {
            let kept = run.visible.memo.iter().filter(|(name, _)| memo.get(name.as_str()).is_none());
            let kept: usize = kept.map(|(_, value)| json_bytes(value)).sum();
            ("memo", kept + json_bytes(memo) + json_bytes(details))
        }
        Event::UpsertWorkflowSearchAttributes { attributes, .. } => {
            ("list of search attributes", json_bytes(attributes))
        }
        _ => return None,
    })
}

/// It would have too much pending of one kind.
fn of_pending(run: &RunState, events: &[Event]) -> Option<Failure> {
    let count = |is_one: fn(&Event) -> bool| events.iter().filter(|event| is_one(event)).count();
    let sent = |kind: fn(&IntentId) -> bool| run.outbox.keys().filter(|id| kind(id)).count();
    let kinds = [
        (
            "PendingActivitiesLimitExceeded",
            run.activities.len() + count(|event| matches!(event, Event::ActivityTaskScheduled { .. })),
        ),
        (
            "PendingChildWorkflowsLimitExceeded",
            run.remotes.len()
                + count(|event| {
                    matches!(
                        event,
                        Event::StartChildWorkflowExecutionInitiated { .. }
                            | Event::NexusOperationScheduled { .. }
                    )
                }),
        ),
        (
            "PendingSignalsLimitExceeded",
            sent(|id| matches!(id, IntentId::Signal(_)))
                + count(|event| matches!(event, Event::SignalExternalWorkflowExecutionInitiated { .. })),
        ),
        (
            "PendingRequestCancelLimitExceeded",
            sent(|id| matches!(id, IntentId::Cancel(_)))
                + count(|event| {
                    matches!(event, Event::RequestCancelExternalWorkflowExecutionInitiated { .. })
                }),
        ),
    ];
    let (kind, found) = kinds.into_iter().find(|(_, found)| *found > PENDING_MAX)?;
    let message = format!("{found} would be pending, more than {PENDING_MAX}");
    Some(Failure::new(FailureKind::Server, kind, message))
}
