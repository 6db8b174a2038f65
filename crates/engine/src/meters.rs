//! What an engine counts of its work, for whoever shows figures.

use std::sync::OnceLock;

use nexus_kernel::meter::{Bounded, Counter, Gauge, Histogram, Times};
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::port::span::SharedSpans;

use crate::engine::EngineHandle;
use crate::record::{Event, Record};

/// Activities that are counted under names of their own; others are counted together.
pub const METRIC_ACTIVITIES_MAX: usize = 200;

/// The meters of an engine. They count from the start of the process, so they are no more than what they show.
pub struct Meters {
    /// Runs that started.
    pub started: Counter,
    /// Runs that closed, in the order of [`RunStatus::ALL`].
    closed: [Counter; RunStatus::ALL.len()],
    /// Things that shards decided about.
    pub inputs: Counter,
    /// How long appends took.
    pub commits: Histogram,
    /// Workflow ids in memory.
    pub resident: Gauge,
    /// Times that shards have to come back at.
    pub timers: Gauge,
    /// Attempts by the name of their activity.
    pub attempts: Bounded<String, Attempts>,
    /// How long attempts waited in their queues.
    pub waits: Histogram,
    /// Runs that schedules started.
    pub schedule_starts: Counter,
    /// Runs that schedules could not start.
    pub schedule_failures: Counter,
    /// How much later than their time.
    pub schedule_lag: Histogram,
    /// What one workflow id sent to another.
    pub deliveries: Counter,
    spans: OnceLock<SharedSpans>,
}

/// The attempts of one activity.
#[derive(Debug, Default)]
pub struct Attempts {
    /// How long they took.
    pub times: Histogram,
    /// Those with a result.
    pub completed: Counter,
    /// Those with a failure.
    pub failed: Counter,
    /// Those whose time was up.
    pub timed_out: Counter,
    /// Those that go on outside.
    pub handed_over: Counter,
}

impl Default for Meters {
    fn default() -> Meters {
        Meters {
            started: Counter::default(),
            closed: Default::default(),
            inputs: Counter::default(),
            commits: Histogram::default(),
            resident: Gauge::default(),
            timers: Gauge::default(),
            attempts: Bounded::new(METRIC_ACTIVITIES_MAX),
            waits: Histogram::default(),
            schedule_starts: Counter::default(),
            schedule_failures: Counter::default(),
            schedule_lag: Histogram::default(),
            deliveries: Counter::default(),
            spans: OnceLock::new(),
        }
    }
}

impl Meters {
    /// Where spans go, when they go anywhere.
    pub(crate) fn spans(&self) -> Option<&SharedSpans> {
        self.spans.get().filter(|spans| spans.is_on())
    }

    /// Counts what a record says that is durable now. Parts that were copied happened before.
    pub(crate) fn recorded(&self, record: &Record) {
        let own = record.runs.iter().filter(|part| part.copied.is_none());
        for event in own.flat_map(|part| &part.events) {
            if matches!(event, Event::WorkflowExecutionStarted(_)) {
                self.started.one();
            } else if let Some(count) = closing(event).and_then(|status| self.of(status)) {
                count.one();
            }
        }
    }

    fn of(&self, status: RunStatus) -> Option<&Counter> {
        let place = RunStatus::ALL.iter().position(|known| *known == status)?;
        self.closed.get(place)
    }

    /// How many runs closed in each way that closes.
    pub fn closed(&self) -> impl Iterator<Item = (RunStatus, u64)> {
        let all = RunStatus::ALL.into_iter().zip(&self.closed);
        all.filter(|(status, _)| !status.is_open()).map(|(status, count)| (status, count.get()))
    }

    /// How long commits took, and how many there were.
    pub fn commit_times(&self) -> Times {
        self.commits.get()
    }
}

/// How a run is closed by an event, when it is.
pub(crate) fn closing(event: &Event) -> Option<RunStatus> {
    Some(match event {
        Event::WorkflowExecutionCompleted { .. } => RunStatus::Completed,
        Event::WorkflowExecutionFailed { .. } => RunStatus::Failed,
        Event::WorkflowExecutionTimedOut { .. } => RunStatus::TimedOut,
        Event::WorkflowExecutionCanceled { .. } => RunStatus::Canceled,
        Event::WorkflowExecutionTerminated { .. } => RunStatus::Terminated,
        Event::WorkflowExecutionContinuedAsNew { .. } => RunStatus::ContinuedAsNew,
        _ => return None,
    })
}

impl EngineHandle {
    /// Tells of runs, attempts and schedules that are traced, from now on.
    pub fn trace_to(&self, spans: SharedSpans) {
        let _ = self.shared().meters.spans.set(spans); // an engine has one
    }

    /// What the engine counts.
    pub fn meters(&self) -> &Meters {
        &self.shared().meters
    }
}
