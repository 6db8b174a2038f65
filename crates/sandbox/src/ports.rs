//! Ports that one invocation may reach, beside what the service has for all.

use std::sync::Arc;

use nexus_kernel::port::secret::Secrets;
use nexus_kernel::port::workflows::Workflows;

/// What stands behind `ctx.secret` and `ctx.workflows`; without a port the operation says that it is not there.
#[derive(Clone, Default)]
pub struct Ports {
    /// Secrets of the configuration.
    pub secrets: Option<Arc<dyn Secrets>>,
    /// Runs.
    pub workflows: Option<Arc<dyn Workflows>>,
}
