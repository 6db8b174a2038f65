//! Places for attempts that run at the same time, given out by priority and, within one, fairly.
//!
//! The most urgent priority goes first. Within one, every fairness key gets a share by its weight: each waiter is given a
//! turn that lies one step after the last one of its key, a step being the shorter the greater the weight, and the
//! earliest turn goes first (language page, section 15.15).

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::activity::record::Priority;

/// A step of the weight 1.
const STEP: f64 = 1_000_000.0;

/// Places. Cheap to clone; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Slots {
    state: Arc<Mutex<State>>,
}

/// A place; it is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    /// Nothing when the place has been passed on.
    slots: Option<Slots>,
}

#[derive(Debug, Default)]
struct State {
    free: usize,
    order: u64,
    /// By priority, turn and order of arrival.
    waiting: BTreeMap<(u32, u64, u64), oneshot::Sender<Slot>>,
    levels: HashMap<u32, Level>,
}

/// One priority.
#[derive(Debug, Default)]
struct Level {
    /// The turn of who was served last.
    now: u64,
    /// The last turn that was given to each key.
    last: HashMap<Option<String>, u64>,
}

impl Slots {
    /// So many places.
    pub(crate) fn new(free: usize) -> Slots {
        Slots { state: Arc::new(Mutex::new(State { free, ..State::default() })) }
    }

    /// A place, as soon as it is this one's turn.
    pub(crate) async fn acquire(&self, priority: &Priority) -> Slot {
        let receiver = {
            let mut state = self.state();
            if state.free > 0 {
                state.free -= 1;
                drop(state);
                return Slot { slots: Some(self.clone()) };
            }
            state.enqueue(priority)
        };
        match receiver.await {
            Ok(slot) => slot,
            // The queue is never dropped before its waiters: every slot holds it.
            Err(_) => std::future::pending().await,
        }
    }

    /// How many wait.
    #[cfg(test)]
    fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enqueue(&mut self, priority: &Priority) -> oneshot::Receiver<Slot> {
        let level = self.levels.entry(priority.key).or_default();
        let last = level.last.entry(priority.fairness_key.clone()).or_default();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from a thousand to a billion"
        )]
        let step = (STEP / priority.fairness_weight.clamp(0.001, 1_000.0)) as u64;
        *last = level.now.max(*last).saturating_add(step);
        let (sender, receiver) = oneshot::channel();
        self.waiting.insert((priority.key, *last, self.order), sender);
        self.order += 1;
        receiver
    }

    /// The next waiter; the last turns of a priority that nobody waits in are forgotten.
    fn next(&mut self) -> Option<oneshot::Sender<Slot>> {
        let ((key, turn, _), sender) = self.waiting.pop_first()?;
        let waits = self.waiting.range((key, 0, 0)..=(key, u64::MAX, u64::MAX)).next().is_some();
        if !waits {
            self.levels.remove(&key);
        } else if let Some(level) = self.levels.get_mut(&key) {
            level.now = turn;
        }
        Some(sender)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some(slots) = self.slots.take() else { return };
        loop {
            let next = {
                let mut state = slots.state();
                let next = state.next();
                state.free += usize::from(next.is_none());
                next
            };
            let Some(next) = next else { return };
            let slot = Slot { slots: Some(slots.clone()) };
            match next.send(slot) {
                Ok(()) => return,
                // Who waited has gone away: the place goes to the next one, and this copy of it counts for nothing.
                Err(mut slot) => slot.slots = None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(key: u32, fairness_key: &str, fairness_weight: f64) -> Priority {
        Priority { key, fairness_key: Some(fairness_key.to_owned()), fairness_weight }
    }

    /// The order in which waiters are served.
    async fn served(waiters: Vec<(&'static str, Priority)>) -> Vec<&'static str> {
        let slots = Slots::new(1);
        let first = slots.acquire(&Priority::default()).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for (name, priority) in waiters {
            let (slots, order) = (slots.clone(), Arc::clone(&order));
            let before = slots.waiting();
            let waiting = slots.clone();
            tasks.push(tokio::spawn(async move {
                let slot = slots.acquire(&priority).await;
                order.lock().unwrap().push(name);
                drop(slot);
            }));
            while waiting.waiting() == before {
                tokio::task::yield_now().await;
            }
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
        let slots = Slots::new(1);
        let first = slots.acquire(&Priority::default()).await;
        let gone = tokio::spawn({
            let slots = slots.clone();
            async move { drop(slots.acquire(&Priority::default()).await) }
        });
        while slots.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        gone.abort();
        let _ = gone.await;
        drop(first);
        let again = slots.acquire(&Priority::default()).await;
        drop(again);
        assert_eq!(slots.state().free, 1);
    }
}
