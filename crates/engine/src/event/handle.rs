//! Events as the rest of the server reaches them.

use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::{Namespace, RunId};
use nexus_kernel::port::event::{Appended, Event, EventPage, EventQuery, Fact};
use nexus_kernel::trace::TraceContext;

use crate::engine::EngineHandle;
use crate::event::check;

/// An event that is to be published.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// Its type, such as `order.paid`.
    pub kind: String,
    /// What there is to tell.
    pub data: Json,
    /// Its id: equal ids are one event. Made up when absent.
    pub id: Option<String>,
    /// What it happened to.
    pub subject: Option<String>,
    /// Where it comes from; the namespace when absent.
    pub source: Option<String>,
    /// Where whoever publishes it stands in a trace.
    pub trace: Option<TraceContext>,
}

impl NewEvent {
    /// An event with a type and data only.
    pub fn new(kind: impl Into<String>, data: Json) -> NewEvent {
        NewEvent { kind: kind.into(), data, id: None, subject: None, source: None, trace: None }
    }
}

/// An event that was published, now or by an earlier request of the same id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its id.
    pub id: String,
    /// Its place, and whether it is new.
    pub place: Appended,
}

impl EngineHandle {
    /// Publishes events, all of them or none. They are durable when this returns.
    ///
    /// # Errors
    ///
    /// An event does not keep to the rules; nothing is published then.
    pub async fn publish(
        &self,
        namespace: &Namespace,
        events: Vec<NewEvent>,
    ) -> Result<Vec<Published>, Error> {
        check::all(&events)?;
        let facts: Vec<_> = events.into_iter().map(|event| self.fact(namespace, event)).collect();
        let ids: Vec<_> = facts.iter().map(|fact| fact.id.clone()).collect();
        let places = self.shared().store.event_append(namespace, facts).await?;
        if places.iter().any(|place| place.is_new) {
            self.shared().news.ring(namespace);
        }
        Ok(ids.into_iter().zip(places).map(|(id, place)| Published { id, place }).collect())
    }

    /// Publishes an event of Nexus itself, whose type begins with `nexus.`.
    pub async fn announce(&self, namespace: &Namespace, kind: &str, data: Json) -> Result<(), Error> {
        let fact = self.fact(namespace, NewEvent::new(format!("nexus.{kind}"), data));
        self.shared().store.event_append(namespace, vec![fact]).await?;
        self.shared().news.ring(namespace);
        Ok(())
    }

    fn fact(&self, namespace: &Namespace, event: NewEvent) -> Fact {
        let time = self.shared().clock.now();
        let made_up = || {
            let unique = RunId::generate(time, &*self.shared().rng);
            unique.as_str().replacen(RunId::PREFIX, "evt_", 1)
        };
        Fact {
            id: event.id.unwrap_or_else(made_up),
            source: event.source.unwrap_or_else(|| format!("/namespaces/{namespace}")),
            kind: event.kind,
            subject: event.subject,
            time,
            data: event.data,
            trace: event.trace,
        }
    }

    /// Events after a cursor. When there are none yet, it waits for some at most this long.
    ///
    /// # Errors
    ///
    /// The cursor is one that the log has not reached.
    pub async fn events(&self, mut query: EventQuery, wait: Duration) -> Result<EventPage, Error> {
        let clock = &self.shared().clock;
        let until = clock.now().plus(wait);
        let mut news = self.shared().news.of(&query.namespace);
        loop {
            // What is published after this line rings again, so nothing is slept through.
            news.mark_unchanged();
            let page = self.shared().store.event_read(query.clone()).await?;
            if query.after > page.last {
                return Err(beyond(&query, page.last));
            }
            if !page.events.is_empty() || clock.now() >= until {
                return Ok(page);
            }
            query.after = page.next;
            tokio::select! {
                biased;
                _ = news.changed() => {} // the bell lives as long as the engine
                () = clock.sleep_until(until) => {}
            }
        }
    }

    /// The event of an id.
    ///
    /// # Errors
    ///
    /// There is none, or it is not kept any more.
    pub async fn event(&self, namespace: &Namespace, id: &str) -> Result<Event, Error> {
        let found = self.shared().store.event_get(namespace, id).await?;
        found.ok_or_else(|| {
            Error::new(&code::EVENT_UNKNOWN, format!("there is no event {id:?} in namespace {namespace}"))
                .help("`nexus event list` shows those that are kept")
        })
    }
}

fn beyond(query: &EventQuery, last: u64) -> Error {
    let EventQuery { namespace, after, .. } = query;
    let message =
        format!("the cursor is {after}, and the last event of namespace {namespace} is number {last}");
    Error::new(&code::EVENT_CURSOR, message).help(
        "the cursor is of another data folder, or of one before it was restored: begin anew without a cursor",
    )
}
