//! What events tell.

use nexus_kernel::BoxFuture;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::StoreError;
use nexus_kernel::port::event::{Appended, Event, EventPage, EventQuery, Events, Fact, Prune};

use super::{Place, SealedStore};

impl<S: Events> SealedStore<S> {
    fn told(&self, namespace: &Namespace, mut event: Event) -> Result<Event, StoreError> {
        event.fact.data = self.open_json(namespace, Place::Event(&event.fact.id), event.fact.data)?;
        Ok(event)
    }
}

impl<S: Events> Events for SealedStore<S> {
    fn event_append(
        &self,
        namespace: &Namespace,
        facts: Vec<Fact>,
    ) -> BoxFuture<'_, Result<Vec<Appended>, StoreError>> {
        let namespace = namespace.clone();
        Box::pin(async move {
            let mut sealed = Vec::with_capacity(facts.len());
            for mut fact in facts {
                fact.data = self.keep_json(&namespace, Place::Event(&fact.id), fact.data).await?;
                sealed.push(fact);
            }
            self.inner.event_append(&namespace, sealed).await
        })
    }

    fn event_read(&self, query: EventQuery) -> BoxFuture<'_, Result<EventPage, StoreError>> {
        let namespace = query.namespace.clone();
        Box::pin(async move {
            let page = self.inner.event_read(query).await?;
            let events = page.events.into_iter().map(|event| self.told(&namespace, event));
            Ok(EventPage {
                events: events.collect::<Result<_, StoreError>>()?,
                next: page.next,
                first: page.first,
                last: page.last,
            })
        })
    }

    fn event_get(&self, namespace: &Namespace, id: &str) -> BoxFuture<'_, Result<Option<Event>, StoreError>> {
        let (namespace, id) = (namespace.clone(), id.to_owned());
        Box::pin(async move {
            let found = self.inner.event_get(&namespace, &id).await?;
            found.map(|event| self.told(&namespace, event)).transpose()
        })
    }

    fn event_prune(&self, namespace: &Namespace, prune: Prune) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.inner.event_prune(namespace, prune)
    }

    fn event_namespaces(&self) -> BoxFuture<'_, Result<Vec<Namespace>, StoreError>> {
        self.inner.event_namespaces()
    }
}
