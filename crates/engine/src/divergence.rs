//! Whether a program does what its history says, and where it first does something else.

use nexus_kernel::failure::{Failure, FailureKind};
use nexus_lang::twf::ast::HandlerKind;
use serde_json::json;

use crate::definition::Definition;
use crate::query;
use crate::record::Event;

/// The type of the failure of a program that does something else than its history says.
pub(crate) const NONDETERMINISM: &str = "Nondeterminism";

/// Commands are the same when their kind, number and name are; what else they hold follows from those. Where their
/// statements stand does not matter: lines move when a file is edited.
pub(crate) fn same_command(kept: &Event, made: &Event) -> bool {
    let targets = match (kept, made) {
        (
            Event::NexusOperationScheduled { target: kept, .. },
            Event::NexusOperationScheduled { target: made, .. },
        ) => kept == made,
        _ => true,
    };
    let ((kind, seq, name, _), (made_kind, made_seq, made_name, _)) = (identity(kept), identity(made));
    targets && (kind, seq, name) == (made_kind, made_seq, made_name)
}

/// Whether an event is what a program did: such events follow the end of a task, and nothing else.
pub(crate) fn is_command(event: &Event) -> bool {
    matches!(
        event,
        Event::ActivityTaskScheduled { .. }
            | Event::StartChildWorkflowExecutionInitiated { .. }
            | Event::SignalExternalWorkflowExecutionInitiated { .. }
            | Event::RequestCancelExternalWorkflowExecutionInitiated { .. }
            | Event::TimerStarted { .. }
            | Event::TimerCanceled { .. }
            | Event::CommandCancelRequested { .. }
            | Event::MarkerRecorded { .. }
            | Event::WorkflowPropertiesModified { .. }
            | Event::UpsertWorkflowSearchAttributes { .. }
            | Event::WorkflowExecutionUpdateCompleted { .. }
            | Event::NexusOperationScheduled { .. }
            | Event::WorkflowExecutionCompleted { .. }
            | Event::WorkflowExecutionContinuedAsNew { .. }
    )
}

fn identity(event: &Event) -> (&'static str, u64, &str, &str) {
    let (seq, name, at): (u64, &str, &str) = match event {
        Event::ActivityTaskScheduled { seq, activity, at, .. } => (*seq, activity, at),
        Event::StartChildWorkflowExecutionInitiated { seq, workflow, at, .. } => (*seq, workflow, at),
        Event::SignalExternalWorkflowExecutionInitiated { seq, name, at, .. } => (*seq, name, at),
        Event::WorkflowExecutionUpdateCompleted { seq, id, at, .. } => (*seq, id, at),
        Event::MarkerRecorded { patch, at, .. } => (0, patch, at),
        Event::TimerStarted { seq, at, .. }
        | Event::RequestCancelExternalWorkflowExecutionInitiated { seq, at, .. }
        | Event::CommandCancelRequested { seq, at, .. }
        | Event::WorkflowPropertiesModified { seq, at, .. }
        | Event::UpsertWorkflowSearchAttributes { seq, at, .. }
        | Event::NexusOperationScheduled { seq, at, .. } => (*seq, "", at),
        Event::TimerCanceled { seq } => (*seq, "", ""),
        Event::WorkflowExecutionCompleted { at, .. }
        | Event::WorkflowExecutionFailed { at, .. }
        | Event::WorkflowExecutionContinuedAsNew { at, .. } => (0, "", at),
        _ => (0, "", ""),
    };
    (event.name(), seq, name, at)
}

/// What a command is, without its statement.
fn described(event: &Event) -> String {
    let (kind, seq, name, _) = identity(event);
    let name = match event {
        Event::NexusOperationScheduled { target, .. } => target.to_string(),
        _ => name.to_owned(),
    };
    let words = [kind.to_owned(), name, if seq == 0 { String::new() } else { format!("(command {seq})") }];
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The first event of a history that its program does not make, or makes otherwise. The failure stands where the program
/// does something else; its details say the same for programs.
pub(crate) fn diverged(event: u64, kept: Option<&Event>, made: Option<&Event>) -> Failure {
    let place = |event: Option<&Event>| {
        event.map(|event| identity(event).3.to_owned()).filter(|place| !place.is_empty())
    };
    let (history_at, program_at) = (place(kept), place(made));
    let side = |event: Option<&Event>, at: Option<&String>| match (event.map(described), at) {
        (None, _) => "nothing".to_owned(),
        (Some(what), None) => what,
        (Some(what), Some(at)) => format!("{what} at {at}"),
    };
    let (history, program) = (side(kept, history_at.as_ref()), side(made, program_at.as_ref()));
    // Somebody may have taken the question out while runs that were asked are open.
    let hint = match kept {
        Some(Event::MarkerRecorded { patch, .. }) => {
            format!("; open runs need `deprecate_patch(\"{patch}\")` where `patched(..)` was")
        }
        _ => String::new(),
    };
    let message = format!("event {event}: the history has {history}, the program does {program}{hint}");
    let details = json!({
        "event": event,
        "history": kept.map(described),
        "history_at": history_at,
        "program": made.map(described),
        "program_at": program_at,
    });
    let failure = Failure::new(FailureKind::Server, NONDETERMINISM, message);
    Failure { at: program_at.or(history_at), details: vec![details], ..failure }
}

/// A message that the run has taken in and that another definition would drop: what it did would be lost.
pub(crate) fn message_lost(
    (workflow, at): (&str, u64),
    event: &Event,
    (before, after): (&Definition, &Definition),
) -> Option<Failure> {
    let (kind, noun, name, input) = match event {
        Event::WorkflowExecutionSignaled { name, input, .. } => (HandlerKind::Signal, "signal", name, input),
        Event::WorkflowExecutionUpdateAccepted { name, input, .. } => {
            (HandlerKind::Update, "update", name, input)
        }
        _ => return None,
    };
    let unfit = |definition| query::unfit(definition, workflow, (kind, name), input);
    let error = unfit(after).filter(|_| unfit(before).is_none())?;
    let why: Vec<_> = error.faults().iter().map(|fault| format!("{} {}", fault.at, fault.message)).collect();
    let why = if why.is_empty() { String::new() } else { format!(" ({})", why.join("; ")) };
    let message = format!("event {at}: the history has {noun} {name}, and {}{why}", error.message());
    let details = json!({ "event": at, "history": format!("{noun} {name}") });
    let failure = Failure::new(FailureKind::Server, "MessageUnfit", message);
    Some(Failure { details: vec![details], ..failure })
}
