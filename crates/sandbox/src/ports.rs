//! Ports that one invocation may reach, beside what the service has for all.

use std::sync::Arc;

use nexus_kernel::port::event::Publisher;
use nexus_kernel::port::secret::Secrets;
use nexus_kernel::port::session::Sessions;
use nexus_kernel::port::workflows::Workflows;

/// What stands behind `ctx.secret`, `ctx.workflows`, `ctx.event` and `ctx.session`; without a port the operation says that it is not there.
#[derive(Clone, Default)]
pub struct Ports {
    /// Secrets of the configuration.
    pub secrets: Option<Arc<dyn Secrets>>,
    /// Who takes events.
    pub events: Option<Arc<dyn Publisher>>,
    /// Sessions of runs.
    pub sessions: Option<Arc<dyn Sessions>>,
    /// Runs.
    pub workflows: Option<Arc<dyn Workflows>>,
}
