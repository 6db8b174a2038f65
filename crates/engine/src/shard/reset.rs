//! Resetting runs: between two batches, because a run's whole history must be in the store.

use nexus_kernel::error::Error;
use nexus_kernel::id::Key;
use tokio::sync::oneshot;

use crate::decide::Transition;
use crate::input::{Input, Reply};
use crate::reset::{Reset, ResetRequest};
use crate::shard::load::damaged;
use crate::shard::{Body, Message, Pending, Shard};
use crate::state::KeyState;

/// A run that is to be reset.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) key: Key,
    pub(super) request: ResetRequest,
    pub(super) reply: Option<oneshot::Sender<Reply>>,
}

impl Message {
    /// A wish to reset a run, and where the answer goes.
    pub(crate) fn reset(key: Key, request: ResetRequest) -> (Message, oneshot::Receiver<Reply>) {
        let (sender, receiver) = oneshot::channel();
        let body = Body::Reset(Box::new(request));
        (Message { reply: Some(sender), ..Message::new(key, body) }, receiver)
    }
}

impl Shard {
    /// What is done while nothing is being decided.
    pub(super) async fn between_batches(&mut self) -> Result<(), Error> {
        self.reset_runs().await?;
        self.delete_runs().await
    }

    /// Carries out what was asked for during the batch that has just been committed, each with a commit of its own.
    async fn reset_runs(&mut self) -> Result<(), Error> {
        for Asked { key, request, reply } in std::mem::take(&mut self.resets) {
            let transition = self.reset(&key, request).await?;
            let append = transition.record.as_ref().and_then(|record| self.append_of(&key, record));
            let pending = Pending {
                key,
                reply,
                watch: None,
                watches: None,
                update: None,
                transition,
                optimistic: None,
                append,
                position: None,
            };
            self.commit(vec![pending]).await?;
        }
        Ok(())
    }

    async fn reset(&mut self, key: &Key, request: ResetRequest) -> Result<Transition, Error> {
        let records = self.shared.store.read(key, 0).await?;
        let refused = |error| Transition { record: None, effects: Vec::new(), reply: Reply::Refused(error) };
        // The step looks at loaded definitions only.
        match KeyState::fold(&key.namespace, &records) {
            Err(why) => return Ok(refused(damaged(key, &why))),
            Ok(state) => {
                for run in &state.runs {
                    if let Err(error) = self.shared.definitions.load(&run.started.definition).await {
                        tracing::warn!(run = %run.run_id, %error, "the definition of a run cannot be loaded");
                    }
                }
            }
        }
        self.load(key).await?;
        Ok(self.step(key, Input::Reset(Box::new(Reset { request, records }))))
    }
}
