//! Events of functions: published through the pipeline, so that they are checked and recorded like those of others; or
//! only collected, for a function that is tried at a terminal.

use std::sync::{Arc, Mutex, PoisonError};

use nexus_engine::event::{NewEvent, check};
use nexus_kernel::error::Error;
use nexus_kernel::id::RunId;
use nexus_kernel::port::event::{Publication, Published, Publisher};
use nexus_kernel::{BoxFuture, Json};
use serde_json::json;

use super::runs::Runs;

/// Events of a trial that are kept; further ones are counted only.
const COLLECTED_MAX: usize = 1_000;

/// Publishes what a function of a run says.
pub(super) struct Publishing {
    runs: Runs,
    run: RunId,
}

impl Publishing {
    /// For a function of this run.
    pub(super) fn of(runs: Runs, run: RunId) -> Publishing {
        Publishing { runs, run }
    }
}

impl Publisher for Publishing {
    fn publish(&self, publication: Publication) -> BoxFuture<'static, Result<Published, Error>> {
        let Publication { namespace, kind, data, id, subject } = publication;
        let source = format!("/namespaces/{namespace}/runs/{}", self.run);
        let mut input =
            json!({ "namespace": namespace, "type": kind, "data": data, "id": id, "source": source });
        if let (Some(fields), Some(subject)) = (input.as_object_mut(), subject) {
            fields.insert("subject".to_owned(), subject.into());
        }
        let runs = self.runs.clone();
        Box::pin(async move {
            let output = runs.verb("event.publish", input).await?;
            let place = output.pointer("/events/0/sequence").and_then(Json::as_u64);
            let sequence = place.ok_or_else(|| Error::internal("an event was published without a place"))?;
            Ok(Published { id, sequence })
        })
    }
}

/// What a function would have published, in order.
#[derive(Debug, Default)]
pub struct Collected(Mutex<Log>);

#[derive(Debug, Default)]
struct Log {
    kept: Vec<Publication>,
    count: u64,
}

impl Collected {
    /// All of it.
    pub fn take(self: &Arc<Self>) -> Vec<Publication> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).kept)
    }

    fn put(&self, publication: Publication) -> Result<Published, Error> {
        let Publication { kind, data, id, subject, .. } = publication.clone();
        let event = NewEvent { id: Some(id.clone()), subject, ..NewEvent::new(kind, data) };
        check(&[event])?;
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = log.kept.iter().position(|kept| kept.id == id) {
            return Ok(Published { id, sequence: at as u64 + 1 });
        }
        log.count += 1;
        if log.kept.len() < COLLECTED_MAX {
            log.kept.push(publication);
        }
        Ok(Published { id, sequence: log.count })
    }
}

impl Publisher for Collected {
    fn publish(&self, publication: Publication) -> BoxFuture<'static, Result<Published, Error>> {
        Box::pin(std::future::ready(self.put(publication)))
    }
}
