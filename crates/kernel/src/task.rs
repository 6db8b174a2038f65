//! Shutdown and the group of tasks that heeds it.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Tells the parts of a process to stop. Cheap to clone; every clone is the same switch.
#[derive(Debug, Clone)]
pub struct Shutdown {
    sender: Arc<watch::Sender<bool>>,
}

impl Default for Shutdown {
    fn default() -> Shutdown {
        Shutdown { sender: Arc::new(watch::Sender::new(false)) }
    }
}

impl Shutdown {
    /// A switch that has not been thrown.
    pub fn new() -> Shutdown {
        Shutdown::default()
    }

    /// Throws the switch.
    pub fn begin(&self) {
        self.sender.send_replace(true);
    }

    /// Whether it has been thrown.
    pub fn has_begun(&self) -> bool {
        *self.sender.borrow()
    }

    /// Resolves when it is thrown, at once when it has been.
    pub async fn begun(&self) {
        let mut receiver = self.sender.subscribe();
        // An error would mean that the sender is gone, which this very value keeps alive.
        let _ = receiver.wait_for(|begun| *begun).await;
    }
}

/// Runs a part in the background. The returned handle may be dropped; the part then goes on by itself.
pub fn spawn<F>(part: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(part)
}
