//! Threads that read, each with a connection of its own, so that no asynchronous thread ever waits for the disk.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use nexus_kernel::port::StoreError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::fault::Fault;
use super::health::Health;

/// Something to read.
type Task = Box<dyn FnOnce(&Connection) + Send>;

/// What the threads take from; `None` ends the one that takes it.
pub(crate) type Tasks = Arc<Mutex<Receiver<Option<Task>>>>;

/// The way to the threads.
#[derive(Debug)]
pub(crate) struct Readers {
    tasks: Sender<Option<Task>>,
    health: Arc<Health>,
}

impl Readers {
    /// The way in, and what the threads [`work`] on.
    pub(crate) fn new(health: Arc<Health>) -> (Readers, Tasks) {
        let (sender, receiver) = channel();
        (Readers { tasks: sender, health }, Arc::new(Mutex::new(receiver)))
    }

    /// Reads on one of the threads. A disk that cannot be read stops the store; a damaged record does not, since the
    /// others are still good.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.health.check()?;
        let (answer, answered) = oneshot::channel();
        let task: Task = Box::new(move |connection| drop(answer.send(read(connection))));
        if self.tasks.send(Some(task)).is_err() {
            return Err(self.health.reason());
        }
        let Ok(outcome) = answered.await else { return Err(self.health.reason()) };
        outcome.map_err(|fault| {
            let error = StoreError::from(fault);
            if matches!(error, StoreError::Failed(_)) {
                self.health.stop(error.clone());
            }
            error
        })
    }

    /// Ends one thread after what was asked before.
    pub(crate) fn end_one(&self) {
        let _ = self.tasks.send(None);
    }
}

/// The body of a thread.
pub(crate) fn work(connection: Connection, tasks: Tasks) {
    loop {
        // One thread waits in the queue, the others wait for their turn to.
        let next = tasks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(Some(task)) => task(&connection),
            Ok(None) | Err(_) => return,
        }
    }
}
