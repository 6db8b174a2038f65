//! Children and Nexus operations that a run has called.

use nexus_kernel::failure::Failure;
use nexus_kernel::retry::RetryPolicy;
use nexus_kernel::time::Timestamp;

use crate::record::{OperationTarget, ParentClosePolicy, Performer};
use crate::state::Intent;

/// A pending child or Nexus operation.
#[derive(Debug, Clone)]
pub struct Remote {
    /// What was called.
    pub call: RemoteCall,
    /// Who carries it out, once started.
    pub handler: Option<Performer>,
    /// The statement that called it.
    pub at: String,
    /// When it was scheduled.
    pub scheduled_at: Timestamp,
    /// Whether nobody waits for its end.
    pub detached: bool,
    /// Whether it is to be stopped as soon as its run is known.
    pub stopping: bool,
    /// Whether the program asked for its cancellation.
    pub cancelled: bool,
}

/// The times of a Nexus operation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// When all its time is over.
    pub close: Option<Timestamp>,
    /// When it must have been started.
    pub start: Option<Timestamp>,
    /// How long it may take from its start, in milliseconds.
    pub start_to_close_ms: Option<u64>,
    /// When it will have taken too long from its start.
    pub end: Option<Timestamp>,
}

/// Attempts to reach somebody outside that have failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempts {
    /// How many.
    pub attempt: u32,
    /// Why the last one did.
    pub failure: Failure,
    /// When the next one is made.
    pub next_at: Timestamp,
}

/// The two ways to call another run.
#[derive(Debug, Clone)]
pub enum RemoteCall {
    /// A child workflow.
    Child {
        /// Its workflow.
        workflow: String,
        /// What happens to it when this run closes.
        policy: ParentClosePolicy,
    },
    /// A Nexus operation.
    Nexus {
        /// Its target.
        target: OperationTarget,
        /// Its times.
        times: Times,
        /// How requests to outside are tried again, where not as the server does it.
        retry: Option<RetryPolicy>,
        /// Whether it is left alone when this run closes.
        abandon: bool,
    },
}

impl Remote {
    /// The request to whoever carries it out to cancel it, once they are known.
    pub(super) fn cancel(&self) -> Option<Intent> {
        match (self.handler.as_ref()?, &self.call) {
            (Performer::Outside { endpoint, token: Some(token), .. }, RemoteCall::Nexus { target, .. }) => {
                let (endpoint, target, token) = (endpoint.clone(), target.clone(), token.clone());
                Some(Intent::CancelOutside { endpoint, target, token })
            }
            (by, _) => by.run().map(|(key, run)| Intent::Cancel(key, Some(run))),
        }
    }

    /// What happens to the remote run when its outcome is no longer wanted. An operation is asked to cancel.
    pub(super) fn policy(&self) -> ParentClosePolicy {
        match &self.call {
            _ if self.detached => ParentClosePolicy::Abandon,
            _ if self.cancelled => ParentClosePolicy::RequestCancel,
            RemoteCall::Nexus { abandon: true, .. } => ParentClosePolicy::Abandon,
            RemoteCall::Child { policy, .. } => *policy,
            RemoteCall::Nexus { .. } => ParentClosePolicy::RequestCancel,
        }
    }
}
