//! What a batch does to a run.

use nexus_kernel::code;
use nexus_kernel::error::{Code, Error};
use nexus_kernel::id::RunId;

use crate::batch::{Batch, BatchVerb, ResetPoint};
use crate::engine::EngineHandle;
use crate::input::{Input, Signal};
use crate::reset::{Pin, ResetRequest, Target};

impl BatchVerb {
    /// The names of all verbs.
    pub const NAMES: [&'static str; 7] =
        ["cancel", "terminate", "signal", "pause", "unpause", "delete", "reset"];

    /// Whether it is for open runs only.
    pub(super) fn wants_open(&self) -> bool {
        !matches!(self, BatchVerb::Delete | BatchVerb::Reset { .. })
    }

    /// Whether it is for closed runs only.
    pub(super) fn wants_closed(&self) -> bool {
        matches!(self, BatchVerb::Delete)
    }

    /// Whether an error says that nothing is left to do. `again` says that it may have been done before.
    fn is_done(&self, error: &'static Code, again: bool) -> bool {
        match self {
            BatchVerb::Cancel | BatchVerb::Terminate => error == &code::RUN_CLOSED,
            BatchVerb::Delete => again && error == &code::RUN_UNKNOWN,
            BatchVerb::Signal { .. } | BatchVerb::Pause | BatchVerb::Unpause | BatchVerb::Reset { .. } => {
                false
            }
        }
    }
}

fn target(point: &ResetPoint) -> Target {
    match point {
        ResetPoint::FirstTask => Target::FirstTask,
        ResetPoint::LastTask => Target::LastTask,
        ResetPoint::Build(id) => Target::Build { id: id.clone(), current_run_only: true },
    }
}

/// Does what a batch is for to one run. `again` says that an earlier process may have done it.
pub(super) async fn apply(
    engine: &EngineHandle,
    batch: &Batch,
    run: &RunId,
    again: bool,
) -> Result<(), Error> {
    match attempt(engine, batch, run).await {
        Err(error) if batch.verb.is_done(error.code(), again) => Ok(()),
        outcome => outcome,
    }
}

async fn attempt(engine: &EngineHandle, batch: &Batch, run: &RunId) -> Result<(), Error> {
    if batch.verb == BatchVerb::Delete {
        return engine.delete(run).await;
    }
    let to = engine.address_of_run(run).await?;
    let (only, reason) = (to.run.clone(), batch.reason.clone());
    let input = match &batch.verb {
        BatchVerb::Signal { name, input } => {
            let request_id = batch.request_id(run);
            let signal = Signal { name: name.clone(), input: input.clone(), request_id };
            return engine.signal(&to, signal).await.map(|_| ());
        }
        BatchVerb::Cancel => Input::Cancel { run: only, reason },
        BatchVerb::Terminate => Input::Terminate { run: only, reason },
        BatchVerb::Pause | BatchVerb::Unpause => {
            let ends = batch.verb == BatchVerb::Unpause;
            Input::Pause { run: only, reason, ends }
        }
        BatchVerb::Reset { to: point, exclude, pinned } => {
            let request = ResetRequest {
                run: only,
                target: target(point),
                reason,
                exclude: exclude.clone(),
                pin: if *pinned { Pin::Pinned } else { Pin::Current },
                request_id: format!("reset:{}", batch.request_id(run)),
            };
            return engine.reset(&to, request).await.map(|_| ());
        }
        BatchVerb::Delete => return Ok(()),
    };
    engine.operate(&to, input).await
}
