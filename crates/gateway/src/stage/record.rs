//! The record of a call: one line in the log for each, at level info.

use nexus_kernel::cache::Cached;
use nexus_kernel::call::{Answer, CallContext, Channel};
use nexus_kernel::error::Error;
use nexus_kernel::time::Timestamp;

use crate::pipeline::Target;

/// What is known of a call from its beginning.
pub(crate) struct Record {
    channel: Channel,
    operation: String,
    request_id: String,
    started: Timestamp,
}

impl Record {
    /// Notes that a call begins.
    pub(crate) fn begin(target: Target<'_>, context: &CallContext, now: Timestamp) -> Record {
        Record {
            channel: context.channel,
            operation: target.name().to_owned(),
            request_id: context.request_id.clone(),
            started: now,
        }
    }

    /// Writes the line. Neither inputs nor messages go into it: they may hold what only the caller should see.
    pub(crate) fn end(self, result: &Result<Answer, Error>, now: Timestamp) {
        let status = result.as_ref().map_or_else(|error| error.code().id, |_| "ok");
        let run = match result {
            Ok(answer) => answer.run.as_ref().map(|run| run.run_id.as_str()),
            Err(error) => error.run_id().map(nexus_kernel::id::RunId::as_str),
        };
        let cached = result.as_ref().ok().and_then(|answer| answer.cached).map(Cached::word);
        tracing::info!(
            channel = %self.channel,
            operation = self.operation,
            status,
            micros = u64::try_from(now.since(self.started).as_micros()).unwrap_or(u64::MAX),
            request_id = self.request_id,
            run,
            cached,
            "call"
        );
    }
}
