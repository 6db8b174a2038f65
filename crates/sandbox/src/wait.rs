//! Waiting for operations: for a moment with the instance, for long perhaps without, and perhaps beyond the process.

use std::time::Duration;

use nexus_kernel::BoxFuture;
use tokio::task::JoinSet;

use crate::allowance::{Allowance, Stretch};
use crate::error::{CallError, CallErrorKind};
use crate::instance::Settled;
use crate::parked::Waits;
use crate::queue::Place;
use crate::service::Shared;
use crate::turn::{Parked, Turns};

/// What waits longer than this is kept, when somebody keeps it: most operations are answered sooner.
const KEPT_AFTER: Duration = Duration::from_millis(100);

/// What a wait needs of the call it is part of.
pub(crate) struct Waiting<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) turns: &'a Turns,
    pub(crate) place: &'a Place,
    pub(crate) waits: &'a mut Waits,
    pub(crate) allowance: &'a mut Allowance,
}

impl Waiting<'_> {
    /// Waits until operations have been answered.
    pub(crate) async fn until_settled(
        mut self,
        parked: Parked,
        operations: &mut JoinSet<Settled>,
    ) -> Result<(Parked, Vec<Settled>), CallError> {
        let allowed = self.allowance.begin(Stretch::Waiting);
        if !self.waits.can_keep(parked.state()) {
            return self.rest(parked, operations, allowed).await;
        }
        let clock = self.shared.clock();
        let long = clock.sleep_until(clock.now().plus(KEPT_AFTER));
        tokio::select! {
            biased;
            answered = settled(operations, allowed) => {
                self.allowance.end(Stretch::Waiting);
                return match answered {
                    Some(settled) => Ok((parked, settled)),
                    None => Err(parked.fail(self.allowance.waited())),
                };
            }
            () = long => self.allowance.end(Stretch::Waiting),
        }
        let (parked, is_kept) = Box::pin(self.keep(parked)).await?;
        if !is_kept {
            let allowed = self.allowance.begin(Stretch::Waiting);
            return self.rest(parked, operations, allowed).await;
        }
        // What is durable may wait as long as whoever owns it: it costs this process next to nothing.
        match settled(operations, self.allowance.until_deadline()).await {
            Some(settled) => Ok((parked, settled)),
            None => Err(parked.fail(CallErrorKind::Deadline)),
        }
    }

    async fn rest(
        self,
        parked: Parked,
        operations: &mut JoinSet<Settled>,
        allowed: BoxFuture<'static, ()>,
    ) -> Result<(Parked, Vec<Settled>), CallError> {
        let answered = settled(operations, allowed).await;
        self.allowance.end(Stretch::Waiting);
        match answered {
            Some(settled) => Ok((parked, settled)),
            None => Err(parked.fail(self.allowance.waited())),
        }
    }

    /// Gives the instance back and has the keeper keep what is left.
    async fn keep(&mut self, parked: Parked) -> Result<(Parked, bool), CallError> {
        let lost = |_| CallError::from(CallErrorKind::Failed("a thread of the sandbox was lost".to_owned()));
        let spilled = match parked {
            Parked::Spilled(spilled) => spilled,
            Parked::Resident(execution) => {
                let turns = self.turns.clone();
                let work = move || turns.spill(*execution);
                Box::new(self.shared.submit(self.place, true, work).await?.await.map_err(lost)??)
            }
        };
        let is_kept = self.waits.save(&spilled).await;
        Ok((Parked::Spilled(spilled), is_kept))
    }
}

/// Waits for an operation; takes along what else has been answered by then. Nothing when time is up.
async fn settled(operations: &mut JoinSet<Settled>, timeout: BoxFuture<'static, ()>) -> Option<Vec<Settled>> {
    let mut settled = Vec::new();
    tokio::select! {
        biased;
        Some(first) = operations.join_next() => settled.extend(first.ok()),
        () = timeout => return None,
    }
    while let Some(more) = operations.try_join_next() {
        settled.extend(more.ok());
    }
    Some(settled)
}
