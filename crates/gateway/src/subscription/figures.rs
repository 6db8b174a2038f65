//! The figures of subscriptions.

use nexus_kernel::BoxFuture;

use super::Subscriptions;
use crate::metrics::declared::{EVENT_DELIVERIES, EVENT_DELIVERY};
use crate::metrics::{Page, Source};

impl Source for Subscriptions {
    fn show<'a>(&'a self, page: &'a mut Page) -> BoxFuture<'a, ()> {
        let meters = &self.parts.meters;
        page.times(&EVENT_DELIVERY, &[], meters.ages.get());
        for (kind, attempts) in meters.attempts.all() {
            page.count(&EVENT_DELIVERIES, &[&kind, "delivered"], attempts.delivered.get());
            page.count(&EVENT_DELIVERIES, &[&kind, "failed"], attempts.failed.get());
            page.count(&EVENT_DELIVERIES, &[&kind, "dead"], attempts.dead.get());
        }
        Box::pin(std::future::ready(()))
    }
}
