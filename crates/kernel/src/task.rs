//! Shutdown and the group of tasks that heeds it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Tells the parts of a process to stop. Cheap to clone; every clone is the same switch.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    switch: Arc<Switch>,
}

#[derive(Debug, Default)]
struct Switch {
    thrown: AtomicBool,
    /// Wakes whoever waits in the order in which they came, which simulations rely on.
    waiting: Notify,
}

impl Shutdown {
    /// A switch that has not been thrown.
    pub fn new() -> Shutdown {
        Shutdown::default()
    }

    /// Throws the switch.
    pub fn begin(&self) {
        self.switch.thrown.store(true, Ordering::SeqCst);
        self.switch.waiting.notify_waiters();
    }

    /// Whether it has been thrown.
    pub fn has_begun(&self) -> bool {
        self.switch.thrown.load(Ordering::SeqCst)
    }

    /// Resolves when it is thrown, at once when it has been.
    pub async fn begun(&self) {
        // A waiter hears of every throw after this line, whether it is polled by then or not.
        let thrown = self.switch.waiting.notified();
        if !self.has_begun() {
            thrown.await;
        }
    }
}

/// Runs a part in the background. The returned handle may be dropped; the part then goes on by itself.
pub fn spawn<F>(part: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    #[cfg(feature = "testing")]
    if let Some(pace) = crate::testing::pace::current() {
        return tokio::spawn(crate::testing::pace::Paced::new(pace, part));
    }
    tokio::spawn(part)
}

/// Runs a part in the background, unless the process is coming to its end and nothing can be run any more.
pub fn spawn_if_running<F>(part: F)
where
    F: Future<Output = ()> + Send + 'static,
{
    if tokio::runtime::Handle::try_current().is_ok() {
        drop(spawn(part));
    }
}
