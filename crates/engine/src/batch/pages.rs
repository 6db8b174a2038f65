//! Which runs a batch is about, page by page.

use nexus_kernel::error::Error;
use nexus_kernel::id::{Namespace, RunId};
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::time::Timestamp;
use nexus_kernel::visibility::order::SortKey;
use nexus_kernel::visibility::{
    Attribute, Comparison, Cursor, Direction, Filter, Order, RunCount, RunQuery, Scalar,
    SystemAttribute as S, Test, count_query,
};

use crate::batch::record::Target;
use crate::batch::{Batch, BatchVerb};
use crate::engine::EngineHandle;

/// Runs of one page.
pub(super) const PAGE_RUNS: usize = 50;

/// The question that a filter is: only runs that the verb is for, and only those that were there when the batch began, so
/// that it has an end.
pub(super) fn query(
    engine: &EngineHandle,
    (namespace, filter): (&Namespace, &str),
    (verb, began): (&BatchVerb, Timestamp),
) -> Result<RunQuery, Error> {
    let written = count_query(filter, &engine.schema(Some(namespace)))?;
    let before = |attribute: S| {
        let then = Test::Compare(Comparison::LessOrEqual, Scalar::Int(began.micros()));
        Filter::Test(Attribute::System(attribute), then)
    };
    let open = Filter::Any(vec![Filter::status(RunStatus::Running), Filter::status(RunStatus::Paused)]);
    let (order, narrowed) = if verb.wants_closed() {
        // Runs that continue each other are deleted in the order in which they closed.
        (Order(vec![(SortKey::OpenFirst, Direction::Ascending)]), vec![before(S::CloseTime)])
    } else if verb.wants_open() {
        (Order::newest_first(), vec![open, before(S::StartTime)])
    } else {
        (Order::newest_first(), vec![before(S::StartTime)])
    };
    let filter = narrowed.into_iter().fold(written.filter, |all, one| Filter::both(all, Some(one)));
    Ok(RunQuery { namespace: Some(namespace.clone()), filter, order, after: None, limit: PAGE_RUNS })
}

/// How many runs fit.
pub(super) async fn count(engine: &EngineHandle, query: &RunQuery) -> Result<u64, Error> {
    let count = RunCount { namespace: query.namespace.clone(), filter: query.filter.clone(), group: None };
    Ok(engine.count(count).await?.iter().map(|group| group.count).sum())
}

/// The next page and the target as it is behind it; no runs when there are no more.
pub(super) async fn next(engine: &EngineHandle, batch: &Batch) -> Result<(Vec<RunId>, Target), Error> {
    match &batch.target {
        Target::Runs { runs, position } => {
            let page: Vec<_> = runs.iter().skip(*position).take(PAGE_RUNS).cloned().collect();
            let position = position + page.len();
            Ok((page, Target::Runs { runs: runs.clone(), position }))
        }
        Target::Filter { namespace, filter, after } => {
            let mut query = query(engine, (namespace, filter), (&batch.verb, batch.started_at))?;
            query.after = after.as_deref().map(|token| Cursor::read(token, &query)).transpose()?;
            let rows = engine.list(query.clone()).await?;
            let after =
                rows.last().map(|last| query.order.cursor(last).token(&query)).or_else(|| after.clone());
            let (namespace, filter) = (namespace.clone(), filter.clone());
            let page = rows.into_iter().map(|row| row.run_id).collect();
            Ok((page, Target::Filter { namespace, filter, after }))
        }
    }
}
