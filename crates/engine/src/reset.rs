//! Resets: a run that is begun anew from an earlier workflow task of its history (language page, section 15.12).

pub(crate) mod attach;
pub(crate) mod past;
pub(crate) mod point;
pub mod record;

use nexus_kernel::id::RunId;
use nexus_kernel::port::log::Stored;

pub use point::Target;
pub use record::Reapply;

/// The definition that goes on from the point of a reset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pin {
    /// The one that new runs get.
    #[default]
    Current,
    /// The one that the run had.
    Pinned,
}

/// A request to reset a run.
#[derive(Debug, Clone)]
pub struct ResetRequest {
    /// The run; the latest of its key when absent.
    pub run: Option<RunId>,
    /// Where its history is cut.
    pub target: Target,
    /// Why, for the histories of both runs.
    pub reason: String,
    /// What is not applied again.
    pub exclude: Vec<Reapply>,
    /// Which definition goes on.
    pub pin: Pin,
    /// Equal ids are one reset.
    pub request_id: String,
}

/// A reset as the step gets it.
#[derive(Debug, Clone)]
pub struct Reset {
    /// What is asked for.
    pub request: ResetRequest,
    /// Every record of the key: the state of a run does not hold its history.
    pub records: Vec<Stored>,
}
