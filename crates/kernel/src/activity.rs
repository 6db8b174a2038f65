//! Activity tasks: one attempt of a typed side effect.

use crate::Json;
use crate::id::{Key, RunId};

/// One attempt, as an executor gets it.
#[derive(Debug, Clone)]
pub struct ActivityTask {
    /// Namespace and workflow id of the run.
    pub key: Key,
    /// The run.
    pub run_id: RunId,
    /// The run's workflow.
    pub workflow: String,
    /// Number of the command that scheduled it, unique in the run.
    pub activity_id: u64,
    /// The activity's name.
    pub activity: String,
    /// Arguments by position of the declared parameters.
    pub input: Vec<Json>,
    /// From 1.
    pub attempt: u32,
    /// How long the attempt may take, in milliseconds.
    pub start_to_close_ms: u64,
}

impl ActivityTask {
    /// The same for every attempt of the same activity of the same run, different for all others: what an
    /// implementation passes on so that a repeated attempt has no second effect.
    pub fn idempotency_key(&self) -> String {
        format!("{}/{}/{}", self.key.workflow_id, self.run_id, self.activity_id)
    }
}
