//! Whose doing a line of the log is about.

use crate::activity::ActivityTask;
use crate::id::Namespace;

/// An attempt of an activity as lines of the log name it, see [`tell_of`](crate::tell_of). What is absent does not apply:
/// a function that is called from a terminal has no run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doer {
    /// The namespace.
    pub namespace: Namespace,
    /// The run's workflow id.
    pub workflow_id: Option<String>,
    /// The run's id.
    pub run: Option<String>,
    /// The activity's name.
    pub activity: Option<String>,
    /// From 1.
    pub attempt: u32,
}

impl Doer {
    /// Who does a task.
    pub fn of(task: &ActivityTask) -> Doer {
        Doer {
            namespace: task.key.namespace.clone(),
            workflow_id: Some(task.key.workflow_id.to_string()),
            run: Some(task.run_id.to_string()),
            activity: Some(task.activity.clone()),
            attempt: task.attempt,
        }
    }
}

/// Writes a line of the log that names whose doing it is about, so that none can be written that does not:
/// `tell_of!(doer, warn, target: "nexus::audit", capability, "denied an operation")`. The target may be left out.
#[macro_export]
macro_rules! tell_of {
    ($doer:expr, $level:ident, target: $target:expr, $($rest:tt)+) => {{
        let doer: &$crate::doer::Doer = &$doer;
        tracing::$level!(
            target: $target,
            namespace = doer.namespace.as_str(),
            workflow_id = doer.workflow_id.as_deref(),
            run = doer.run.as_deref(),
            activity = doer.activity.as_deref(),
            attempt = doer.attempt,
            $($rest)+
        )
    }};
    ($doer:expr, $level:ident, $($rest:tt)+) => {
        $crate::tell_of!($doer, $level, target: module_path!(), $($rest)+)
    };
}
