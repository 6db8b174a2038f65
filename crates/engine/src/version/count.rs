//! How many runs each version has.

use std::collections::BTreeMap;

use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::SharedStore;
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::visibility::{Attribute, Filter, RunCount, Scalar, SystemAttribute as S};

/// Runs of one version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunsOf {
    /// Runs that can still change.
    pub open: u64,
    /// Runs that have ended and are still listed.
    pub closed: u64,
}

/// Runs that are open.
pub(super) fn open() -> Filter {
    Filter::Any(RunStatus::ALL.into_iter().filter(|status| status.is_open()).map(Filter::status).collect())
}

/// The runs of every version by its build id, of one namespace or workflow when those are given.
pub(crate) async fn by_version(
    store: &SharedStore,
    namespace: Option<&Namespace>,
    workflow: Option<&str>,
) -> Result<BTreeMap<String, RunsOf>, Error> {
    let of_workflow = workflow.map(|name| Filter::is(S::WorkflowType, name));
    let mut found: BTreeMap<String, RunsOf> = BTreeMap::new();
    for (is_open, status) in [(true, open()), (false, Filter::Not(Box::new(open())))] {
        let count = RunCount {
            namespace: namespace.cloned(),
            filter: Filter::both(of_workflow.clone(), Some(status)),
            group: Some(Attribute::System(S::TemporalWorkerDeploymentVersion)),
        };
        for group in store.count(count).await? {
            let Some(Scalar::Text(build_id)) = group.value else { continue };
            let runs = found.entry(build_id).or_default();
            *(if is_open { &mut runs.open } else { &mut runs.closed }) += group.count;
        }
    }
    Ok(found)
}
