//! Who carries out activities.

use std::sync::Arc;

use crate::BoxFuture;
use crate::Json;
use crate::activity::{ActivityTask, BeatAnswer, Completion};
use crate::error::Error;
use crate::failure::Failure;

/// The port: the engine hands attempts to it; the sandbox, HTTP services, processes and outside workers stand behind it.
pub trait Activities: Send + Sync {
    /// Whether somebody implements this activity. An attempt of one that nobody implements waits in its queue.
    fn is_bound(&self, activity: &str) -> bool;

    /// Carries out one attempt. Dropping the future abandons the attempt. An implementation that passes the task on to
    /// somebody who reports by its token answers [`Completion::Later`]: from then on the engine alone keeps the time.
    fn execute(
        &self,
        task: ActivityTask,
        progress: SharedProgress,
    ) -> BoxFuture<'static, Result<Completion, Failure>>;
}

/// An executor as the engine holds it.
pub type SharedActivities = Arc<dyn Activities>;

/// The way back from one attempt while it runs.
pub trait Progress: Send + Sync {
    /// Says that the attempt is alive, and how far it has come: the details are handed to the next attempt should this
    /// one fail. Null keeps those that were said before. The error says that nobody waits for the attempt any more.
    fn beat(&self, details: Json) -> BoxFuture<'static, Result<BeatAnswer, Error>>;
}

/// The way back as an implementation holds it.
pub type SharedProgress = Arc<dyn Progress>;

/// A way back to nobody: for calls outside of a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn beat(&self, _: Json) -> BoxFuture<'static, Result<BeatAnswer, Error>> {
        Box::pin(std::future::ready(Ok(BeatAnswer::default())))
    }
}
