//! What is done between two batches, because a run's whole history must be in the store: resets and imports.

use nexus_kernel::error::Error;
use nexus_kernel::id::Key;
use tokio::sync::oneshot;

use crate::decide::Transition;
use crate::input::{Input, Reply};
use crate::reset::{Reset, ResetRequest};
use crate::shard::load::{self, damaged};
use crate::shard::{Body, Message, Pending, Shard};
use crate::state::KeyState;
use crate::transfer::{Exported, Import, OpenRun};

/// Something that needs the whole past of a key.
#[derive(Debug)]
pub(crate) enum Errand {
    /// A run is to be begun anew from an earlier place.
    Reset(Box<ResetRequest>),
    /// A run of another server is to be added.
    Import(Box<Exported>, OpenRun),
}

/// An errand, and who waits for it.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) key: Key,
    pub(super) errand: Errand,
    pub(super) reply: Option<oneshot::Sender<Reply>>,
}

impl Message {
    /// An errand, and where the answer goes.
    pub(crate) fn errand(key: Key, errand: Errand) -> (Message, oneshot::Receiver<Reply>) {
        let (sender, receiver) = oneshot::channel();
        (Message { reply: Some(sender), ..Message::new(key, Body::Errand(errand)) }, receiver)
    }
}

impl Shard {
    /// What is done while nothing is being decided.
    pub(super) async fn between_batches(&mut self) -> Result<(), Error> {
        self.trim_schedules().await?;
        for Asked { key, errand, reply } in std::mem::take(&mut self.errands) {
            let transition = self.run_errand(&key, errand).await.or_else(load::refused)?;
            let append = transition.record.as_ref().and_then(|record| self.append_of(&key, record));
            let pending = Pending { append, ..Pending::of(key, reply, transition) };
            self.commit(vec![pending]).await?;
        }
        self.delete_runs().await
    }

    async fn run_errand(&mut self, key: &Key, errand: Errand) -> Result<Transition, Error> {
        let records = self.shared.store.read(key, 0).await?;
        let refused = |error| Transition { record: None, effects: Vec::new(), reply: Reply::Refused(error) };
        // The step looks at loaded definitions only.
        match KeyState::fold(&key.namespace, &records) {
            Err(why) => return Ok(refused(damaged(key, &why))),
            Ok(state) => {
                for run in &state.runs {
                    if let Err(error) = self.shared.definitions.load(run.definition()).await {
                        tracing::warn!(run = %run.run_id, %error, "the definition of a run cannot be loaded");
                    }
                }
            }
        }
        self.load(key).await?;
        let input = match errand {
            Errand::Reset(request) => Input::Reset(Box::new(Reset { request: *request, records })),
            Errand::Import(run, open) => Input::Import(Box::new(Import { run: *run, open, records })),
        };
        Ok(self.step(key, input))
    }
}
