//! Deleting closed runs: between two batches, so that nothing of their key is being decided meanwhile.

use std::collections::HashSet;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::{Key, RunId};
use nexus_kernel::port::StoreError;
use nexus_kernel::port::log::{Refused, Stored, Trim};
use tokio::sync::oneshot;

use crate::input::Reply;
use crate::record::{Record, RunPart};
use crate::shard::load::damaged;
use crate::shard::{Shard, taken_over};
use crate::state::KeyState;

/// A run that is to be deleted.
#[derive(Debug)]
pub(super) struct Deletion {
    pub(super) key: Key,
    pub(super) run: RunId,
    pub(super) reply: Option<oneshot::Sender<Reply>>,
}

impl Shard {
    /// Carries out what was asked for during the batch that has just been committed.
    pub(super) async fn delete_runs(&mut self) -> Result<(), Error> {
        for Deletion { key, run, reply } in std::mem::take(&mut self.deletions) {
            let answer = match self.delete(&key, &run).await? {
                Ok(()) => Reply::Done,
                Err(refusal) => Reply::Refused(refusal),
            };
            if let Some(reply) = reply {
                let _ = reply.send(answer); // a caller that has gone away needs no reply
            }
        }
        Ok(())
    }

    /// The outer error is the store's and stops the shard, the inner one is a refusal.
    async fn delete(&mut self, key: &Key, run: &RunId) -> Result<Result<(), Error>, Error> {
        let records = match self.shared.store.read(key, 0).await {
            Ok(records) => records,
            Err(StoreError::Damaged(why)) => return Ok(Err(damaged(key, &why))),
            Err(error) => return Err(error.into()),
        };
        let state = match KeyState::fold(&key.namespace, &records) {
            Ok(state) => state,
            Err(why) => return Ok(Err(damaged(key, &why))),
        };
        let gone = self.gone(&records, run).await?;
        let sequences = match deletable(&state, &records, (run, &gone)) {
            Ok(sequences) => sequences,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let trim = Trim { key: key.clone(), epoch: self.shared.epoch, sequences, runs: vec![run.clone()] };
        match self.shared.store.trim(trim).await? {
            Ok(()) => {}
            Err(Refused::StaleEpoch | Refused::Conflict { .. }) => return Err(taken_over()),
        }
        if let Some(held) = self.keys.get_mut(key) {
            held.runs.retain(|held| held.run_id != *run);
            if !held.is_live() {
                self.keys.remove(key);
            }
        }
        Ok(Ok(()))
    }
}

impl Shard {
    /// Runs that share a record with this one and were deleted before: the record keeps what it says of them until the
    /// last of its runs goes.
    async fn gone(&self, records: &[Stored], run: &RunId) -> Result<HashSet<RunId>, Error> {
        let mut gone = HashSet::new();
        for stored in records {
            let record = Record::decode(&stored.record).map_err(Error::internal)?;
            if !record.runs.iter().any(|part| part.run == *run) {
                continue;
            }
            for part in record.runs {
                if part.run != *run && self.shared.store.run(&part.run).await?.is_none() {
                    gone.insert(part.run);
                }
            }
        }
        Ok(gone)
    }
}

/// The records that only this run, and runs that are gone already, have a part in.
fn deletable(
    state: &KeyState,
    records: &[Stored],
    (run, gone): (&RunId, &HashSet<RunId>),
) -> Result<Vec<u64>, Error> {
    if let Some(found) = state.run(run).filter(|found| !found.is_settled()) {
        let message = if found.status.is_open() {
            format!("the run {run} is still open")
        } else {
            format!("the run {run} has closed, but others have not heard of it yet")
        };
        return Err(Error::new(&code::RUN_OPEN, message).help("cancel or terminate it, then try again"));
    }
    let others = state.runs.iter().map(|other| &other.run_id).filter(|other| *other != run);
    let kept: HashSet<&RunId> = others.filter(|other| !gone.contains(*other)).collect();
    let (mut sequences, mut begins_behind, mut parts) = (Vec::new(), None, 0);
    for stored in records {
        let record = Record::decode(&stored.record).map_err(Error::internal)?;
        let is_kept = |part: &&RunPart| kept.contains(&part.run);
        parts += record.runs.iter().filter(|part| part.run == *run).count();
        if !record.runs.iter().any(|part| is_kept(&part)) {
            if record.schedule.is_none() {
                sequences.push(stored.sequence);
            }
        } else if record.runs.iter().any(|part| part.run == *run && part.first == 1) {
            let older = record.runs.iter().take_while(|part| part.run != *run).find(is_kept);
            begins_behind = older.map(|part| part.run.clone());
        }
    }
    // Its beginning is in the record of another run's end: without its own end, in a record that may go first, it would look
    // open again. One that lies within a single record comes and goes with that.
    match begins_behind {
        Some(before) if parts > 1 => {
            let message = format!("the run {run} goes on from {before}, which is still there");
            Err(Error::new(&code::RUN_OPEN, message).help("delete the older run first"))
        }
        _ => Ok(sequences),
    }
}
