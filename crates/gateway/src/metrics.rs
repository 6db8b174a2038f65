//! Metrics: what the server counts, for Prometheus and whoever reads its formats.
//!
//! The gateway counts calls and connections itself. What other parts count they tell when somebody asks: each is a
//! [`Source`] that writes its figures onto a [`Page`]. Only what is [`declared`] can be written, and every label has a
//! bound.

mod calls;
pub mod declared;
mod page;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use nexus_kernel::BoxFuture;
use nexus_kernel::call::Channel;
use nexus_kernel::meter::{Counter, Gauge};
use nexus_kernel::operation::Operation;

pub(crate) use calls::Calls;
pub use calls::OTHER;
pub(crate) use page::Format;
pub use page::Page;

/// A part that has figures.
pub trait Source: Send + Sync {
    /// Writes them onto a page, as they are now.
    fn show<'a>(&'a self, page: &'a mut Page) -> BoxFuture<'a, ()>;
}

/// What a server counts. Cheap to clone; clones count together.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Parts>);

#[derive(Default)]
struct Parts {
    calls: Calls,
    doors: Doors,
    sources: RwLock<Vec<Arc<dyn Source>>>,
}

/// What is counted of HTTP before and behind calls.
#[derive(Default)]
pub(crate) struct Doors {
    /// Open connections.
    pub(crate) connections: Gauge,
    /// Open sockets of `/ws`.
    pub(crate) sockets: Gauge,
    /// Answers by the hundreds of their status.
    answers: [Counter; 5],
}

impl Doors {
    /// Notes an answer.
    pub(crate) fn answered(&self, status: u16) {
        if let Some(class) = self.answers.get(usize::from(status / 100).saturating_sub(1)) {
            class.one();
        }
    }

    fn show(&self, page: &mut Page) {
        page.gauge(&declared::HTTP_CONNECTIONS, &[], self.connections.get());
        page.gauge(&declared::WEBSOCKETS, &[], self.sockets.get());
        for (class, count) in ["1xx", "2xx", "3xx", "4xx", "5xx"].iter().zip(&self.answers) {
            page.count(&declared::HTTP_ANSWERS, &[class], count.get());
        }
    }
}

impl Metrics {
    /// Asks this part as well, from now on.
    pub fn add(&self, source: Arc<dyn Source>) {
        self.0.sources.write().unwrap_or_else(PoisonError::into_inner).push(source);
    }

    /// Forgets the parts, which may hold whoever holds this.
    pub fn clear(&self) {
        self.0.sources.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Counts a call that has ended: the code of its error, when it failed, and how long it took.
    pub fn ended(
        &self,
        channel: Channel,
        operation: Option<&Operation>,
        ended: (Option<&'static str>, Duration),
    ) {
        self.0.calls.ended(channel, operation, ended);
    }

    pub(crate) fn calls(&self) -> &Calls {
        &self.0.calls
    }

    pub(crate) fn doors(&self) -> &Doors {
        &self.0.doors
    }

    /// Everything as it is now.
    pub(crate) async fn page(&self) -> Page {
        let mut page = Page::default();
        self.0.calls.show(&mut page);
        self.0.doors.show(&mut page);
        let sources = self.0.sources.read().unwrap_or_else(PoisonError::into_inner).clone();
        for source in sources {
            source.show(&mut page).await;
        }
        page
    }
}
