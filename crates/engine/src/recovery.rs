//! After a restart: every key with work to do goes back to its shard, while new work is taken already.

use nexus_kernel::error::Error;
use nexus_kernel::task::Shutdown;

use crate::shard::{Message, Shared};

/// Keys read at a time.
const PAGE_KEYS: usize = 500;

/// Hands every live key to its shard.
pub(crate) async fn recover(shared: &Shared, shutdown: &Shutdown) -> Result<(), Error> {
    let (mut cursor, mut count) = (0, 0_usize);
    while !shutdown.has_begun() {
        let page = shared.store.live(cursor, PAGE_KEYS).await?;
        let Some(last) = page.last() else { break };
        cursor = last.cursor;
        count += page.len();
        // One page at a time is on its way to the shards, so that new work never waits behind more than that.
        shared.router.reached().await;
        for live in page {
            shared.router.send(Message::recover(live));
        }
    }
    if count > 0 {
        tracing::info!(keys = count, "unfinished work goes on");
    }
    shared.router.recovered();
    Ok(())
}
