//! Who carries out activities.

use std::sync::Arc;

use crate::BoxFuture;
use crate::Json;
use crate::activity::ActivityTask;
use crate::failure::Failure;

/// The port: the engine hands attempts to it, the sandbox and other executors stand behind it.
pub trait Activities: Send + Sync {
    /// Whether somebody implements this activity.
    fn is_bound(&self, activity: &str) -> bool;

    /// Carries out one attempt. Dropping the future abandons the attempt.
    fn execute(&self, task: ActivityTask) -> BoxFuture<'static, Result<Json, Failure>>;
}

/// An executor as the engine holds it.
pub type SharedActivities = Arc<dyn Activities>;
