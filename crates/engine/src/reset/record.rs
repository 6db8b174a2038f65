//! What records hold of resets.

use nexus_kernel::Json;
use nexus_kernel::id::{RunId, WorkflowId};
use nexus_kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::record::{Event, RunPart, Started};

/// What can be applied again to a run that was reset, and what a reset may exclude.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reapply {
    /// Signals that came after the point.
    Signal,
    /// Updates that were accepted after the point.
    Update,
    /// Outcomes of Nexus operations that were pending at the point.
    Nexus,
}

impl Reapply {
    /// The names of all kinds.
    pub const NAMES: [&'static str; 3] = ["signal", "update", "nexus"];
}

/// How a run came to be that took over another one's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResetFrom {
    /// The run that was reset.
    pub run: RunId,
    /// The last event of it that was kept.
    pub event: u64,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// Who made the commands that were kept: runs, each with the last command that is its own. Other keys know those
    /// commands by these runs.
    pub issuers: Vec<(RunId, u64)>,
    /// Workflow ids of children that were started after the point: each makes room when the new run starts it again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<WorkflowId>,
    /// What was not applied again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<Reapply>,
}

/// Who goes on in the stead of a run that a reset ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetTo {
    /// The new run.
    pub run: RunId,
    /// The last command that it took over; what follows from that one and earlier ones is its concern now.
    pub kept: u64,
}

/// Where a part of a record comes from that another run had first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// When the original was decided: programs are told this time again.
    pub at: Timestamp,
    /// How many bytes the original added to its history: programs may ask for the sum.
    pub bytes: u64,
}

impl ResetFrom {
    /// The last command that was taken over; 0 when none was.
    pub fn kept(&self) -> u64 {
        self.issuers.last().map_or(0, |(_, last)| *last)
    }
}

impl Started {
    /// The run whose id gave the program its chance: the first of those that were reset into each other.
    pub fn original<'a>(&'a self, own: &'a RunId) -> &'a RunId {
        let first = self.reset.as_ref().and_then(|reset| reset.issuers.first());
        first.map_or(own, |(run, _)| run)
    }
}

impl RunPart {
    /// A part with nothing in it.
    pub fn new(run: RunId, first: u64) -> RunPart {
        RunPart { run, first, copied: None, events: Vec::new(), notes: Vec::new() }
    }

    /// When it was decided, in a record of that time.
    pub fn at(&self, record: Timestamp) -> Timestamp {
        self.copied.map_or(record, |copied| copied.at)
    }
}

impl crate::record::Record {
    /// What a record of so many bytes adds to the histories that have a part of their own in it: copies count as much
    /// as their originals did, where they stand.
    pub fn own_bytes(&self, encoded: usize) -> u64 {
        let copied: u64 = self.runs.iter().filter_map(|part| part.copied).map(|copied| copied.bytes).sum();
        (encoded as u64).saturating_sub(copied)
    }
}

/// The number of the command that an event begins, if it begins one.
pub fn command(event: &Event) -> Option<u64> {
    match event {
        Event::ActivityTaskScheduled { seq, .. }
        | Event::TimerStarted { seq, .. }
        | Event::StartChildWorkflowExecutionInitiated { seq, .. }
        | Event::NexusOperationScheduled { seq, .. }
        | Event::SignalExternalWorkflowExecutionInitiated { seq, .. }
        | Event::RequestCancelExternalWorkflowExecutionInitiated { seq, .. }
        | Event::WorkflowPropertiesModified { seq, .. }
        | Event::UpsertWorkflowSearchAttributes { seq, .. }
        | Event::WorkflowExecutionUpdateCompleted { seq, .. } => Some(*seq),
        _ => None,
    }
}

/// A reset as descriptions of the new run show it.
pub(crate) fn shown(reset: &ResetFrom) -> Json {
    serde_json::json!({
        "run_id": reset.run,
        "event": reset.event,
        "reason": reset.reason,
        "at": reset.at.to_string(),
        "excluded": reset.exclude,
    })
}
