//! Logs of events in the memory store.

use std::collections::{BTreeMap, VecDeque};

use super::store::MemoryStore;
use crate::BoxFuture;
use crate::id::Namespace;
use crate::port::StoreError;
use crate::port::event::{Appended, Event, EventPage, EventQuery, Events, Fact, PAGE_BYTES_MAX, Prune};

/// The logs of all namespaces.
#[derive(Debug, Default)]
pub(super) struct EventLogs(BTreeMap<Namespace, EventLog>);

impl EventLogs {
    /// Bytes of the data of a namespace's events.
    pub(super) fn bytes(&self, namespace: &Namespace) -> usize {
        let events = self.0.get(namespace).into_iter().flat_map(|log| &log.events);
        events.map(|event| event.fact.data.to_string().len()).sum()
    }
}

/// What is kept has no holes, so that the place of an event follows from that of the first.
#[derive(Debug, Default)]
struct EventLog {
    last: u64,
    events: VecDeque<Event>,
    places: BTreeMap<String, u64>,
}

impl EventLog {
    fn append(&mut self, fact: Fact) -> Appended {
        if let Some(sequence) = self.places.get(&fact.id) {
            return Appended { sequence: *sequence, is_new: false };
        }
        self.last += 1;
        self.places.insert(fact.id.clone(), self.last);
        self.events.push_back(Event { sequence: self.last, fact });
        Appended { sequence: self.last, is_new: true }
    }

    fn read(&self, query: &EventQuery) -> EventPage {
        let first = self.events.front().map_or(self.last + 1, |event| event.sequence);
        let mut page =
            EventPage { next: query.after.max(self.last), first, last: self.last, events: Vec::new() };
        let mut bytes = 0;
        let fits = |event: &&Event| {
            event.sequence > query.after && query.kind.as_ref().is_none_or(|kind| kind.fits(&event.fact.kind))
        };
        if query.limit == 0 {
            page.next = query.after;
            return page;
        }
        for event in self.events.iter().filter(fits) {
            bytes += event.fact.data.to_string().len();
            page.events.push(event.clone());
            if page.events.len() == query.limit || bytes >= PAGE_BYTES_MAX {
                page.next = event.sequence;
                break;
            }
        }
        page
    }

    fn prune(&mut self, prune: Prune) -> u64 {
        let through = prune.keep.map_or(0, |keep| self.last.saturating_sub(keep));
        let goes = |event: &Event| {
            event.sequence <= through || prune.before.is_some_and(|before| event.fact.time < before)
        };
        let count = self.events.iter().take(prune.limit).take_while(|event| goes(event)).count();
        for event in self.events.drain(..count) {
            self.places.remove(&event.fact.id);
        }
        count as u64
    }
}

fn ready<T: Send + 'static>(value: T) -> BoxFuture<'static, Result<T, StoreError>> {
    Box::pin(std::future::ready(Ok(value)))
}

impl Events for MemoryStore {
    fn event_append(
        &self,
        namespace: &Namespace,
        facts: Vec<Fact>,
    ) -> BoxFuture<'_, Result<Vec<Appended>, StoreError>> {
        if facts.is_empty() {
            return ready(Vec::new());
        }
        let mut logs = self.event_logs();
        let log = logs.0.entry(namespace.clone()).or_default();
        ready(facts.into_iter().map(|fact| log.append(fact)).collect())
    }

    fn event_read(&self, query: EventQuery) -> BoxFuture<'_, Result<EventPage, StoreError>> {
        let logs = self.event_logs();
        ready(
            logs.0
                .get(&query.namespace)
                .map_or_else(|| EventLog::default().read(&query), |log| log.read(&query)),
        )
    }

    fn event_get(&self, namespace: &Namespace, id: &str) -> BoxFuture<'_, Result<Option<Event>, StoreError>> {
        let logs = self.event_logs();
        let found = logs.0.get(namespace).and_then(|log| {
            let place = log.places.get(id)?;
            log.events.iter().find(|event| event.sequence == *place).cloned()
        });
        ready(found)
    }

    fn event_prune(&self, namespace: &Namespace, prune: Prune) -> BoxFuture<'_, Result<u64, StoreError>> {
        ready(self.event_logs().0.get_mut(namespace).map_or(0, |log| log.prune(prune)))
    }

    fn event_namespaces(&self) -> BoxFuture<'_, Result<Vec<Namespace>, StoreError>> {
        ready(self.event_logs().0.keys().cloned().collect())
    }
}
