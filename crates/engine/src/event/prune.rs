//! The pruner: events go when they are too old or too many, the oldest first.

use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::event::{EventQuery, Prune};
use nexus_kernel::task::Shutdown;
use nexus_kernel::time::Timestamp;

use crate::namespaces::EventKeep;
use crate::shard::Shared;

/// Events that go at once: other writes wait no longer than this takes.
const GROUP_EVENTS: usize = 250;

/// Lets go of all that is too much, and tells whether any namespace has a log, which must be looked at again.
pub(crate) async fn all(shared: &Shared, shutdown: &Shutdown) -> bool {
    match pass(shared, shutdown).await {
        Ok(None) => false,
        Ok(Some(0)) => true,
        Ok(Some(pruned)) => {
            tracing::info!(pruned, "events whose time was over are gone");
            true
        }
        // The shards learn of a store that has failed by themselves.
        Err(error) => {
            tracing::warn!(%error, "events could not be pruned");
            true
        }
    }
}

/// How many events have gone; nothing when no namespace has a log.
async fn pass(shared: &Shared, shutdown: &Shutdown) -> Result<Option<u64>, Error> {
    let namespaces = shared.store.event_namespaces().await?;
    if namespaces.is_empty() {
        return Ok(None);
    }
    let settings = shared.namespaces.settings();
    let mut pruned = 0;
    for namespace in namespaces {
        let keep = settings.of(&namespace).events;
        while !shutdown.has_begun() && is_due(shared, &namespace, keep).await? {
            let prune =
                Prune { before: before(shared.clock.now(), keep), keep: Some(keep.max), limit: GROUP_EVENTS };
            pruned += shared.store.event_prune(&namespace, prune).await?;
        }
    }
    Ok(Some(pruned))
}

/// Whether the oldest event is to go. Only then is the writer asked to do something.
async fn is_due(shared: &Shared, namespace: &Namespace, keep: EventKeep) -> Result<bool, Error> {
    let query = EventQuery { namespace: namespace.clone(), after: 0, kind: None, limit: 1 };
    let page = shared.store.event_read(query).await?;
    let Some(oldest) = page.events.first() else { return Ok(false) };
    let is_old = before(shared.clock.now(), keep).is_some_and(|before| oldest.fact.time < before);
    Ok(is_old || page.last.saturating_sub(oldest.sequence) >= keep.max)
}

fn before(now: Timestamp, keep: EventKeep) -> Option<Timestamp> {
    let micros = i64::try_from(keep.age?.as_micros()).ok()?;
    now.micros().checked_sub(micros).map(Timestamp::from_micros)
}
