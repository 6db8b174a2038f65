//! What the parts of a connection share: the way out, and what is open on it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nexus_kernel::Json;
use nexus_kernel::call::{CallContext, Caller, Channel};
use nexus_kernel::error::Error;
use nexus_kernel::id::SessionId;
use nexus_kernel::task::Shutdown;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::channel::socket::message::{self, Id};
use crate::pipeline::Pipeline;

/// Shared by the tasks of a connection. Cheap to clone.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) pipeline: Pipeline,
    pub(super) open: Opened,
    pub(super) shutdown: Shutdown,
    /// Who has opened it.
    pub(super) caller: Caller,
    /// The session of calls that name none.
    session: Option<SessionId>,
    out: mpsc::Sender<String>,
}

impl Line {
    pub(super) fn new(
        pipeline: Pipeline,
        (caller, session): (Caller, Option<SessionId>),
        shutdown: Shutdown,
        out: mpsc::Sender<String>,
    ) -> Line {
        Line { pipeline, open: Opened::default(), shutdown, caller, session, out }
    }

    /// Waits until the client has read what was to be sent before; false when there is nobody any more.
    pub(super) async fn say(&self, text: String) -> bool {
        self.out.send(text).await.is_ok()
    }

    /// Answers a request.
    pub(super) async fn answer(&self, id: &Id, answer: Result<Json, Error>) -> bool {
        let text = match answer {
            Ok(result) => message::result(id, &result),
            Err(error) => {
                let request_id = self.pipeline.request_ids().generate();
                message::failed(Some(id), message::number_of(&error), &error, request_id.as_str())
            }
        };
        self.say(text).await
    }

    /// The context of a call with a request id of its own.
    pub(super) fn context(&self, session: Option<SessionId>) -> CallContext {
        let session = session.or_else(|| self.session.clone());
        CallContext { session, caller: self.caller.clone(), ..self.pipeline.context(Channel::Socket) }
    }
}

/// Why something that is open ends before its time. When the connection ends nobody says so: the sender is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Nobody wants to hear of it any more.
    Withdraw,
    /// The same, and the run it started is asked to end.
    CancelRun,
}

/// What is open on a connection, by the id of the request that opened it.
#[derive(Clone, Default)]
pub(super) struct Opened(Arc<Shared>);

#[derive(Default)]
struct Shared {
    entries: Mutex<HashMap<Id, Entry>>,
    /// Rings when something has ended.
    ended: Notify,
}

struct Entry {
    kind: Kind,
    /// Taken when it was told to stop; it is open until it has.
    stop: Option<oneshot::Sender<Stop>>,
}

/// Kinds of open things, which are counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Call,
    Subscription,
}

/// Why nothing was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The id is that of something open.
    Taken,
    /// There are as many of the kind as there may be.
    Full,
}

impl Opened {
    /// Opens something; what is returned resolves when it is to stop.
    pub(super) fn open(&self, id: &Id, kind: Kind, max: usize) -> Result<oneshot::Receiver<Stop>, Refused> {
        let mut entries = self.entries();
        if entries.contains_key(id) {
            return Err(Refused::Taken);
        }
        if entries.values().filter(|entry| entry.kind == kind).count() >= max {
            return Err(Refused::Full);
        }
        let (stop, stopped) = oneshot::channel();
        entries.insert(id.clone(), Entry { kind, stop: Some(stop) });
        Ok(stopped)
    }

    /// Notes that something has ended. Its id may be used again.
    pub(super) fn close(&self, id: &Id) {
        self.entries().remove(id);
        self.0.ended.notify_waiters();
    }

    /// Stops something; false when nothing of the kind has this id.
    pub(super) fn stop(&self, id: &Id, kind: Kind, how: Stop) -> bool {
        let mut entries = self.entries();
        let entry = entries.get_mut(id).filter(|entry| entry.kind == kind);
        entry.and_then(|entry| entry.stop.take()).is_some_and(|stop| stop.send(how).is_ok())
    }

    /// Stops everything of a kind, as it stops when the connection ends.
    pub(super) fn abandon(&self, kind: Kind) {
        self.entries().retain(|_, entry| entry.kind != kind);
    }

    /// How many of a kind are open.
    pub(super) fn count(&self, kind: Kind) -> usize {
        self.entries().values().filter(|entry| entry.kind == kind).count()
    }

    /// Resolves when nothing of a kind is open.
    pub(super) async fn emptied(&self, kind: Kind) {
        loop {
            let ended = self.0.ended.notified();
            if self.count(kind) == 0 {
                return;
            }
            ended.await;
        }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Id, Entry>> {
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn id(number: u64) -> Id {
        Id::of(&json!(number)).unwrap()
    }

    #[test]
    fn ids_are_taken_while_they_are_open_and_kinds_are_counted_apart() {
        let open = Opened::default();
        let mut first = open.open(&id(1), Kind::Call, 2).unwrap();
        assert_eq!(open.open(&id(1), Kind::Subscription, 2).unwrap_err(), Refused::Taken);
        let _second = open.open(&id(2), Kind::Call, 2).unwrap();
        assert_eq!(open.open(&id(3), Kind::Call, 2).unwrap_err(), Refused::Full);
        let mut third = open.open(&id(3), Kind::Subscription, 2).unwrap();
        assert!(!open.stop(&id(3), Kind::Call, Stop::Withdraw), "it is none");
        assert!(open.stop(&id(1), Kind::Call, Stop::CancelRun));
        assert_eq!(first.try_recv().unwrap(), Stop::CancelRun);
        assert!(!open.stop(&id(1), Kind::Call, Stop::Withdraw), "it was told already");
        open.close(&id(1));
        assert!(open.open(&id(1), Kind::Call, 2).is_ok());
        open.abandon(Kind::Subscription);
        assert!(third.try_recv().is_err());
        assert_eq!((open.count(Kind::Call), open.count(Kind::Subscription)), (2, 0));
    }
}
