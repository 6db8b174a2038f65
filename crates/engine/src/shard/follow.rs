//! Runs that follow another version: between two batches, when everything that happened to them is in the store.

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::{Key, RunId};
use tokio::sync::oneshot;

use crate::input::{Followed, Input, Reply};
use crate::interpret::ReplayError;
use crate::shard::load::{self, damaged};
use crate::shard::{Body, Message, Pending, Shard};
use crate::version::Candidate;

/// Why a run keeps its version.
pub(crate) fn not_followed(failure: Failure, run: &RunId) -> Error {
    Error::new(&code::VERSION_NOT_FOLLOWED, format!("the run keeps its version: {}", failure.message))
        .help("change the program behind the place where the run stands, or under `patched(..)`")
        .failure(failure)
        .run(run.clone())
}

/// A run that is to follow.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) key: Key,
    pub(super) candidate: Box<Candidate>,
    pub(super) reply: Option<oneshot::Sender<Reply>>,
}

impl Message {
    /// A definition for a run to go on with. Done says that it does, a refusal that it keeps its own.
    pub(crate) fn follow(key: Key, candidate: Box<Candidate>) -> (Message, oneshot::Receiver<Reply>) {
        let (sender, receiver) = oneshot::channel();
        (Message { reply: Some(sender), ..Message::new(key, Body::Follow(candidate)) }, receiver)
    }
}

impl Shard {
    /// Carries out what was asked for during the batch that has just been committed.
    pub(super) async fn follow_runs(&mut self) -> Result<(), Error> {
        let mut pending = Vec::new();
        for Asked { key, mut candidate, reply } in std::mem::take(&mut self.follows) {
            if let Err(error) = self.load(&key).await {
                pending.push(Pending::of(key, reply, load::refused(error)?));
                continue;
            }
            let Some(outcome) = self.caught_up(&key, &mut candidate).await? else {
                if let Some(reply) = reply {
                    let _ = reply.send(Reply::NotHeld); // a caller that has gone away needs no reply
                }
                continue;
            };
            let (run, definition) = (candidate.run.clone(), candidate.definition.hash.clone());
            let stays = outcome.as_ref().err().cloned();
            let mut transition = self.step(&key, Input::Follow { run, definition, outcome });
            if let Some(failure) = stays {
                transition.reply = Reply::Refused(not_followed(failure, &candidate.run));
            }
            let append = transition.record.as_ref().and_then(|record| self.append_of(&key, record));
            pending.push(Pending { append, ..Pending::of(key, reply, transition) });
        }
        self.commit(pending).await
    }

    /// The program by the other definition, with what has happened since it was tried; nothing when the run has closed.
    async fn caught_up(
        &mut self,
        key: &Key,
        candidate: &mut Candidate,
    ) -> Result<Option<Result<Box<Followed>, Failure>>, Error> {
        let Some(state) = self.keys.get(key) else { return Ok(None) };
        let Some(run) = state.run(&candidate.run).filter(|run| run.status.is_open()) else {
            return Ok(None);
        };
        let rebuilt = match &mut candidate.outcome {
            Ok(rebuilt) => rebuilt,
            Err(failure) => return Ok(Some(Err(failure.clone()))),
        };
        if rebuilt.through != state.head {
            let records = self.shared.store.read(key, rebuilt.through).await?;
            match rebuilt.feed(key, run, (&candidate.definition, &records), &mut |_, _| {}) {
                Ok(()) => {}
                Err(ReplayError::Program(failure)) => return Ok(Some(Err(failure))),
                Err(ReplayError::Damaged(why)) => return Err(damaged(key, &why)),
            }
        }
        let (machine, unseen) = (rebuilt.machine.clone(), rebuilt.unseen.clone());
        Ok(Some(Ok(Box::new(Followed { machine, unseen }))))
    }
}
