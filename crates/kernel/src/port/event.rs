//! Events: what happened, as a log for each namespace that anybody may read on from where they were.
//!
//! An event has the words of `CloudEvents` (id, source, type, subject, time, data) and a sequence, which is the cursor:
//! sequences of a namespace begin at 1, have no gaps, and are never given out again, whatever was pruned. What is kept is
//! always the newest part of the log without a hole.

use serde_json::json;

use crate::error::Error;
use crate::id::Namespace;
use crate::port::StoreError;
use crate::time::Timestamp;
use crate::trace::TraceContext;

use crate::{BoxFuture, Json};

/// A page ends early with the event whose data bring it to this many bytes.
pub const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What happened, before it has a place in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// Its id: the same one twice is one event, as long as the first is kept.
    pub id: String,
    /// Where it comes from, a reference such as `/namespaces/default`.
    pub source: String,
    /// What kind of thing happened, such as `order.paid`: the `type` of `CloudEvents`.
    pub kind: String,
    /// What it happened to.
    pub subject: Option<String>,
    /// When it was published.
    pub time: Timestamp,
    /// What else there is to tell.
    pub data: Json,
    /// Where whoever published it stood in a trace.
    pub trace: Option<TraceContext>,
}

/// An event with its place in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its place, and the cursor of whoever has seen everything up to it.
    pub sequence: u64,
    /// What happened.
    pub fact: Fact,
}

impl Event {
    /// The event as others see it: the words of `CloudEvents` 1.0, its extension "Distributed Tracing", and where it
    /// stands.
    pub fn to_json(&self, namespace: &Namespace) -> Json {
        let fact = &self.fact;
        let mut shown = json!({
            "specversion": "1.0",
            "id": fact.id,
            "source": fact.source,
            "type": fact.kind,
            "time": fact.time.to_string(),
            "data": fact.data,
            "namespace": namespace,
            "sequence": self.sequence,
        });
        let parent = fact.trace.as_ref().map(TraceContext::parent);
        let state = fact.trace.as_ref().and_then(|trace| trace.state.as_deref());
        let some =
            [("subject", fact.subject.as_deref()), ("traceparent", parent.as_deref()), ("tracestate", state)];
        if let Some(fields) = shown.as_object_mut() {
            fields.extend(some.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into()))));
        }
        shown
    }
}

/// What became of one fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The place of the event of this id.
    pub sequence: u64,
    /// Whether it was not there before.
    pub is_new: bool,
}

/// Which types are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeFilter {
    /// This one.
    Is(String),
    /// All that begin like this.
    Begins(String),
}

impl TypeFilter {
    /// Reads a pattern: a type, or the beginning of one and a `*`.
    pub fn parse(pattern: &str) -> TypeFilter {
        match pattern.strip_suffix('*') {
            Some(prefix) => TypeFilter::Begins(prefix.to_owned()),
            None => TypeFilter::Is(pattern.to_owned()),
        }
    }

    /// Whether events of a type are read.
    pub fn fits(&self, kind: &str) -> bool {
        match self {
            TypeFilter::Is(wanted) => kind == wanted,
            TypeFilter::Begins(prefix) => kind.starts_with(prefix.as_str()),
        }
    }
}

/// What to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventQuery {
    /// Whose log.
    pub namespace: Namespace,
    /// Only events after this place.
    pub after: u64,
    /// Only events of these types; all when absent.
    pub kind: Option<TypeFilter>,
    /// Most events to give.
    pub limit: usize,
}

/// A part of a log, and how much of it there is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventPage {
    /// The events, in order.
    pub events: Vec<Event>,
    /// Where to read on: everything up to here was given or does not fit the filter.
    pub next: u64,
    /// Place of the oldest event that is kept; one after the last when there is none.
    pub first: u64,
    /// The last place that was given out; 0 before the first event.
    pub last: u64,
}

/// Which events are let go of: from the oldest on, up to the first that is to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prune {
    /// Events from before this time go.
    pub before: Option<Timestamp>,
    /// Events go that are not among so many newest ones.
    pub keep: Option<u64>,
    /// Most events that go at once.
    pub limit: usize,
}

/// The port.
pub trait Events: Send + Sync {
    /// Appends facts in this order, all of them or none, and tells the place of each. A fact whose id is in the log
    /// already, or earlier in this list, is not appended again.
    fn event_append(
        &self,
        namespace: &Namespace,
        facts: Vec<Fact>,
    ) -> BoxFuture<'_, Result<Vec<Appended>, StoreError>>;

    /// Reads on in a log.
    fn event_read(&self, query: EventQuery) -> BoxFuture<'_, Result<EventPage, StoreError>>;

    /// The event of an id, while it is kept.
    fn event_get(&self, namespace: &Namespace, id: &str) -> BoxFuture<'_, Result<Option<Event>, StoreError>>;

    /// Lets go of old events, and tells how many that were.
    fn event_prune(&self, namespace: &Namespace, prune: Prune) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// Every namespace that ever had an event, in order.
    fn event_namespaces(&self) -> BoxFuture<'_, Result<Vec<Namespace>, StoreError>>;
}

/// An event that a function publishes.
#[derive(Debug, Clone, PartialEq)]
pub struct Publication {
    /// Where.
    pub namespace: Namespace,
    /// Its type.
    pub kind: String,
    /// What there is to tell.
    pub data: Json,
    /// Its id: equal ids are one event.
    pub id: String,
    /// What it happened to.
    pub subject: Option<String>,
}

/// What a publisher is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The event's id.
    pub id: String,
    /// Its place.
    pub sequence: u64,
}

/// The port of those who are not the engine: publishing, by the rules.
pub trait Publisher: Send + Sync {
    /// Publishes an event; it is durable when this answers.
    fn publish(&self, publication: Publication) -> BoxFuture<'static, Result<Published, Error>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_ends_a_beginning() {
        assert!(TypeFilter::parse("order.paid").fits("order.paid"));
        assert!(!TypeFilter::parse("order").fits("order.paid"));
        assert!(TypeFilter::parse("order.*").fits("order.paid"));
        assert!(!TypeFilter::parse("order.*").fits("orders.paid"));
        assert!(TypeFilter::parse("*").fits("anything"));
    }
}
