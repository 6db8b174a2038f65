//! Which open runs could go on with a definition: their histories are replayed, and nothing is changed.

use std::sync::Arc;

use nexus_kernel::error::Error;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::runs::RunRow;
use nexus_kernel::visibility::{Filter, Order, RunCount, RunQuery, SystemAttribute as S};

use super::count::open;
use super::follow::{Tried, may_follow, try_on};
use crate::definition::Definition;
use crate::shard::Shared;

/// Runs that are looked up at a time.
const PAGE_RUNS: usize = 100;

/// Problems that are told with their reasons.
const PROBLEMS_MAX: usize = 100;

/// Which runs to try.
#[derive(Debug, Clone, Default)]
pub struct CheckOf {
    /// Only runs of this namespace.
    pub namespace: Option<Namespace>,
    /// Only runs of this workflow.
    pub workflow: Option<String>,
    /// Those that keep their version, too.
    pub pinned: bool,
    /// At most so many.
    pub limit: usize,
}

/// What trying came to.
#[derive(Debug, Clone, Default)]
pub struct Checked {
    /// Open runs that were asked about.
    pub open: u64,
    /// Runs that have the definition already.
    pub have: u64,
    /// Runs that keep their version whatever is deployed, and were not tried.
    pub pinned: u64,
    /// Runs that could go on with it.
    pub follow: u64,
    /// Runs that could not.
    pub stay: u64,
    /// Runs that were left out because there are too many.
    pub left_out: u64,
    /// Why those could not, as far as they are told.
    pub problems: Vec<Problem>,
}

/// A run that could not go on with a definition.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The run.
    pub row: RunRow,
    /// Where it would do something else than its history says.
    pub failure: Failure,
}

/// Tries a definition on open runs.
pub(crate) async fn check_runs(
    shared: &Shared,
    definition: &Arc<Definition>,
    of: &CheckOf,
) -> Result<Checked, Error> {
    let workflow = of.workflow.as_ref().map(|name| Filter::is(S::WorkflowType, name.clone()));
    let filter = Filter::both(Some(open()), workflow);
    let count = RunCount { namespace: of.namespace.clone(), filter: filter.clone(), group: None };
    let counted = shared.store.count(count).await?;
    let mut checked = Checked { open: counted.iter().map(|group| group.count).sum(), ..Checked::default() };
    let (namespace, order) = (of.namespace.clone(), Order::newest_first());
    let mut query = RunQuery { namespace, filter, order, after: None, limit: PAGE_RUNS };
    let mut seen = 0;
    loop {
        let page = shared.store.runs(query.clone()).await?;
        let Some(last) = page.last() else { return Ok(checked) };
        query.after = Some(query.order.cursor(last));
        for row in &page {
            if seen == of.limit {
                checked.left_out = checked.open.saturating_sub(seen as u64);
                return Ok(checked);
            }
            seen += 1;
            checked.take(shared, row, (definition, of.pinned)).await?;
            tokio::task::yield_now().await;
        }
    }
}

impl Checked {
    async fn take(
        &mut self,
        shared: &Shared,
        row: &RunRow,
        (definition, pinned): (&Arc<Definition>, bool),
    ) -> Result<(), Error> {
        if row.definition.as_ref() == Some(&definition.hash) {
            self.have += 1;
        } else if !pinned && !may_follow(shared, definition, row).await {
            self.pinned += 1;
        } else {
            match try_on(shared, row, definition).await? {
                // It has closed or followed since it was looked up.
                Tried::Needless => self.have += 1,
                Tried::Stayed(failure) => self.stays(row, failure),
                Tried::Now(candidate) => match candidate.outcome {
                    Ok(_) => self.follow += 1,
                    Err(failure) => self.stays(row, failure),
                },
            }
        }
        Ok(())
    }

    fn stays(&mut self, row: &RunRow, failure: Failure) {
        self.stay += 1;
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { row: row.clone(), failure });
        }
    }
}
