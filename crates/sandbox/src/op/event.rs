//! `ctx.event`: events of the function's own namespace.
//!
//! An event that is given no id has one that follows from the attempt's idempotency key, its number among what the
//! execution starts, signals and publishes, and its type. A repeated attempt publishes with the same ids, so nothing is
//! published twice.

use nexus_kernel::Json;
use nexus_kernel::limits::ID_BYTES_MAX;
use nexus_kernel::port::blob::Hash;
use nexus_kernel::port::event::Publication;
use serde::Deserialize;
use serde_json::json;

use super::{OpError, Scope};
use crate::capability::Kind;

#[derive(Deserialize)]
pub(super) struct Publish {
    r#type: String,
    #[serde(default)]
    data: Json,
    id: Option<String>,
    subject: Option<String>,
}

impl Scope {
    pub(super) async fn event_publish(&self, publish: Publish, number: u64) -> Result<Json, OpError> {
        self.check(Kind::EventPublish, &publish.r#type)?;
        let Publish { r#type: kind, mut data, id, mut subject } = publish;
        self.redactions.json(&mut data);
        if let Some(subject) = &mut subject {
            self.redactions.text(subject);
        }
        let mut id = id.unwrap_or_else(|| own_id(&self.once, number, &kind));
        self.redactions.text(&mut id);
        let missing = || OpError::new("UnavailableError", "nobody takes events of functions here");
        let events = self.ports.events.clone().ok_or_else(missing)?;
        let publication = Publication { namespace: self.namespace.clone(), kind, data, id, subject };
        let published = events.publish(publication).await;
        let published = published.map_err(|error| OpError::of("EventError", &error))?;
        Ok(json!({ "id": published.id, "sequence": published.sequence }))
    }
}

/// Long workflow ids make long ids, and those of events have a limit.
fn own_id(once: &str, number: u64, kind: &str) -> String {
    let id = format!("{once}/{number}/event/{kind}");
    if id.len() <= ID_BYTES_MAX { id } else { Hash::of(id.as_bytes()).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_within_their_limit_and_differ() {
        assert_eq!(own_id("o-1/run_1/3", 2, "order.paid"), "o-1/run_1/3/2/event/order.paid");
        let long = "x".repeat(ID_BYTES_MAX);
        assert_eq!(own_id(&long, 1, "a").len(), 64);
        assert_ne!(own_id(&long, 1, "a"), own_id(&long, 2, "a"));
    }
}
