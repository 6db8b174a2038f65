//! Where a history can be cut: before the end of one of its workflow tasks.

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::RunId;

use crate::record::Event;
use crate::reset::past::{Past, PastRun};
use crate::state::RunState;

/// Where a history is to be cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Before this event, which ended a workflow task.
    Event(u64),
    /// Before the end of the first workflow task.
    FirstTask,
    /// Before the end of the last workflow task.
    LastTask,
    /// Before the end of the first task that was handled by a definition whose hash begins like this.
    Build {
        /// The beginning of the hash.
        id: String,
        /// Only in the run itself, not in those that it continues.
        current_run_only: bool,
    },
}

/// Points that an error lists before it leaves some out.
const POINTS_TOLD_MAX: usize = 20;

/// The run and the event that a target means. The history is kept up to the event before.
pub(crate) fn find<'a>(
    past: &'a Past,
    run: Option<&RunId>,
    target: &Target,
) -> Result<(&'a PastRun, u64), Error> {
    let base = past.run(run)?;
    if let Target::Build { id, current_run_only } = target {
        let base = of_build(past, base, (id, *current_run_only))?;
        return Ok((base, at(base, &Target::FirstTask)?));
    }
    Ok((base, at(base, target)?))
}

fn at(base: &PastRun, target: &Target) -> Result<u64, Error> {
    let points = points(base);
    let found = match target {
        Target::Event(event) => points.iter().find(|point| *point == event),
        Target::LastTask => points.last(),
        Target::FirstTask | Target::Build { .. } => points.first(),
    };
    found.copied().ok_or_else(|| no_point(base, target, &points))
}

/// The events that ended a workflow task.
fn points(base: &PastRun) -> Vec<u64> {
    let is_end =
        |event: &Event| matches!(event, Event::WorkflowTaskCompleted {} | Event::WorkflowTaskFailed { .. });
    base.events().filter(|(_, event)| is_end(event)).map(|(id, _)| id).collect()
}

fn no_point(base: &PastRun, target: &Target, points: &[u64]) -> Error {
    let run = base.id.clone();
    if points.is_empty() {
        let message = format!("{run} has not begun its first workflow task: there is nothing to reset");
        return Error::new(&code::RESET_INVALID, message).help("wait for its first task").run(run);
    }
    let event = if let Target::Event(event) = target { *event } else { 0 };
    let message = match base.events().find(|(id, _)| *id == event) {
        Some((_, found)) => format!("event {event} is no workflow task: it is {}", found.name()),
        None => format!("the run has no event {event}: its last is {}", base.events().count()),
    };
    Error::new(&code::RESET_INVALID, message)
        .help(format!("the workflow tasks are at events {}", told(points, event)))
        .run(run)
}

/// The points, or those around an event when there are many.
fn told(points: &[u64], event: u64) -> String {
    let near = points.partition_point(|point| *point < event).saturating_sub(POINTS_TOLD_MAX / 2);
    let from = near.min(points.len().saturating_sub(POINTS_TOLD_MAX));
    let shown: Vec<_> = points.iter().skip(from).take(POINTS_TOLD_MAX).map(u64::to_string).collect();
    let (before, after) = (from, points.len() - from - shown.len());
    let dots = |left_out: usize| if left_out > 0 { "…" } else { "" };
    let list = shown.join(", ");
    let list = if before > 0 { format!("{}, {list}", dots(before)) } else { list };
    if after > 0 { format!("{list}, {}", dots(after)) } else { list }
}

/// The earliest run of a chain that a definition handled.
fn of_build<'a>(
    past: &'a Past,
    base: &'a PastRun,
    (id, current_run_only): (&str, bool),
) -> Result<&'a PastRun, Error> {
    let chain = |run: &RunState| run.first_run() == base.state(past).map_or(&run.run_id, RunState::first_run);
    let fits = |run: &&RunState| {
        let wanted = if current_run_only { run.run_id == base.id } else { chain(run) };
        wanted && !id.is_empty() && run.started.definition.as_str().starts_with(id)
    };
    let found = past.state.runs.iter().find(fits).map(|run| past.run(Some(&run.run_id)));
    found.unwrap_or_else(|| {
        let message = format!("no task of {} was handled by the definition {id:?}", base.id);
        let used: Vec<_> = past.state.runs.iter().filter(|run| chain(run)).collect();
        let mut hashes: Vec<_> = used.iter().map(|run| run.started.definition.short()).collect();
        hashes.dedup();
        Err(Error::new(&code::RESET_INVALID, message)
            .help(format!("its chain was handled by {}", hashes.join(", ")))
            .run(base.id.clone()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_show_what_is_near() {
        let points: Vec<u64> = (1..=100).map(|n| n * 3).collect();
        assert_eq!(told(&points[..3], 7), "3, 6, 9");
        let shown = told(&points, 151);
        assert!(shown.starts_with("…, 123,") && shown.ends_with("180, …"), "{shown}");
        assert!(told(&points, 1).starts_with("3, 6"), "{}", told(&points, 1));
        assert!(told(&points, 999).ends_with("300"), "{}", told(&points, 999));
    }
}
