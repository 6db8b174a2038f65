//! Resetting runs.

use nexus_kernel::error::Error;
use nexus_kernel::id::RunId;

use crate::engine::{Address, EngineHandle, stopping};
use crate::input::Reply;
use crate::reset::ResetRequest;
use crate::shard::{Errand, Message};

impl EngineHandle {
    /// Begins a run anew from an earlier workflow task of its history: a new run takes its place. Gives that run, and
    /// whether an earlier request of the same id made it. It is durable when this returns.
    pub async fn reset(&self, to: &Address, request: ResetRequest) -> Result<(RunId, bool), Error> {
        let request = ResetRequest { run: to.run.clone(), ..request };
        let (message, reply) = Message::errand(to.key.clone(), Errand::Reset(Box::new(request)));
        self.shared.router.send(message);
        match reply.await.map_err(|_| stopping())? {
            Reply::Started { run, existing } => Ok((run, existing)),
            Reply::Refused(error) => Err(error),
            _ => Err(Error::internal("a reset was not answered as one")),
        }
    }
}
