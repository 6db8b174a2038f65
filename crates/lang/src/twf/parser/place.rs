//! Where a statement stands, which decides what it may be.

/// The kind of body that is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A workflow's body, its `on_cancel:`, a signal or update handler.
    Workflow,
    /// A query handler: reads only.
    Query,
    /// The validator of an update: reads only, may `reject`.
    Validator,
    /// An activity: pseudo-code unless all it calls is bound.
    Activity,
    /// A Nexus operation: as a workflow, and may `return workflow`.
    Operation,
}

impl Place {
    /// Whether statements that need the engine may stand here.
    pub(super) fn is_durable(self) -> bool {
        matches!(self, Place::Workflow | Place::Operation)
    }

    /// With an article, for messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Place::Workflow => "a workflow",
            Place::Query => "a query",
            Place::Validator => "a validator",
            Place::Activity => "an activity body",
            Place::Operation => "an operation",
        }
    }
}
