//! What is known of a schedule.

use nexus_kernel::Json;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::{Key, RunId};
use nexus_kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::spec::{Spec, duration};

/// Runs that wait for an earlier one to end, at most.
pub(super) const BUFFER_MAX: usize = 1_000;

/// Actions that are remembered after they have ended.
pub(super) const RECENT_MAX: usize = 10;

/// How late an action may be taken when nothing is said: a year.
const CATCHUP_DEFAULT_MS: i64 = 365 * 86_400_000;

/// The shortest catch-up window.
const CATCHUP_MIN_MS: i64 = 10_000;

/// What to do when the time comes and an earlier run has not ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// Nothing.
    #[default]
    Skip,
    /// Start one more when it ends, whatever has come together until then.
    BufferOne,
    /// Start all of them one after the other.
    BufferAll,
    /// Ask it to cancel and start when it has ended.
    CancelOther,
    /// Terminate it and start.
    TerminateOther,
    /// Start beside it.
    AllowAll,
}

impl Overlap {
    /// The names of all policies.
    pub const NAMES: [&'static str; 6] =
        ["skip", "buffer_one", "buffer_all", "cancel_other", "terminate_other", "allow_all"];
}

/// How a schedule acts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policies {
    /// When an earlier run has not ended.
    pub overlap: Overlap,
    /// How late an action may be taken after the server was away; longer ago, it is missed. A year when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catchup_window: Option<String>,
    /// Whether a run that fails pauses the schedule.
    pub pause_on_failure: bool,
    /// Whether runs have the workflow id as it is given, without the time behind it.
    pub keep_original_workflow_id: bool,
}

impl Policies {
    /// The catch-up window in milliseconds.
    pub(super) fn catchup_ms(&self) -> Result<i64, String> {
        let Some(text) = &self.catchup_window else { return Ok(CATCHUP_DEFAULT_MS) };
        match duration("catchup_window", text)? {
            short if short < CATCHUP_MIN_MS => Err(format!("catchup_window: {text:?} is shorter than 10 s")),
            long => Ok(long),
        }
    }
}

/// What a schedule starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The workflow.
    pub workflow: String,
    /// Its input.
    #[serde(default)]
    pub input: Json,
    /// What the ids of its runs begin with; the id of the schedule when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_id: Option<String>,
    /// Longest time of a run, a duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_timeout: Option<String>,
}

/// What the owner of a schedule says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// When.
    pub spec: Spec,
    /// What.
    pub action: Action,
    /// How.
    #[serde(default)]
    pub policies: Policies,
}

/// A run that a schedule has started, or is about to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Running {
    /// The number of the action.
    pub(super) seq: u64,
    /// The moment it is for.
    pub(super) nominal: Timestamp,
    /// Its workflow id.
    pub(super) workflow_id: String,
    /// The queue that its activities go to unless they say otherwise is that of the workflow; the run once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) run: Option<(Key, RunId)>,
    /// How it is to be stopped, when it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) stop: Option<Stop>,
}

/// How a run is stopped for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stop {
    Cancel,
    Terminate,
    /// It has been told.
    Told,
}

/// An action that waits for an earlier run to end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Waiting {
    pub(super) nominal: Timestamp,
}

/// An action that was taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Taken {
    /// The number of the action.
    pub(super) seq: u64,
    pub(super) nominal: Timestamp,
    pub(super) at: Timestamp,
    pub(super) workflow_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) run: Option<RunId>,
    /// Why nothing was started, when nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<Failure>,
}

/// What has been counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    /// Runs started.
    pub(super) actions: u64,
    /// Actions that were too late.
    pub(super) missed_catchup_window: u64,
    /// Actions left out because an earlier run had not ended.
    pub(super) overlap_skipped: u64,
    /// Actions left out because too many waited.
    pub(super) buffer_dropped: u64,
    /// Runs that could not be started.
    pub(super) not_started: u64,
}

/// A schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Its id in its namespace.
    pub id: String,
    /// Changes with every change of the definition or of being paused: an update may insist on it.
    pub version: u64,
    /// Names this schedule among others that had its id before.
    pub(super) instance: RunId,
    /// What its owner says.
    pub definition: Definition,
    /// Whether nothing is done when the time comes.
    pub paused: bool,
    /// Why it was paused or let go on.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Actions that are left, when they are limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining_actions: Option<u64>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    /// The last moment that has been dealt with.
    pub(super) processed: Timestamp,
    pub(super) next_seq: u64,
    pub(super) running: Vec<Running>,
    pub(super) waiting: Vec<Waiting>,
    pub(super) recent: Vec<Taken>,
    pub(super) counts: Counts,
    /// The result of the run that completed last.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub(super) last_result: Json,
    /// Why the last run failed, when it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last_failure: Option<Failure>,
    /// When a schedule that will never act again is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) remove_at: Option<Timestamp>,
    /// Whether it has been removed: its last record.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) removed: bool,
}

impl Schedule {
    /// Names this schedule among others that had its id before.
    pub(crate) fn instance(&self) -> &RunId {
        &self.instance
    }

    /// The moment that an open action is for, as the search attribute that its run has.
    pub(super) fn nominal(&self, seq: u64) -> Option<(String, Json)> {
        let running = self.running.iter().find(|it| it.seq == seq)?;
        Some(("TemporalScheduledStartTime".to_owned(), Json::String(running.nominal.to_string())))
    }

    /// What a chance drawn for this schedule begins with.
    pub(super) fn seed(&self) -> u64 {
        self.instance.seed()
    }

    /// The workflow id of the run for a moment.
    pub(super) fn workflow_id(&self, nominal: Timestamp) -> String {
        let base = self.definition.action.workflow_id.as_ref().unwrap_or(&self.id);
        if self.definition.policies.keep_original_workflow_id {
            return base.clone();
        }
        let second = Timestamp::from_millis(nominal.millis().div_euclid(1_000) * 1_000);
        format!("{base}-{}", second.to_string().replace(".000Z", "Z"))
    }
}
