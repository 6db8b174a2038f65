//! What follows a run that ended badly: another attempt, as its retry policy says.

use nexus_kernel::failure::{Failure, FailureKind};
use nexus_kernel::id::RunId;
use nexus_kernel::memory::rng::SeededRng;
use nexus_kernel::retry::{Retry, RetryState};
use nexus_kernel::time::Timestamp;

use crate::record::Retrying;
use crate::state::RunState;

/// The next attempt after a failure, and why there is none. A run that was asked to stop is not tried again.
pub(crate) fn after_failure(
    run: &RunState,
    failure: &Failure,
    now: Timestamp,
) -> (Option<Retrying>, Option<RetryState>) {
    let Some(policy) = &run.started.options.retry else { return (None, None) };
    if run.cancel_requested {
        return (None, Some(RetryState::CancelRequested));
    }
    match policy.decide(failure, run.started.attempt, now, run.started.execution_deadline) {
        Retry::At(at) => (Some(Retrying { new_run: next_run(run, now), at }), None),
        Retry::Stop(state) => (None, Some(state)),
    }
}

/// The next attempt after one run's time was up. The end of the chain's time is the end.
pub(crate) fn after_timeout(run: &RunState, now: Timestamp) -> Option<Retrying> {
    let failure = Failure::new(FailureKind::Timeout, Failure::START_TO_CLOSE, "the run ran out of time");
    after_failure(run, &failure, now).0
}

/// The successor's id follows from the run's own, so that replay makes the same one.
pub(crate) fn next_run(run: &RunState, now: Timestamp) -> RunId {
    RunId::generate(now, &SeededRng::new(run.run_id.seed()))
}
