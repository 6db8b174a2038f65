//! Batches as the rest of the server reaches them.

use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::{RunId, WorkflowId};
use serde_json::{Value, json};

use crate::batch::book::unknown;
use crate::batch::record::{Batch, BatchState, Target};
use crate::batch::{BatchVerb, pages};
use crate::engine::EngineHandle;

/// Batches that are not over, at most.
pub(super) const BATCHES_OPEN_MAX: usize = 10;

/// Batches that are kept; beyond that the oldest ones that are over are forgotten.
const BATCHES_KEPT_MAX: usize = 500;

/// Runs that a batch can name one by one.
pub(super) const RUNS_MAX: usize = 1_000;

/// Highest rate of a batch, in runs per second.
pub(super) const RATE_MAX: f64 = 1_000.0;

/// Rate when nobody says.
pub(super) const RATE_DEFAULT: f64 = 50.0;

/// Most runs that have their turn at the same time.
pub(super) const CONCURRENCY_MAX: usize = 50;

/// The same when nobody says.
pub(super) const CONCURRENCY_DEFAULT: usize = 10;

/// A batch that is to be started.
#[derive(Debug, Clone)]
pub struct NewBatch {
    /// Its id, when its caller has one: equal ids are one batch.
    pub id: Option<String>,
    /// What is done.
    pub verb: BatchVerb,
    /// To which runs.
    pub target: Target,
    /// Why.
    pub reason: String,
    /// Runs that have their turn in a second, at most.
    pub per_second: Option<f64>,
    /// Runs that have their turn at the same time, at most.
    pub concurrency: Option<usize>,
}

impl EngineHandle {
    /// Starts a batch. It is durable when this returns, and goes on by itself.
    ///
    /// # Errors
    ///
    /// The filter cannot be understood, or there is none; too many batches are not over.
    pub async fn start_batch(&self, new: NewBatch) -> Result<Batch, Error> {
        let now = self.shared.clock.now();
        let id = match &new.id {
            Some(given) => WorkflowId::new(given).map(|id| id.as_str().to_owned()),
            None => {
                let drawn = RunId::generate(now, &*self.shared.rng);
                Ok(drawn.as_str().replacen(RunId::PREFIX, "batch_", 1))
            }
        }?;
        let (target, total) = self.batch_target(new.target, &new.verb).await?;
        let batch = Batch {
            reason: if new.reason.is_empty() { format!("batch {id}") } else { new.reason },
            id,
            verb: new.verb,
            target,
            per_second: new.per_second.unwrap_or(RATE_DEFAULT).clamp(0.01, RATE_MAX),
            concurrency: new.concurrency.unwrap_or(CONCURRENCY_DEFAULT).clamp(1, CONCURRENCY_MAX),
            started_at: now,
            ended_at: None,
            state: BatchState::Running,
            note: String::new(),
            total,
            done: 0,
            failed: 0,
            failures: Vec::new(),
            page: Vec::new(),
        };
        Ok(self.shared.batches.add(&batch, superfluous).await?.unwrap_or(batch))
    }

    /// The target as it is kept, and how many runs it has.
    async fn batch_target(&self, target: Target, verb: &BatchVerb) -> Result<(Target, u64), Error> {
        match target {
            Target::Runs { mut runs, .. } => {
                let mut seen = std::collections::HashSet::new();
                runs.retain(|run| seen.insert(run.clone()));
                let total = runs.len() as u64;
                Ok((Target::Runs { runs, position: 0 }, total))
            }
            Target::Filter { namespace, filter, .. } => {
                if filter.trim().is_empty() {
                    let error = Error::new(&code::INPUT_INVALID, "a batch of all runs has to say so");
                    return Err(error
                        .fault("/filter", "is empty")
                        .help("write for example `StartTime > '2000-01-01T00:00:00Z'`"));
                }
                let now = self.shared.clock.now();
                let query = pages::query(self, (&namespace, &filter), (verb, now))?;
                let total = pages::count(self, &query).await?;
                Ok((Target::Filter { namespace, filter, after: None }, total))
            }
        }
    }

    /// What is known of a batch.
    pub async fn batch(&self, id: &str) -> Result<Batch, Error> {
        self.shared.batches.read(id).await?.ok_or_else(|| unknown(id))
    }

    /// What is known of a batch when it is over, or when the time is.
    pub async fn batch_within(&self, id: &str, limit: Duration) -> Result<Batch, Error> {
        let over = async {
            let mut changes = self.shared.batches.changes();
            while self.batch(id).await?.is_open() {
                if changes.changed().await.is_err() {
                    break;
                }
            }
            Ok::<(), Error>(())
        };
        if let Some(outcome) = self.within(limit, over).await {
            outcome?;
        }
        self.batch(id).await
    }

    /// Every batch that is known, the newest first.
    pub async fn batches(&self) -> Result<Vec<Batch>, Error> {
        let mut all = self.shared.batches.all().await?;
        all.sort_by(|a, b| (b.started_at, &b.id).cmp(&(a.started_at, &a.id)));
        Ok(all)
    }

    /// Stops a batch. Runs that have had their turn keep what was done to them.
    pub async fn stop_batch(&self, id: &str, reason: &str) -> Result<Batch, Error> {
        let now = self.shared.clock.now();
        let stop = |batch: &mut Batch| {
            if batch.is_open() {
                batch.end(BatchState::Stopped, now, reason);
            }
        };
        self.shared.batches.change(id, stop).await
    }
}

/// The batches to forget for a new one.
fn superfluous(all: &[Batch]) -> Result<Vec<String>, Error> {
    if all.iter().filter(|batch| batch.is_open()).count() >= BATCHES_OPEN_MAX {
        let message = format!("{BATCHES_OPEN_MAX} batches are not over yet");
        return Err(Error::new(&code::BATCHES_FULL, message)
            .help("wait for one of them, or stop one; `nexus batch list` shows them"));
    }
    let mut over: Vec<&Batch> = all.iter().filter(|batch| !batch.is_open()).collect();
    over.sort_by_key(|batch| batch.started_at);
    let surplus = (all.len() + 1).saturating_sub(BATCHES_KEPT_MAX);
    Ok(over.iter().take(surplus).map(|batch| batch.id.clone()).collect())
}

impl Batch {
    /// The batch as callers see it.
    pub fn to_json(&self) -> Json {
        let mut shown = serde_json::to_value(self).unwrap_or_default();
        let Some(fields) = shown.as_object_mut() else { return shown };
        for name in ["id", "target", "page", "failures", "note"] {
            fields.remove(name);
        }
        fields.extend(match &self.target {
            Target::Filter { namespace, filter, .. } => {
                owned([("namespace", json!(namespace)), ("filter", json!(filter))])
            }
            Target::Runs { runs, .. } => owned([("runs", json!(runs.len())), ("filter", Json::Null)]),
        });
        fields.extend(owned([
            ("started_at", json!(self.started_at.to_string())),
            ("ended_at", json!(self.ended_at.map(|at| at.to_string()))),
            ("left", json!(self.left())),
        ]));
        fields.extend(owned([("failures", json!(self.failures)), ("note", json!(self.note))]));
        fields.insert("batch_id".into(), json!(self.id));
        shown
    }
}

fn owned<const N: usize>(fields: [(&str, Value); N]) -> Vec<(String, Value)> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
