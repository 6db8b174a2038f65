//! Bringing keys into a shard's memory: on demand, and after a restart.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::join_all;
use nexus_kernel::activity::ActivityTask;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::{Key, RunId};
use nexus_kernel::port::log::{LiveKey, Stored};
use tokio::sync::oneshot;

use crate::decide::Transition;
use crate::effect;
use crate::input::Reply;
use crate::interpret::{self, ReplayError};
use crate::shard::{Body, Mail, Message, Outcome, Shard};
use crate::state::{KeyState, RunState};

impl Message {
    /// Whether it is about a key that exists already, as far as one can tell.
    fn reads(&self) -> bool {
        match &self.body {
            Body::Input(input) => self.known || !input.may_start(),
            Body::Query(_) => true,
            Body::Watch(_) | Body::Delete(_) | Body::Errand(_) | Body::Follow(_) | Body::Recover(_) => false,
        }
    }
}

impl Shard {
    /// Makes sure that a key's state is in memory. The key's records, when they had to be read for it.
    pub(super) async fn load(&mut self, key: &Key) -> Result<Option<Vec<Stored>>, Error> {
        if self.keys.contains_key(key) {
            return Ok(None);
        }
        let records = match self.read_ahead.remove(key) {
            Some(records) => records,
            None => self.shared.store.read(key, 0).await?,
        };
        self.adopt(key, &records).await?;
        Ok(Some(records))
    }

    /// Reads what the messages of a batch will need, all at once: many timers of runs that rest may be due together. What
    /// cannot be read is read again when it is needed, and told then.
    pub(super) async fn read_ahead(&mut self, batch: &[Mail]) {
        let wanted = batch.iter().filter_map(|mail| match mail {
            Mail::For(message) if message.reads() => Some(&message.key),
            _ => None,
        });
        // In an order that a seed repeats.
        let wanted: BTreeSet<&Key> = wanted.filter(|key| !self.keys.contains_key(*key)).collect();
        if wanted.len() < 2 {
            return;
        }
        let store = &self.shared.store;
        let reads = wanted.into_iter().map(|key| async move { (key.clone(), store.read(key, 0).await) });
        let read = join_all(reads).await;
        self.read_ahead = read.into_iter().filter_map(|(key, records)| Some((key, records.ok()?))).collect();
    }

    /// Makes sure that a key's state and the programs of its open runs are in memory.
    pub(super) async fn ready(&mut self, key: &Key) -> Result<(), Error> {
        let records = self.load(key).await?;
        self.ready_program(key, records).await
    }

    /// A key that had work to do when the process began. One that has been touched since is known better already.
    pub(super) async fn recover(&mut self, live: LiveKey) {
        let touched = self.touched.as_ref().is_some_and(|touched| touched.contains(&live.key));
        if touched || self.keys.contains_key(&live.key) {
            return;
        }
        if let Err(error) = self.adopt(&live.key, &live.records).await {
            // One damaged history must not keep the others from going on; whoever asks for it gets the error.
            tracing::error!(key = %live.key, %error, "a history cannot be read");
        }
        self.note_use(&live.key);
    }

    /// Takes a key's state into memory. What its runs wait for is set up unless that was done before: by then a key that
    /// is not in memory has nothing to do, or rests with its timers armed.
    async fn adopt(&mut self, key: &Key, records: &[Stored]) -> Result<(), Error> {
        self.outdate_found(key, records);
        let mut state = KeyState::fold(&key.namespace, records).map_err(|why| damaged(key, &why))?;
        state.forget_settled();
        self.ready_definitions(&state).await;
        for run in &state.runs {
            self.operations.put(key, run);
        }
        if !self.is_new(key) {
            self.keys.insert(key.clone(), state);
            return Ok(());
        }
        let mut effects: Vec<_> = state.runs.iter().flat_map(|run| effect::of_state(key, run)).collect();
        effects.extend(state.schedule.iter().flat_map(|schedule| effect::of_schedule(schedule)));
        self.keys.insert(key.clone(), state);
        for effect in effects {
            self.perform(key, effect);
        }
        Ok(())
    }

    /// Whether a key comes into memory for the first time, as far as is known.
    fn is_new(&mut self, key: &Key) -> bool {
        self.unseen.remove(key) || self.touched.as_ref().is_some_and(|touched| !touched.contains(key))
    }

    /// Brings the definitions into memory that say how runs call others and which parameters their activities have. One
    /// that cannot be read is told when its program is needed; until then the current one has to do.
    async fn ready_definitions(&self, state: &KeyState) {
        for run in state.runs.iter().filter(|run| !run.activities.is_empty() || !run.outbox.is_empty()) {
            if let Err(error) = self.shared.definitions.load(run.definition()).await {
                tracing::error!(run = %run.run_id, %error, "the definition of a run cannot be read");
            }
        }
    }

    /// The names of an activity's parameters, as the version of its run declares it.
    pub(super) fn parameters(&self, key: &Key, task: &ActivityTask) -> Option<Vec<String>> {
        let run = self.keys.get(key).and_then(|state| state.run(&task.run_id))?;
        let definition = self.shared.definitions.loaded(run.definition())?;
        let declared = definition.program.activity(&task.activity)?;
        Some(declared.params.iter().map(|param| param.name.clone()).collect())
    }

    /// Whether an open run of a key has to be rebuilt before it can go on.
    pub(super) fn lacks_program(&self, key: &Key) -> bool {
        let without = |run: &RunState| run.status.is_open() && run.machine.is_none();
        self.keys.get(key).is_some_and(|state| state.runs.iter().any(without))
    }

    /// Rebuilds the programs of a key's open runs when they are not in memory, from its records if they have been read.
    async fn ready_program(&mut self, key: &Key, records: Option<Vec<Stored>>) -> Result<(), Error> {
        let without = |run: &&RunState| run.status.is_open() && run.machine.is_none();
        let Some(run) = self.keys.get(key).and_then(|state| state.runs.iter().find(without)) else {
            return Ok(());
        };
        let (run_id, hash) = (run.run_id.clone(), run.definition().clone());
        let definition = self.shared.definitions.load(&hash).await?;
        let records = match records {
            Some(records) => records,
            None => self.shared.store.read(key, 0).await?,
        };
        let Some(run) = self.keys.get_mut(key).and_then(|state| state.run_mut(&run_id)) else {
            return Ok(());
        };
        match interpret::replay(key, run, &Arc::clone(&definition), &records) {
            Ok((machine, unseen)) => {
                run.machine = Some(machine);
                run.unseen = unseen;
            }
            Err(ReplayError::Damaged(why)) => return Err(damaged(key, &why)),
            Err(ReplayError::Program(failure)) => {
                // The run stays open and blocked: a corrected definition or an operator lets it go on.
                tracing::error!(run = %run_id, %failure, "a program cannot be rebuilt from its history");
                run.blocked = Some(failure);
            }
        }
        Ok(())
    }

    /// Tells a watcher what is known already, or keeps it until more is. A run that is not in memory has ended and
    /// been let go of, or never was: dropping the watcher sends its owner to the store.
    pub(super) fn add_watcher(&mut self, key: &Key, run: &RunId, watcher: oneshot::Sender<Outcome>) {
        if self.keys.get(key).is_none_or(|state| state.run(run).is_none()) {
            return;
        }
        self.watchers.entry(run.clone()).or_default().push(watcher);
        if self.outcome(key, run).is_some() {
            self.tell_watchers(key, run);
        }
    }

    /// How a run ended, or why it cannot go on.
    pub(super) fn outcome(&self, key: &Key, run: &RunId) -> Option<Outcome> {
        let state = self.keys.get(key)?;
        let closed = state.run(run).filter(|run| !run.status.is_open() || run.blocked.is_some())?;
        Some(Outcome {
            run_id: run.clone(),
            status: closed.status,
            result: closed.result.clone(),
            failure: closed.failure.clone().or_else(|| closed.blocked.clone()),
            successor: closed.successor.clone(),
        })
    }
}

/// What is told to whoever needs a history that cannot be read back; other runs are not touched. Any other error is one of
/// the store, and stops the shard.
pub(super) fn refused(error: Error) -> Result<Transition, Error> {
    if error.code().id != code::DATA_DAMAGED.id {
        return Err(error);
    }
    tracing::error!(%error, "a history cannot be read");
    Ok(Transition { reply: Reply::Refused(error), ..Transition::nothing() })
}

/// A history that cannot be read back.
pub(crate) fn damaged(key: &Key, why: &str) -> Error {
    Error::new(&code::DATA_DAMAGED, format!("the history of {key} cannot be read: {why}"))
        .help("restore the data folder from a backup; other runs are not touched")
}
