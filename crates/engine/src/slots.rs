//! Places for attempts that run at the same time: tasks wait here until their queue lets them begin.
//!
//! [`crate::queue`] decides who goes; this wakes them, and looks again when a place is free, when a rate has a token, or
//! when an operator has changed something.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use nexus_kernel::id::Namespace;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::task;
use nexus_kernel::time::Timestamp;
use tokio::sync::oneshot;

use crate::queue::{Declared, QueueConfig, QueueName, Queues, Status, Task};

/// Places. Cheap to clone; clones share them.
#[derive(Clone)]
pub(crate) struct Slots {
    inner: Arc<Inner>,
}

struct Inner {
    clock: SharedClock,
    state: Mutex<State>,
}

struct State {
    queues: Queues,
    /// Who waits.
    waiting: HashMap<u64, oneshot::Sender<Slot>>,
    /// When somebody looks again by itself.
    alarm: Option<Timestamp>,
}

/// A place; it is free again when this is dropped.
pub(crate) struct Slot {
    slots: Slots,
    queue: QueueName,
}

/// A task in its queue; dropping it gives it up.
pub(crate) struct Waiting {
    slots: Slots,
    id: u64,
    receiver: oneshot::Receiver<Slot>,
}

impl Slots {
    /// So many places.
    pub(crate) fn new(free: usize, clock: SharedClock) -> Slots {
        let state = State { queues: Queues::new(free), waiting: HashMap::new(), alarm: None };
        Slots { inner: Arc::new(Inner { clock, state: Mutex::new(state) }) }
    }

    /// Puts a task into its queue. It begins when somebody implements it and it is its turn.
    pub(crate) fn enter(&self, task: Task) -> Waiting {
        let now = self.inner.clock.now();
        let (sender, receiver) = oneshot::channel();
        let mut state = self.state();
        let id = state.queues.enter(task, now);
        state.waiting.insert(id, sender);
        drop(state);
        Waiting { slots: self.clone(), id, receiver }
    }

    /// Settles something for a queue.
    pub(crate) fn configure(&self, name: &QueueName, config: QueueConfig) {
        self.state().queues.configure(name, config);
        self.look();
    }

    /// So many attempts of these namespaces may run at the same time.
    pub(crate) fn cap(&self, caps: HashMap<Namespace, usize>) {
        self.state().queues.cap(caps);
        self.look();
    }

    /// How many attempts of a namespace run.
    pub(crate) fn running(&self, namespace: &Namespace) -> usize {
        self.state().queues.running(namespace)
    }

    /// Another program is in force, which says this of queues.
    pub(crate) fn declare(&self, declared: HashMap<QueueName, Declared>) {
        self.state().queues.declare(declared);
        self.look();
    }

    /// What is known of all queues of a namespace, or of all.
    pub(crate) fn all(&self, namespace: Option<&Namespace>) -> Vec<(QueueName, Status)> {
        let now = self.inner.clock.now();
        self.state().queues.all(namespace, now)
    }

    /// Lets everybody begin who may.
    fn look(&self) {
        let now = self.inner.clock.now();
        // Places of those who have gone away meanwhile: they are given back when the lock is free again.
        let mut returned = Vec::new();
        let mut state = self.state();
        while let Some((id, queue)) = state.queues.grant(now) {
            let slot = Slot { slots: self.clone(), queue };
            match state.waiting.remove(&id) {
                Some(waiter) => returned.extend(waiter.send(slot).err()),
                None => returned.push(slot),
            }
        }
        let wake = state.queues.wake(now).filter(|at| state.alarm.is_none_or(|alarm| *at < alarm));
        if let Some(at) = wake {
            state.alarm = Some(at);
            task::spawn_if_running(ring(Arc::downgrade(&self.inner), self.inner.clock.sleep_until(at), at));
        }
        drop(state);
        drop(returned);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks again when a rate has a token.
async fn ring(slots: Weak<Inner>, sleep: impl Future<Output = ()>, at: Timestamp) {
    sleep.await;
    let Some(inner) = slots.upgrade() else { return };
    let slots = Slots { inner };
    let mut state = slots.state();
    if state.alarm == Some(at) {
        state.alarm = None;
    }
    drop(state);
    slots.look();
}

impl Waiting {
    /// Waits for a place, once somebody implements the task.
    pub(crate) async fn begin(mut self) -> Slot {
        self.slots.state().queues.bind(self.id);
        self.slots.look();
        match (&mut self.receiver).await {
            Ok(slot) => slot,
            // The sender is kept until the place is given.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut state = self.slots.state();
        if state.waiting.remove(&self.id).is_some() {
            state.queues.leave(self.id);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.state().queues.done(&self.queue);
        self.slots.look();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::record::Priority;
    use crate::queue::RateLimit;
    use nexus_kernel::memory::clock::SimClock;
    use std::time::Duration;

    fn rank(key: u32, fairness_key: &str, fairness_weight: f64) -> Priority {
        Priority { key, fairness_key: Some(fairness_key.to_owned()), fairness_weight }
    }

    fn queue() -> QueueName {
        QueueName { namespace: Namespace::default(), task_queue: "q".to_owned() }
    }

    fn enter(slots: &Slots, priority: Priority) -> Waiting {
        slots.enter(Task { queue: queue(), priority, since: Timestamp::default() })
    }

    async fn settle() {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    /// The order in which waiters are served.
    async fn served(waiters: Vec<(&'static str, Priority)>) -> Vec<&'static str> {
        let slots = Slots::new(1, Arc::new(SimClock::default()));
        let first = enter(&slots, Priority::default()).begin().await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for (name, priority) in waiters {
            let (waiting, order) = (enter(&slots, priority), Arc::clone(&order));
            tasks.push(tokio::spawn(async move {
                let slot = waiting.begin().await;
                order.lock().unwrap().push(name);
                drop(slot);
            }));
            settle().await;
        }
        drop(first);
        for task in tasks {
            task.await.unwrap();
        }
        Arc::try_unwrap(order).unwrap().into_inner().unwrap()
    }

    #[tokio::test]
    async fn the_urgent_go_first_and_equals_in_order() {
        let usual = Priority::default();
        let waiters = vec![
            ("late", rank(5, "a", 1.0)),
            ("one", usual.clone()),
            ("two", usual),
            ("now", rank(1, "a", 1.0)),
        ];
        assert_eq!(served(waiters).await, ["now", "one", "two", "late"]);
    }

    #[tokio::test]
    async fn keys_share_by_weight() {
        let (heavy, light) = (rank(3, "heavy", 2.0), rank(3, "light", 1.0));
        let mut waiters = vec![("heavy", heavy); 4];
        waiters.extend(vec![("light", light); 3]);
        let order = served(waiters).await;
        let heavies = order.iter().take(6).filter(|name| **name == "heavy").count();
        assert_eq!(heavies, 4, "two of three turns are for twice the weight: {order:?}");
        assert_eq!(order[1..3].iter().filter(|name| **name == "light").count(), 1, "{order:?}");
    }

    #[tokio::test]
    async fn who_goes_away_costs_no_place() {
        let slots = Slots::new(1, Arc::new(SimClock::default()));
        let first = enter(&slots, Priority::default()).begin().await;
        let gone = tokio::spawn(enter(&slots, Priority::default()).begin());
        settle().await;
        gone.abort();
        assert!(gone.await.is_err());
        let given = enter(&slots, Priority::default());
        drop(first);
        // A place that is given to somebody who goes away before taking it is not lost either.
        let mut taken = Box::pin(given.begin());
        assert!(futures_poll(&mut taken).is_some());
        drop(taken);
        assert_eq!(slots.state().queues.free(), 1);
        assert!(slots.state().waiting.is_empty());
    }

    /// What a future gives at its first poll.
    fn futures_poll<T>(future: &mut std::pin::Pin<Box<impl Future<Output = T>>>) -> Option<T> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(value) => Some(value),
            std::task::Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn time_lets_go_what_a_rate_held_up() {
        let clock = SimClock::at(Timestamp::from_millis(5_000));
        let slots = Slots::new(10, Arc::new(clock.clone()));
        let limit = RateLimit { burst: Some(1), ..RateLimit::new(2.0) };
        slots.configure(&queue(), QueueConfig { rate_limit: Some(limit), ..QueueConfig::default() });
        let all: Vec<_> = (0..4).map(|_| tokio::spawn(enter(&slots, Priority::default()).begin())).collect();
        let begun = || all.iter().filter(|task| task.is_finished()).count();
        for expected in 1..=4 {
            settle().await;
            assert_eq!(begun(), expected);
            clock.advance(Duration::from_millis(499));
            settle().await;
            assert_eq!(begun(), expected);
            clock.advance(Duration::from_millis(1));
        }
        assert_eq!(clock.next_wake(), None, "nobody looks when nobody waits");
    }
}
