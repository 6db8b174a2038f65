//! Hearing of the end of children and operations that another run started: a run that took over a history waits for
//! what the run before it began.

use nexus_kernel::failure::{Failure, FailureKind};
use nexus_kernel::id::{Key, RunId};

use crate::deliver::end;
use crate::input::{Input, RemoteEnd, Reply, Waiter};
use crate::record::{IntentId, Origin, OriginKind};
use crate::shard::{Message, Shared};
use crate::state::{KeyState, RemoteCall, RunState};

/// What a run asks a run that it waits for.
#[derive(Debug, Clone)]
pub(crate) struct Asking {
    /// The run that waits, and its command.
    pub(crate) origin: Origin,
    /// The request's id: equal ones are one request.
    pub(crate) request_id: String,
    /// Whom it waits for.
    pub(crate) target: (Key, RunId),
}

impl Asking {
    /// What a run asks for its command; nothing when it does not wait for it.
    pub(crate) fn of(key: &Key, run: &RunState, seq: u64, target: (Key, RunId)) -> Option<Asking> {
        let kind = match run.remotes.get(&seq)?.call {
            RemoteCall::Child { .. } => OriginKind::Child,
            RemoteCall::Nexus { .. } => OriginKind::Nexus,
        };
        let root = run.root();
        let origin = Origin { key: key.clone(), run: run.run_id.clone(), seq, kind, reports: true, root };
        Some(Asking { origin, request_id: format!("attach:{}/{seq}", run.run_id), target })
    }

    /// What the other key gets.
    pub(crate) fn input(&self) -> Input {
        let (run, request_id) = (self.target.1.clone(), self.request_id.clone());
        Input::Attach { run, request_id, waiter: Box::new(Waiter::Run(self.origin.clone())) }
    }

    /// What the run that waits gets when the other one has ended already.
    pub(crate) fn ended(&self, end: RemoteEnd) -> Input {
        let end = Box::new(end);
        Input::RemoteEnded { run: self.origin.run.clone(), seq: self.origin.seq, end }
    }

    /// What the run that waits gets when the other one will tell it.
    pub(crate) fn heard(&self) -> Input {
        Input::Delivered(self.origin.run.clone(), IntentId::Attach(self.origin.seq))
    }
}

/// Asks, and brings the answer back. Whoever has ended long ago is looked up in the store.
pub(crate) async fn ask(shared: Shared, asking: Asking) {
    let (target, waits) = (asking.target.0.clone(), asking.origin.key.clone());
    let input = match shared.router.ask(target.clone(), asking.input()).await {
        Some(Reply::Done) => asking.heard(),
        Some(_) => {
            let Ok(records) = shared.store.read(&target, 0).await else { return };
            let Ok(state) = KeyState::fold(&target.namespace, &records) else { return };
            match end_of(&target, &state, &asking.target.1) {
                Some(end) => asking.ended(end),
                None => return, // it is open after all, in a server that is stopping: the next one asks again
            }
        }
        None => return, // the target's shard has stopped; the intent stays in the outbox
    };
    shared.router.send(Message::input(waits, input));
}

/// How a run ended, or the last of those that went on in its stead. A run that is gone can tell nobody any more.
pub(crate) fn end_of(key: &Key, state: &KeyState, first: &RunId) -> Option<RemoteEnd> {
    let mut wanted = first;
    loop {
        let Some(run) = state.run(wanted) else {
            let message = format!("the run {wanted} has been deleted: nobody can tell how it ended");
            let failure = Failure::new(FailureKind::Server, "NotFound", message).final_();
            return Some(RemoteEnd { by: None, outside: None, outcome: Err(failure) });
        };
        match &run.successor {
            Some(next) if state.run(next).is_some() => wanted = next,
            _ if run.status.is_open() => return None,
            _ => return Some(end(key, run)),
        }
    }
}
