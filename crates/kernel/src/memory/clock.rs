//! A clock that moves only when told to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::BoxFuture;
use crate::port::clock::Clock;
use crate::time::Timestamp;

/// A simulated clock. Clones show the same time.
#[derive(Debug, Clone, Default)]
pub struct SimClock {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    now: Timestamp,
    sleepers: BTreeMap<(Timestamp, u64), oneshot::Sender<()>>,
    count: u64,
}

impl SimClock {
    /// A clock that shows this time.
    pub fn at(now: Timestamp) -> SimClock {
        let clock = SimClock::default();
        clock.lock().now = now;
        clock
    }

    /// Moves time forward and wakes whoever slept until then.
    pub fn advance(&self, by: Duration) {
        let mut inner = self.lock();
        inner.now = inner.now.plus(by);
        let still_asleep = (inner.now.plus(Duration::from_micros(1)), 0);
        let later = inner.sleepers.split_off(&still_asleep);
        let awake = std::mem::replace(&mut inner.sleepers, later);
        drop(inner);
        for sender in awake.into_values() {
            let _ = sender.send(()); // a sleeper that has gone away needs no waking
        }
    }

    /// When the next sleeper wants to wake, if anybody sleeps.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let mut inner = self.lock();
        inner.sleepers.retain(|_, sender| !sender.is_closed());
        inner.sleepers.keys().next().map(|(at, _)| *at)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        self.lock().now
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let mut inner = self.lock();
        if at <= inner.now {
            return Box::pin(std::future::ready(()));
        }
        let (sender, receiver) = oneshot::channel();
        inner.count += 1;
        let place = (at, inner.count);
        inner.sleepers.insert(place, sender);
        Box::pin(async move {
            let _ = receiver.await; // the clock going away ends every sleep
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sleepers_wake_in_time_and_not_before() {
        let clock = SimClock::at(Timestamp::from_millis(100));
        let early = tokio::spawn(clock.sleep_until(Timestamp::from_millis(150)));
        let late = tokio::spawn(clock.sleep_until(Timestamp::from_millis(300)));
        assert_eq!(clock.next_wake(), Some(Timestamp::from_millis(150)));
        clock.advance(Duration::from_millis(50));
        early.await.unwrap();
        assert!(!late.is_finished());
        assert_eq!(clock.next_wake(), Some(Timestamp::from_millis(300)));
        clock.advance(Duration::from_secs(1));
        late.await.unwrap();
    }
}
