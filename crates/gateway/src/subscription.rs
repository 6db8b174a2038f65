//! Subscriptions: durable readers of events that deliver each of them somewhere, at least once and in order.
//!
//! A subscription has a cursor in the store. It moves when an event was delivered, or was given up and kept as a dead
//! letter; so after a crash the last event may be delivered again, and none is passed over. A target that is down holds up
//! its own subscription and nobody else's.

mod dead;
mod figures;
mod operations;
mod record;
mod trigger;

pub use trigger::Trigger;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::meter::{Bounded, Counter, Histogram};
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::event::{Event, EventPage, EventQuery, TypeFilter};
use nexus_kernel::port::kv::{Kv, KvWrite};
use nexus_kernel::task::{self, Shutdown};
use nexus_kernel::time::Timestamp;
use nexus_kernel::{BoxFuture, Json};

use crate::limits::{DELIVERY_RETRY_SECONDS_MAX, SUBSCRIPTION_PAGE_EVENTS, SUBSCRIPTION_WAIT_SECONDS};
use record::Cursor;

/// Kinds of targets that are counted apart.
const TARGET_KINDS_MAX: usize = 8;

/// Why an event was not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    /// What happened, for people.
    pub message: String,
    /// Whether trying again would be in vain.
    pub is_final: bool,
    /// How long to wait before the next attempt, when the target has said so.
    pub retry_after: Option<Duration>,
}

/// Where events go.
pub trait Deliver: Send + Sync {
    /// Delivers one event. The same event may come again; a target that cares recognises it by its id.
    fn deliver(&self, namespace: &Namespace, event: &Event) -> BoxFuture<'static, Result<(), Undelivered>>;

    /// What kind of target it is, and which, for lists. Nothing secret.
    fn describe(&self) -> Json;
}

/// Where events come from.
pub trait Feed: Send + Sync {
    /// Events after a cursor; when there are none yet, it waits for some at most this long.
    fn read(&self, query: EventQuery, wait: Duration) -> BoxFuture<'static, Result<EventPage, Error>>;
}

/// One subscription as it is configured.
#[derive(Clone)]
pub struct Subscription {
    /// Its name, unique in a project.
    pub name: String,
    /// Whose events.
    pub namespace: Namespace,
    /// Which of them; all when empty.
    pub kinds: Vec<TypeFilter>,
    /// Where they go.
    pub target: Arc<dyn Deliver>,
    /// How often an event is tried before it becomes a dead letter.
    pub attempts_max: u32,
}

impl Subscription {
    fn wants(&self, event: &Event) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|kind| kind.fits(&event.fact.kind))
    }
}

/// The subscriptions of a server. Cheap to clone.
#[derive(Clone)]
pub struct Subscriptions {
    parts: Arc<Parts>,
}

struct Parts {
    store: Arc<dyn Kv>,
    clock: SharedClock,
    feed: Arc<dyn Feed>,
    running: Mutex<BTreeMap<String, Running>>,
    meters: Meters,
}

/// What is counted of deliveries.
struct Meters {
    /// How old events were when they were delivered.
    ages: Histogram,
    /// Attempts by kind of target.
    attempts: Bounded<String, Attempts>,
}

/// Attempts to deliver to targets of one kind.
#[derive(Default)]
struct Attempts {
    delivered: Counter,
    failed: Counter,
    dead: Counter,
}

/// A subscription that is served, and how it does.
struct Running {
    subscription: Subscription,
    stop: Shutdown,
    progress: Progress,
}

/// How a subscription does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    after: u64,
    attempt: u32,
    failure: Option<String>,
}

impl nexus_kernel::verb::Part for Subscriptions {}

impl Subscriptions {
    /// Subscriptions that keep their cursors in this store.
    pub fn new(store: Arc<dyn Kv>, clock: SharedClock, feed: Arc<dyn Feed>) -> Subscriptions {
        let meters = Meters { ages: Histogram::default(), attempts: Bounded::new(TARGET_KINDS_MAX) };
        Subscriptions { parts: Arc::new(Parts { store, clock, feed, running: Mutex::default(), meters }) }
    }

    /// Serves these from now on, and no others. A subscription of a name that was served before goes on where it was.
    pub fn serve(&self, subscriptions: Vec<Subscription>) {
        let mut running = self.parts.running.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, old) in std::mem::take(&mut *running) {
            old.stop.begin();
        }
        for subscription in subscriptions {
            let stop = Shutdown::new();
            let (name, delivering) = (subscription.name.clone(), self.clone());
            drop(task::spawn(delivering.keep_delivering(subscription.clone(), stop.clone())));
            running.insert(name, Running { subscription, stop, progress: Progress::default() });
        }
    }

    /// Serves none any more.
    pub fn stop(&self) {
        self.serve(Vec::new());
    }

    fn tell(&self, name: &str, change: impl FnOnce(&mut Progress)) {
        let mut running = self.parts.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(one) = running.get_mut(name) {
            change(&mut one.progress);
        }
    }

    /// Delivers until it is stopped. Faults of the store are waited out: the cursor is where it was.
    async fn keep_delivering(self, subscription: Subscription, stop: Shutdown) {
        loop {
            let failure = tokio::select! {
                biased;
                () = stop.begun() => return,
                ended = self.deliver_all(&subscription, &stop) => ended.err(),
            };
            let Some(error) = failure else { return };
            tracing::warn!(subscription = subscription.name, %error, "events cannot be read");
            self.tell(&subscription.name, |progress| progress.failure = Some(error.message().to_owned()));
            let next = self.parts.clock.now().plus(Duration::from_secs(DELIVERY_RETRY_SECONDS_MAX));
            tokio::select! {
                biased;
                () = stop.begun() => return,
                () = self.parts.clock.sleep_until(next) => {}
            }
        }
    }

    async fn deliver_all(&self, subscription: &Subscription, stop: &Shutdown) -> Result<(), Error> {
        let mut after = self.begin(subscription).await?;
        let wait = Duration::from_secs(SUBSCRIPTION_WAIT_SECONDS);
        while !stop.has_begun() {
            self.tell(&subscription.name, |progress| progress.after = after);
            let kind = match subscription.kinds.as_slice() {
                [only] => Some(only.clone()),
                _ => None,
            };
            let namespace = subscription.namespace.clone();
            let query = EventQuery { namespace, after, kind, limit: SUBSCRIPTION_PAGE_EVENTS };
            let page = self.parts.feed.read(query, wait).await?;
            for event in page.events.iter().filter(|event| subscription.wants(event)) {
                self.settle(subscription, event).await?;
                self.move_to(subscription, event.sequence).await?;
            }
            if page.next > after {
                after = page.next;
                self.move_to(subscription, after).await?;
            }
        }
        Ok(())
    }

    /// Where a subscription goes on: at its cursor, or at the end of the log when it is new.
    async fn begin(&self, subscription: &Subscription) -> Result<u64, Error> {
        let key = record::cursor_key(&subscription.name);
        let known = self.parts.store.kv_get(&Namespace::system(), &key).await?;
        let known = known.and_then(|entry| serde_json::from_value::<Cursor>(entry.value).ok());
        if let Some(cursor) = known.filter(|cursor| cursor.namespace == subscription.namespace) {
            return Ok(cursor.after);
        }
        let query = EventQuery { namespace: subscription.namespace.clone(), after: 0, kind: None, limit: 1 };
        let last = self.parts.feed.read(query, Duration::ZERO).await?.last;
        self.move_to(subscription, last).await?;
        Ok(last)
    }

    async fn move_to(&self, subscription: &Subscription, after: u64) -> Result<(), Error> {
        let cursor = Cursor { namespace: subscription.namespace.clone(), after };
        let value = serde_json::to_value(cursor).map_err(|error| Error::internal(error.to_string()))?;
        let write = KvWrite::Put { key: record::cursor_key(&subscription.name), value };
        self.parts.store.kv_commit(&Namespace::system(), Vec::new(), vec![write]).await?;
        Ok(())
    }

    /// Delivers an event, or keeps it as a dead letter.
    async fn settle(&self, subscription: &Subscription, event: &Event) -> Result<(), Error> {
        let (clock, meters) = (&self.parts.clock, &self.parts.meters);
        let attempts = meters.attempts.of(kind_of(&*subscription.target).as_str());
        let mut attempt = 1;
        loop {
            let undelivered = match subscription.target.deliver(&subscription.namespace, event).await {
                Ok(()) => {
                    attempts.delivered.one();
                    meters.ages.note(clock.now().since(event.fact.time));
                    self.tell(&subscription.name, |progress| {
                        (progress.attempt, progress.failure) = (0, None);
                    });
                    return Ok(());
                }
                Err(undelivered) => undelivered,
            };
            attempts.failed.one();
            let message = undelivered.message.clone();
            self.tell(&subscription.name, |progress| {
                (progress.attempt, progress.failure) = (attempt, Some(message));
            });
            let Some(next) = next_attempt(clock.now(), &undelivered, (attempt, subscription.attempts_max))
            else {
                tracing::warn!(
                    subscription = subscription.name,
                    event = event.sequence,
                    reason = undelivered.message,
                    "an event was given up and kept as a dead letter"
                );
                attempts.dead.one();
                return self.bury(subscription, event, (attempt, undelivered.message)).await;
            };
            clock.sleep_until(next).await;
            attempt += 1;
        }
    }
}

/// The kind of a target, as lists name it.
fn kind_of(target: &dyn Deliver) -> String {
    target.describe().get("kind").and_then(Json::as_str).unwrap_or_default().to_owned()
}

/// When to try again: after a second, then twice as long each time; never when it would be in vain or was tried enough.
fn next_attempt(
    now: Timestamp,
    undelivered: &Undelivered,
    (attempt, attempts_max): (u32, u32),
) -> Option<Timestamp> {
    if undelivered.is_final || attempt >= attempts_max {
        return None;
    }
    let doubled = 1_u64.checked_shl(attempt - 1).unwrap_or(u64::MAX);
    let pause = Duration::from_secs(doubled.min(DELIVERY_RETRY_SECONDS_MAX));
    let longest = Duration::from_secs(DELIVERY_RETRY_SECONDS_MAX);
    Some(now.plus(undelivered.retry_after.unwrap_or(pause).min(longest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute_and_end() {
        let start = Timestamp::from_millis(0);
        let failed = |retry_after| Undelivered { message: String::new(), is_final: false, retry_after };
        let pause = |attempt, retry_after: Option<u64>| {
            let undelivered = failed(retry_after.map(Duration::from_secs));
            next_attempt(start, &undelivered, (attempt, 100)).map(|next| next.since(start).as_secs())
        };
        let all: Vec<_> = (1..=8).filter_map(|attempt| pause(attempt, None)).collect();
        assert_eq!(all, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pause(90, None), Some(60));
        assert_eq!(pause(1, Some(7)), Some(7));
        assert_eq!(pause(1, Some(86_400)), Some(60), "a target cannot put its events off for a day");
        assert_eq!(pause(100, None), None);
        let vain = Undelivered { is_final: true, ..failed(None) };
        assert_eq!(next_attempt(start, &vain, (1, 100)), None);
    }
}
