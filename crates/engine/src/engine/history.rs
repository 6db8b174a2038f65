//! Histories, and what is new in them.

use std::time::Duration;

use nexus_kernel::error::Error;
use nexus_kernel::id::RunId;

use super::EngineHandle;
use crate::view::{self, HistoryView};

/// How often the log is looked at although no bell has rung: another process may have written to it.
const LOOKED_EVERY: Duration = Duration::from_secs(5);

impl EngineHandle {
    /// The history of a run.
    pub async fn history(&self, run: &RunId) -> Result<HistoryView, Error> {
        let row = self.row(run).await?;
        let (events, _) = view::events(&self.shared, &row, 0).await?;
        Ok(HistoryView { row, events })
    }

    /// The events of a run after this one. When there are none yet, it waits for some at most this long, or until the run
    /// has ended.
    pub async fn news(&self, run: &RunId, after: u64, limit: Duration) -> Result<HistoryView, Error> {
        let clock = &self.shared.clock;
        let until = clock.now().plus(limit);
        let (mut row, mut seen) = (self.row(run).await?, 0);
        let mut changes = self.shared.changes.of(&row.key);
        loop {
            // What is written after this line rings again, so nothing is slept through.
            changes.mark_unchanged();
            let (mut events, last) = view::events(&self.shared, &row, seen).await?;
            events.retain(|event| event.id > after);
            let now = clock.now();
            if !events.is_empty() || !row.status.is_open() || now >= until {
                return Ok(HistoryView { row, events });
            }
            seen = last;
            tokio::select! {
                biased;
                _ = changes.changed() => {} // the bell lives as long as the engine
                () = clock.sleep_until(now.plus(LOOKED_EVERY).min(until)) => {}
            }
            // The row first: whatever ends the run after this look is in the records of the next one.
            row = self.row(run).await?;
        }
    }
}
