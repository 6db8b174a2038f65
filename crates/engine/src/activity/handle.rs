//! What can be done to pending activities through the engine's handle.

use nexus_kernel::activity::{ActivityToken, BeatAnswer};
use nexus_kernel::error::Error;
use nexus_kernel::id::RunId;

use crate::activity::input::ActivityInput;
use crate::engine::EngineHandle;
use crate::input::Input;
use crate::worker::answered;

/// Which activity is meant: an attempt by its token, or the activity whatever its attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityTarget {
    /// The run.
    pub run_id: RunId,
    /// The activity's command.
    pub activity_id: u64,
    /// The attempt that is meant; any when absent.
    pub ticket: Option<u32>,
}

impl From<ActivityToken> for ActivityTarget {
    fn from(token: ActivityToken) -> ActivityTarget {
        ActivityTarget { run_id: token.run_id, activity_id: token.activity_id, ticket: Some(token.ticket) }
    }
}

impl EngineHandle {
    /// Does something to a pending activity, and says what the activity is to know of itself. What it changes is durable
    /// when this returns; heartbeats are recorded as [`crate::activity::state::Activity::records_beat`] says.
    pub async fn activity(&self, target: &ActivityTarget, input: ActivityInput) -> Result<BeatAnswer, Error> {
        let row = self.row(&target.run_id).await?;
        let input = Input::Activity(target.run_id.clone(), target.activity_id, input);
        answered(self.shared().router.ask(row.key, input).await)
    }
}
