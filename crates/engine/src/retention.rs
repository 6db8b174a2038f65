//! Retention: closed runs are deleted when their namespace's time is over, the oldest first, a few at a time. Events go at
//! the same times.

use std::time::Duration;

use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::blob::Hash;
use nexus_kernel::port::runs::RunRow;
use nexus_kernel::task::Shutdown;
use nexus_kernel::time::Timestamp;
use nexus_kernel::visibility::order::SortKey;
use nexus_kernel::visibility::{
    Attribute, Comparison, Direction, Filter, Order, RunCount, RunQuery, Scalar, SystemAttribute as S, Test,
};

use crate::namespaces::Settings;
use crate::shard::{Message, Shared};

/// How often it looks.
const PAUSE: Duration = Duration::from_mins(1);

/// Runs that are looked up at a time. Each is deleted by its shard between two batches.
const PAGE_RUNS: usize = 100;

/// Looks now and then until shutdown.
pub(crate) async fn run(shared: Shared, shutdown: Shutdown) {
    let mut news = shared.news.any();
    loop {
        news.mark_unchanged();
        let has_events = crate::event::prune::all(&shared, &shutdown).await;
        if shared.namespaces.settings().has_retention() {
            runs(&shared, &shutdown).await;
        } else if !has_events {
            tokio::select! {
                biased;
                () = shutdown.begun() => return,
                () = shared.namespaces.configured() => continue,
                _ = news.changed() => continue,
            }
        }
        let next = shared.clock.now().plus(PAUSE);
        tokio::select! {
            biased;
            () = shutdown.begun() => return,
            () = shared.clock.sleep_until(next) => {}
        }
    }
}

async fn runs(shared: &Shared, shutdown: &Shutdown) {
    match pass(shared, shutdown).await {
        Ok(0) => {}
        Ok(deleted) => tracing::info!(deleted, "closed runs whose time was over are deleted"),
        // The shards learn of a store that has failed by themselves.
        Err(error) => tracing::warn!(%error, "retention could not go on"),
    }
}

/// Deletes everything whose time is over, and tells how many runs that were.
pub(crate) async fn pass(shared: &Shared, shutdown: &Shutdown) -> Result<u64, Error> {
    let settings = shared.namespaces.settings();
    let mut deleted = 0;
    for namespace in namespaces(shared, &settings).await? {
        if let Some(length) = settings.of(&namespace).retention {
            deleted += of_namespace(shared, shutdown, &namespace, length).await?;
        }
    }
    Ok(deleted)
}

/// Those that say something, and all that have runs when there is a time for those that say nothing.
async fn namespaces(shared: &Shared, settings: &Settings) -> Result<Vec<Namespace>, Error> {
    let mut all: Vec<_> = settings.namespaces.keys().cloned().collect();
    if settings.default.retention.is_some() {
        let group = Some(Attribute::System(S::Namespace));
        for found in shared.store.count(RunCount { group, ..RunCount::default() }).await? {
            if let Some(Scalar::Text(name)) = found.value {
                all.push(Namespace::new(&name)?);
            }
        }
    }
    all.sort();
    all.dedup();
    Ok(all)
}

async fn of_namespace(
    shared: &Shared,
    shutdown: &Shutdown,
    namespace: &Namespace,
    length: Duration,
) -> Result<u64, Error> {
    let Some(limit) = before(shared.clock.now(), length) else { return Ok(0) };
    let mut query = closed_before(namespace, limit);
    let (mut deleted, mut definitions) = (0, Vec::new());
    while !shutdown.has_begun() {
        let page = shared.store.runs(query.clone()).await?;
        let Some(last) = page.last() else { break };
        query.after = Some(query.order.cursor(last));
        for row in &page {
            deleted += u64::from(delete(shared, row).await);
            if let Some(hash) = row.definition.as_ref().filter(|hash| !definitions.contains(*hash)) {
                definitions.push(hash.clone());
            }
        }
    }
    release(shared, definitions).await?;
    Ok(deleted)
}

/// A run that cannot go yet, such as one whose end others have not heard of, goes with a later pass.
async fn delete(shared: &Shared, row: &RunRow) -> bool {
    let (message, reply) = Message::delete(row.key.clone(), row.run_id.clone());
    shared.router.send(message);
    matches!(reply.await, Ok(crate::input::Reply::Done))
}

/// Definitions that no run needs any more. Those that this process has loaded may get new runs.
async fn release(shared: &Shared, definitions: Vec<Hash>) -> Result<(), Error> {
    shared.definitions.release(definitions, shared.clock.now()).await
}

fn before(now: Timestamp, length: Duration) -> Option<Timestamp> {
    let micros = i64::try_from(length.as_micros()).ok()?;
    now.micros().checked_sub(micros).map(Timestamp::from_micros)
}

fn closed_before(namespace: &Namespace, limit: Timestamp) -> RunQuery {
    let closed = Attribute::System(S::CloseTime);
    let is_over = Test::Compare(Comparison::Less, Scalar::Int(limit.micros()));
    RunQuery {
        namespace: Some(namespace.clone()),
        filter: Some(Filter::Test(closed, is_over)),
        // Runs that continue each other go in the order in which they closed.
        order: Order(vec![(SortKey::OpenFirst, Direction::Ascending)]),
        after: None,
        limit: PAGE_RUNS,
    }
}
