//! Spans of what an engine does: runs, attempts of activities, starts by schedules.
//!
//! The ids of all of them follow from their names, so that a trace goes on after a restart without anything being
//! remembered but the place of the run's caller, which is among the options of the run.

use nexus_kernel::activity::ActivityTask;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::Key;
use nexus_kernel::port::span::{Span, SpanKind, Spans};
use nexus_kernel::time::Timestamp;
use nexus_kernel::trace::{SpanId, TraceContext};

use crate::meters::{Meters, closing};
use crate::record::Record;
use crate::state::{KeyState, RunState};

/// Tells of the runs that a record closes.
pub(crate) fn closed(meters: &Meters, key: &Key, state: &KeyState, record: &Record) {
    let Some(spans) = meters.spans() else { return };
    let closing = record.runs.iter().filter(|part| part.events.iter().any(|event| closing(event).is_some()));
    for run in closing.filter_map(|part| state.run(&part.run)) {
        if let Some(span) = run_span(key, run) {
            spans.record(span);
        }
    }
}

fn run_span(key: &Key, run: &RunState) -> Option<Span> {
    let parent = run.started.options.trace.as_ref()?.context()?;
    let context = run.started.options.trace_of(&run.run_id).filter(|it| it.is_sampled)?;
    let failed = run.failure.as_ref().map(|failure| failure.type_name.clone());
    Some(Span {
        name: format!("run {}", run.started.workflow),
        kind: SpanKind::Consumer,
        context,
        parent: Some(parent.span),
        started: run.created_at(),
        ended: run.closed_at?,
        attributes: vec![
            ("nexus.namespace", key.namespace.to_string()),
            ("nexus.workflow_id", key.workflow_id.to_string()),
            ("nexus.run_id", run.run_id.to_string()),
            ("nexus.status", run.status.as_str().to_owned()),
        ],
        failed,
    })
}

/// The span of an attempt that begins now, when it is to be told of.
pub(crate) fn attempt(meters: &Meters, task: &ActivityTask, started: Timestamp) -> Option<Box<Span>> {
    meters.spans()?;
    let context = task.trace.clone().filter(|context| context.is_sampled)?;
    Some(Box::new(Span {
        name: format!("activity {}", task.activity),
        kind: SpanKind::Client,
        context,
        parent: Some(SpanId::of(task.run_id.as_str())),
        started,
        ended: started,
        attributes: vec![
            ("nexus.namespace", task.key.namespace.to_string()),
            ("nexus.workflow_id", task.key.workflow_id.to_string()),
            ("nexus.run_id", task.run_id.to_string()),
            ("nexus.attempt", task.attempt.to_string()),
        ],
        failed: None,
    }))
}

/// Tells of a start by a schedule.
pub(crate) fn scheduled(
    spans: &dyn Spans,
    (key, context): (&Key, TraceContext),
    (started, ended): (Timestamp, Timestamp),
    failed: Option<&Failure>,
) {
    if !context.is_sampled {
        return;
    }
    spans.record(Span {
        name: "schedule start".to_owned(),
        kind: SpanKind::Producer,
        context,
        parent: None,
        started,
        ended,
        attributes: vec![
            ("nexus.namespace", key.namespace.to_string()),
            ("nexus.schedule", key.workflow_id.to_string()),
        ],
        failed: failed.map(|failure| failure.type_name.clone()),
    });
}
